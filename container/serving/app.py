"""What SageMaker asks of an endpoint's container: GET /ping and POST /invocations.

(SageMaker Developer Guide, "Custom Inference Code with Hosting Services".)
Plain ASGI: three paths need no framework, and the usual one would add a third to HTTP's time.
"""

import asyncio
import contextlib
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from serving.answers import (
    CLOSE,
    RETRY,
    Answer,
    Gone,
    Header,
    Headers,
    Receive,
    Refused,
    Scope,
    Send,
)
from serving.batching import Batcher, Failed
from serving.board import IN_FLIGHT
from serving.engines import Engine
from serving.examples import Unreadable
from serving.invocations import Invocations, Limits
from serving.observing import Exchange, Observer

PROBE_SECONDS = 1.0  # SageMaker waits 2 seconds for /ping
PROBE_EVERY_SECONDS = 5.0
# What SageMaker hands on to whoever has asked (InvokeEndpoint, API Reference: CustomAttributes)
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"


class App:
    """`loaded` gives the engine, or None while it is not ready.

    `trouble` tells why a worker on the same port cannot serve, if one cannot. `version` is told
    with each answer to /invocations: while an endpoint changes from one model to another, whoever
    asks it sees which one has answered.
    """

    def __init__(
        self,
        loaded: Callable[[], Engine | None],
        trouble: Callable[[], str] = lambda: "",
        limits: Limits | None = None,
        observer: Observer | None = None,
        version: str = "",
    ) -> None:
        told = (ATTRIBUTES, f"version={version}".encode())
        self._told: tuple[Header, ...] = (told,) if version else ()
        self._loaded, self._trouble = loaded, trouble
        self._observer = observer or Observer()
        self._invoke = Invocations(limits or Limits(), self._observer)
        self._made: Batcher | None = None
        self._probed = 0.0
        self._routes = {
            "/ping": (("GET", "HEAD"), self._ping),
            "/invocations": (("POST",), self._invocations),
            "/metrics": (("GET", "HEAD"), self._metrics),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = scope.get("exchange") or Exchange(scope["method"], scope["path"])
        self._observer.counters.add(IN_FLIGHT, 1)
        try:
            answer = await self._answer(dict(scope["headers"]), receive, exchange)
            exchange.status, exchange.bytes_out = answer.status, len(answer.body)
            told = self._told if exchange.path == "/invocations" else ()
            start = {"status": answer.status, "headers": [*answer.lines(), *told]}
            await send({"type": "http.response.start", **start})
            await send({"type": "http.response.body", "body": answer.body})
        except Gone:
            exchange.status = 499  # as nginx logs it; there is no such answer
        finally:
            self._observer.counters.add(IN_FLIGHT, -1)
            if exchange.path != "/ping":
                exchange.status = exchange.abandoned or exchange.status
                self._observer.ended(exchange)

    async def _answer(self, headers: Headers, receive: Receive, exchange: Exchange) -> Answer:
        try:
            if exchange.path not in self._routes:
                raise Refused(404, f"there is only {', '.join(self._routes)}")
            methods, handle = self._routes[exchange.path]
            if exchange.method not in methods:
                allow = ", ".join(methods)
                raise Refused(405, f"{exchange.path} takes {allow}", (b"allow", allow.encode()))
            return await handle(headers, receive, exchange)
        except Gone:
            raise
        except Refused as refused:
            return refused.answer
        except Unreadable as error:
            return Refused(400, str(error)).answer
        except Failed:
            return Refused(500, "the model failed, see the log of the server").answer
        except asyncio.CancelledError:
            return Refused(503, "the server is stopping", CLOSE).answer
        except Exception:
            traceback.print_exc()
            return Refused(500, "the server failed, see its log").answer

    async def _ping(self, headers: Headers, receive: Receive, exchange: Exchange) -> Answer:
        """An engine that has failed is asked again: without health there come no requests."""
        batcher = self._batcher()
        if batcher.counters.failing:
            try:
                with contextlib.suppress(Unreadable):  # it has answered
                    await asyncio.wait_for(self._probe(batcher), PROBE_SECONDS)
            except (Failed, TimeoutError):
                raise Refused(503, "the model fails, see the log of the server") from None
        trouble = self._trouble()
        if trouble:
            raise Refused(503, trouble, RETRY)
        return Answer(b"{}")

    def tend(self) -> None:
        """Called now and then in the event loop, since a ping may always come to other workers."""
        counters, now = self._observer.counters, time.monotonic()
        counters.alive()
        if self._made and counters.failing and now - self._probed > PROBE_EVERY_SECONDS:
            self._probed = now
            self._probe(self._made).add_done_callback(lambda probe: probe.exception())

    def _probe(self, batcher: Batcher) -> "asyncio.Future[Any]":
        return batcher(np.zeros((1, *batcher.engine.shape), np.float32))

    def _invocations(
        self, headers: Headers, receive: Receive, exchange: Exchange
    ) -> Awaitable[Answer]:
        return self._invoke.answer(self._batcher(), headers, receive, exchange)

    async def _metrics(self, headers: Headers, receive: Receive, exchange: Exchange) -> Answer:
        return Answer(*self._observer.board.text(self._loaded()))

    def _batcher(self) -> Batcher:
        if self._made is None:
            engine = self._loaded()
            if engine is None:
                raise Refused(503, "the model is being loaded", RETRY)
            self._made = Batcher(engine, self._observer.counters)
        return self._made
