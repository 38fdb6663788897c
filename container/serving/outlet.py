"""Headers and body of an answer in one write."""

from typing import Any

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Outlet:
    """A transport that sends an answer at once: each write is a system call, the dearest of all."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._parts.append(data)
        if data == CONTINUE:
            self.flush()

    def flush(self) -> None:
        if self._parts and not self._transport.is_closing():
            self._transport.write(b"".join(self._parts))
            self._parts.clear()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return bool(self._transport.is_closing())
