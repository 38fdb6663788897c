"""One request of a connection and its answer, as ASGI sees them."""

import asyncio
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

from serving.answers import CLOSE, Header, Message, Scope

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HELD_BYTES = 64 * 1024  # of a body that the application has not taken yet
STATUS_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in HTTPStatus}


def written(status: int, headers: Iterable[Header], body: bytes) -> bytes:
    """An answer in one piece: each write is a system call, the dearest of all."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    return b"".join((STATUS_LINES[status], *lines, b"\r\n", body))


class Cycle:
    """`answered` is called when the answer has been written."""

    def __init__(
        self,
        scope: Scope,
        transport: Any,
        flow: FlowControl,
        default: list[Header],
        keep_alive: bool,
        asks_first: bool,
        answered: Callable[[], None],
    ) -> None:
        self.scope, self.keep_alive, self.complete = scope, keep_alive, False
        self._transport, self._flow = transport, flow
        self._default, self._answered = default, answered
        self._asks_first = asks_first  # whether it may send its body
        self._parts: list[bytes] = []
        self._held = 0
        self._more, self._left = True, False
        self._begun: Message | None = None
        self._waiter: asyncio.Future[None] | None = None

    def take(self, body: bytes) -> None:
        """A part of the request's body has come."""
        if self.complete:
            return
        self._parts.append(body)
        self._held += len(body)
        if self._held > HELD_BYTES:
            self._flow.pause_reading()
        self._wake()

    def end(self) -> None:
        """The whole request has come."""
        self._more = False
        self._wake()

    def leave(self) -> None:
        """Nobody waits for the answer any more."""
        self._left = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> Message:
        if self._asks_first and not self._transport.is_closing():
            self._transport.write(CONTINUE)
        self._asks_first = False
        while self._more and not (self._parts or self._left):
            self._flow.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._left:
            return {"type": "http.disconnect"}
        body = b"".join(self._parts)
        self._parts, self._held = [], 0
        return {"type": "http.request", "body": body, "more_body": self._more}

    async def send(self, message: Message) -> None:
        """What begins an answer, and then its body, which is one."""
        if self._begun is None:
            self._begun = message
            return
        if self._flow.write_paused and not self._left:
            await self._flow.drain()
        if self._left:
            return
        headers = [*self._default, *self._begun["headers"]]
        if CLOSE in headers:
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append(CLOSE)
        body = b"" if self.scope["method"] == "HEAD" else message["body"]
        if not self._transport.is_closing():
            self._transport.write(written(self._begun["status"], headers, body))
        self.complete = True
        if not self.keep_alive:
            self._transport.close()
        self._answered()
