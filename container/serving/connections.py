"""What HTTP itself has to refuse: connections that are slow, endless, malformed or too many."""

import asyncio
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from serving.answers import CLOSE, RETRY, Header, Refused, Scope
from serving.cycle import Cycle, written
from serving.observing import Exchange, Observer

MOST_CONNECTIONS = 1000
MOST_HEADERS = 100
HEAD_BYTES = 64 * 1024
MOST_PIPELINED = 32
BODY_HEADERS = {b"content-length", b"transfer-encoding"}


@dataclass(frozen=True)
class Patience:
    """Seconds for each part of an exchange."""

    head: float = 10
    body: float = 20
    answer: float = 60  # what SageMaker waits
    idle: float = 75  # longer than a proxy keeps a connection: it should be the one to close it
    closing: float = 3


class Connection(asyncio.Protocol):
    """What uvicorn calls for each connection, in place of its own: it is watched, every refusal has
    its reason in JSON, and it does nothing for a request that our application does not need.

    `_cycle` is the request that came last, `_current` the one whose answer is due: they differ
    while a client sends requests without waiting for answers, which come in order.
    """

    transport: Any
    flow: FlowControl

    def __init__(
        self,
        observer: Observer,
        patience: Patience,
        most: int,
        stopping: Callable[[], bool],
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.connections: set[Any] = server_state.connections
        self._server, self._app = server_state, config.loaded_app
        self._observer, self._patience, self._most = observer, patience, most
        self._stopping = stopping
        self._parser: Any = httptools.HttpRequestParser(self)
        # What follows a request that asked for the end is looked at, and then not answered
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._url = b""
        self._headers: list[Header] = []
        self._cycle: Cycle | None = None
        self._current: Cycle | None = None
        self._pipeline: deque[Cycle] = deque()
        self._receiving = ""  # head or body
        self._closing = self._body_came = False
        self._head_bytes = 0
        self._since = self._asked = self.loop.time()

    def connection_made(self, transport: Any) -> None:
        self.connections.add(self)
        self.transport, self.flow = transport, FlowControl(transport)
        if len(self.connections) > self._most:
            idle = [one for one in self.connections if one.is_idle() and one is not self]
            if idle:
                min(idle, key=lambda one: one._since).transport.close()
            else:
                self.refuse(503, f"{self._most} connections are open already: try again")

    def connection_lost(self, error: Exception | None) -> None:
        self.connections.discard(self)
        self._parser = None  # which holds this connection
        self.flow.resume_writing()
        if self._current:
            # As nginx does: a client that says nothing more has left
            self._abandon(self._current, 499)
        # Which hold this connection too: memory that only the collector would free
        self._cycle = None
        self._pipeline.clear()

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.flow.resume_writing()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._body_came = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.refuse(400, f"not a valid HTTP request: {error.__context__ or error}")
        except httptools.HttpParserUpgrade:
            # The parser is of no use after an upgrade, which this request has asked for in vain
            assert self._cycle
            self._cycle.keep_alive = False
        if self._receiving and not self._closing:
            # In a body too: what follows its last chunk looks like headers and may never end
            self._head_bytes = 0 if self._body_came else self._head_bytes + len(data)
            if self._head_bytes > HEAD_BYTES:
                self.refuse(431, f"the headers are larger than {HEAD_BYTES:,} bytes")

    # What the parser calls

    def on_message_begin(self) -> None:
        self._url, self._headers = b"", []
        self._receiving, self._head_bytes, self._since = "head", 0, self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._receiving == "body":
            raise ValueError("headers after the body are not supported")
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, dict(self._headers)
        if len(self._headers) > MOST_HEADERS:
            raise ValueError(f"more than {MOST_HEADERS} headers")
        if len(self._pipeline) >= MOST_PIPELINED:
            raise ValueError(f"more than {MOST_PIPELINED} requests before the first answer")
        if parser.should_upgrade() and not headers.keys().isdisjoint(BODY_HEADERS):
            # The parser would take the body for another protocol
            raise ValueError("a request with a body cannot ask for an upgrade")
        method, path = parser.get_method().decode("ascii"), _path(self._url)
        version = parser.get_http_version()
        scope: Scope = {
            "type": "http",
            "http_version": version,
            "method": method,
            "path": path,
            "headers": self._headers,
            "exchange": Exchange(method, path, beside=self._server.tasks),
        }
        before, self._cycle = (
            self._cycle,
            Cycle(
                scope,
                self.transport,
                self.flow,
                self._server.default_headers,
                keep_alive=version != "1.0" and parser.should_keep_alive() and not self._stopping(),
                asks_first=headers.get(b"expect", b"").lower() == b"100-continue",
                answered=self._answered,
            ),
        )
        if before is None or before.complete:
            self._start(self._cycle)
        else:
            self.flow.pause_reading()
            self._pipeline.append(self._cycle)
        self._receiving, self._head_bytes, self._since = "body", 0, self.loop.time()

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        assert self._cycle
        self._cycle.take(body)

    def on_message_complete(self) -> None:
        assert self._cycle
        self._cycle.end()
        self._receiving, self._since = "", self.loop.time()
        if self._cycle is self._current:
            self._asked = self._since

    # One request after another

    def _start(self, cycle: Cycle) -> None:
        self._current = cycle
        task = self.loop.create_task(self._app(cycle.scope, cycle.receive, cycle.send))
        self._server.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._server.tasks.discard(task)
        if task.cancelled() or task.exception():  # the latter is a mistake in the application
            task.cancelled() or traceback.print_exception(task.exception())
            self.transport.close()

    def _answered(self) -> None:
        self._current = None
        self._since = self._asked = self.loop.time()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self._pipeline:
                self._start(self._pipeline.popleft())

    def is_idle(self) -> bool:
        return not (self._receiving or self._current or self.transport.is_closing())

    def watch(self) -> None:
        """Ends what takes too long; called now and then."""
        now, patience = self.loop.time(), self._patience
        seconds = now - self._since
        if self.transport.is_closing() or (self._closing and not self._current):
            if seconds > patience.closing:
                self.transport.abort()
        elif self._current and not self._receives_current():
            if now - self._asked > patience.answer:
                self._refuse(503, f"there was no answer in {patience.answer:g} seconds")
        elif self._receiving == "head":
            if seconds > patience.head:
                self.refuse(408, f"the headers did not arrive in {patience.head:g} seconds")
        elif self._current:
            if seconds > patience.body:
                self.refuse(408, f"the body did not arrive in {patience.body:g} seconds")
        elif seconds > (patience.body if self._receiving else patience.idle):
            self.transport.close()

    def refuse(self, status: int, reason: str) -> None:
        """What is being received, or the connection: the last that is taken from it.

        With an answer, unless others are due before: then they are the last that is said.
        """
        if not self._current or self._receives_current():
            self._refuse(status, reason)
            return
        self._observer.ended(Exchange(status=status))
        if self._pipeline and self._receiving == "body":
            self._pipeline.pop()
        last = self._pipeline[-1] if self._pipeline else self._current
        last.keep_alive = False
        self._closing = True

    def _receives_current(self) -> bool:
        return self._receiving == "body" and self._cycle is self._current

    def _refuse(self, status: int, reason: str) -> None:
        """In place of the answer that is due next."""
        if not self._current:
            self._observer.ended(Exchange(status=status))
        else:
            self._abandon(self._current, status)
        answer = Refused(status, reason, CLOSE, *([RETRY] if status == 503 else [])).answer
        self.transport.write(written(status, answer.lines(), answer.body))
        # What is still on its way is read and dropped: a reset could overtake the answer
        self._closing, self._since = True, self.loop.time()
        self._pipeline.clear()
        self.flow.resume_reading()
        self.transport.write_eof()

    def _abandon(self, cycle: Cycle, status: int) -> None:
        """Nobody waits for the application any more."""
        cycle.scope["exchange"].abandon(status)
        cycle.leave()
        self._current = None

    def drain(self) -> None:
        """The answer to the last request that has come says that there will be no other."""
        if self._current and self._cycle:
            self._cycle.keep_alive = False

    def shutdown(self) -> None:
        if self._current:
            self.drain()
        else:
            self.transport.close()


@lru_cache(16)
def _path(url: bytes) -> str:
    """Raises an error of the parser's."""
    return unquote(httptools.parse_url(url).path.decode("ascii"))
