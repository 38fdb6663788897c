"""What a request gets: an answer, or the reason why not."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson

# Of ASGI
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
Headers = dict[bytes, bytes]  # of a request, names in lower case

CLOSE: Header = (b"connection", b"close")
RETRY: Header = (b"retry-after", b"1")

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    media: str = JSON
    status: int = 200
    headers: tuple[Header, ...] = ()

    def lines(self) -> list[Header]:
        """All headers."""
        length = b"%d" % len(self.body)
        media = self.media.encode()
        return [(b"content-type", media), (b"content-length", length), *self.headers]


class Refused(Exception):
    """An answer other than 200: {"error": reason}, as TensorFlow Serving gives it."""

    def __init__(self, status: int, reason: str, *headers: Header) -> None:
        super().__init__(reason)
        body = orjson.dumps({"error": reason})
        self.answer = Answer(body, status=status, headers=headers)


class Gone(Exception):
    """The client has left, or was turned away before its request was complete."""
