"""What HTTP itself has to refuse: connections that are slow, endless, malformed or too many."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from serving.answers import CLOSE, RETRY, Refused
from serving.observing import Exchange, Observer
from serving.outlet import Outlet

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


class Connection(HttpToolsProtocol):
    """uvicorn's, but it is watched, and every refusal has its reason in JSON.

    `cycle` is the request that came last, `_current` the one whose answer is due: they differ
    while a client sends requests without waiting for answers, which come in order.
    """

    connections: set[Any]

    def __init__(
        self,
        observer: Observer,
        patience: Patience,
        most: int,
        stopping: Callable[[], bool],
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._observer, self._patience, self._most = observer, patience, most
        self._stopping = stopping
        self._current: RequestResponseCycle | None = None
        self._receiving = ""  # head or body
        self._closing = self._body_came = False
        self._head_bytes = 0
        self._since = self._asked = self.loop.time()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._outlet: Any = Outlet(transport)
        if len(self.connections) > self._most:
            idle = [one for one in self.connections if one.is_idle() and one is not self]
            if idle:
                min(idle, key=lambda one: one._since).transport.close()
            else:
                self.refuse(503, f"{self._most} connections are open already: try again")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._current:
            # As nginx does: a client that says nothing more has left
            self._abandon(self._current, 499)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._body_came = False
        super().data_received(data)
        if self._receiving and not self._closing:
            # In a body too: what follows its last chunk looks like headers and may never end
            self._head_bytes = 0 if self._body_came else self._head_bytes + len(data)
            if self._head_bytes > HEAD_BYTES:
                self.refuse(431, f"the headers are larger than {HEAD_BYTES:,} bytes")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._receiving, self._head_bytes, self._since = "head", 0, self.loop.time()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._receiving == "body":
            raise ValueError("headers after the body are not supported")
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        super().on_body(body)

    def on_headers_complete(self) -> None:
        if len(self.headers) > MOST_HEADERS:
            raise ValueError(f"more than {MOST_HEADERS} headers")
        if len(self.pipeline) >= MOST_PIPELINED:
            raise ValueError(f"more than {MOST_PIPELINED} requests before the first answer")
        if self.parser.should_upgrade() and BODY_HEADERS & {name for name, _ in self.headers}:
            # The parser would take the body for another protocol
            raise ValueError("a request with a body cannot ask for an upgrade")
        super().on_headers_complete()
        self.cycle.transport = self._outlet
        self.scope["exchange"] = Exchange(  # type: ignore[typeddict-unknown-key]
            self.scope["method"], self.scope["path"]
        )
        if self._stopping():
            self.cycle.keep_alive = False
        if not self.pipeline:
            self._current = self.cycle
        self._receiving, self._head_bytes, self._since = "body", 0, self.loop.time()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._receiving, self._since = "", self.loop.time()
        if self.cycle is self._current:
            self._asked = self._since

    def on_response_complete(self) -> None:
        self._outlet.flush()
        following = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        self._current = None if self.transport.is_closing() else following
        self._since = self._asked = self.loop.time()

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
        if self.pipeline and self._receiving == "body":
            self.pipeline.popleft()
        last = self.pipeline[0][0] if self.pipeline else self._current
        last.keep_alive = False
        self._closing = True

    def _receives_current(self) -> bool:
        return self._receiving == "body" and self.cycle is self._current

    def _refuse(self, status: int, reason: str) -> None:
        """In place of the answer that is due next."""
        if not self._current:
            self._observer.ended(Exchange(status=status))
        elif self._current.response_started:
            self.transport.abort()
            return
        else:
            self._abandon(self._current, status)
        answer = Refused(status, reason, CLOSE, *([RETRY] if status == 503 else [])).answer
        head = b"".join(b"%b: %b\r\n" % header for header in answer.lines())
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + answer.body)
        # What is still on its way is read and dropped: a reset could overtake the answer
        self._closing, self._since = True, self.loop.time()
        self.pipeline.clear()
        self.flow.resume_reading()
        self.transport.write_eof()

    def _abandon(self, cycle: RequestResponseCycle, status: int) -> None:
        """Nobody waits for the application any more."""
        exchange: Any = cycle.scope["exchange"]  # type: ignore[typeddict-item]
        exchange.abandon(status)
        cycle.disconnected = True
        cycle.message_event.set()
        self._current = None

    def send_400_response(self, msg: str) -> None:
        error = sys.exc_info()[1]
        reason = error and (error.__context__ or error)
        self.refuse(400, f"not a valid HTTP request: {reason or msg}")

    def _unsupported_upgrade_warning(self) -> None:
        """The parser is of no use after an upgrade, which this request has asked for in vain."""
        self.cycle.keep_alive = False

    def drain(self) -> None:
        """The answer to the last request that has come says that there will be no other."""
        if self._current:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        if self._current:
            self.drain()
        else:
            self.transport.close()
