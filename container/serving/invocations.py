"""POST /invocations: a body becomes examples, waits for its prediction, and gets its answer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

from serving import decoding, encoding
from serving.answers import CLOSE, RETRY, Answer, Gone, Headers, Receive, Refused
from serving.batching import Batcher
from serving.board import WAITING
from serving.engines import Prediction
from serving.observing import Exchange, Observer

# What is smaller takes the event loop about 1 ms; what is larger goes to a thread, and so does any
# picture, of which a few bytes may be much work
INLINE_BYTES = 64 * 1024
INLINE_VALUES = 16 * 1024
ACCEPT_CHARACTERS = 1000


@dataclass(frozen=True)
class Limits:
    """Of one worker."""

    body_bytes: int = 6 * 1024 * 1024  # what SageMaker lets through
    dropped_bytes: int = 64 * 1024 * 1024  # what is read of a larger one, so that it ends well
    held_bytes: int = 128 * 1024 * 1024  # bodies and examples of all requests together
    waiting: int = 256  # requests


class Invocations:
    def __init__(self, limits: Limits, observer: Observer) -> None:
        self._limits, self._observer = limits, observer
        self._threads = ThreadPoolExecutor(2, "decode")
        self._waiting = self._held = 0

    async def answer(
        self, batcher: Batcher, headers: Headers, receive: Receive, exchange: Exchange
    ) -> Answer:
        """Raises Refused, Unreadable, Failed and Gone."""
        media = _media(headers.get(b"content-type", b""))
        if media not in decoding.DECODERS:
            known = ", ".join(decoding.DECODERS)
            raise Refused(415, f"content type {media or 'missing'}, expected one of {known}")
        accept = (headers.get(b"accept") or b"*/*").decode("latin-1")
        if len(accept) > ACCEPT_CHARACTERS:
            raise Refused(406, f"the Accept header has more than {ACCEPT_CHARACTERS:,} characters")
        accepted = encoding.negotiate(accept)
        if not accepted:
            raise Refused(406, f"the answer can be {' or '.join(encoding.ENCODERS)}")
        try:
            body = await self._read(headers, receive, exchange)
            found = await self._found(batcher, media, body, exchange)
        finally:
            self._held -= exchange.held
        encode = encoding.ENCODERS[accepted]
        if found.probabilities.size <= INLINE_VALUES:
            return Answer(encode(found), accepted)
        return Answer(await self._in_thread(encode, found), accepted)

    async def _read(self, headers: Headers, receive: Receive, exchange: Exchange) -> bytes:
        """What is held of the body counts in _held too, until the caller takes it out."""
        limits, parts, more = self._limits, [], True
        too_large = f"the body is larger than {limits.body_bytes:,} bytes"
        length = int(headers.get(b"content-length", 0))
        asks = b"expect" in headers and length > limits.body_bytes
        while more:
            if asks or max(length, exchange.bytes_in) > limits.dropped_bytes:
                raise Refused(413, too_large, CLOSE)
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part, more = message.get("body", b""), message.get("more_body", False)
            exchange.bytes_in += len(part)
            if exchange.bytes_in <= limits.body_bytes:
                parts.append(part)
                self._hold(len(part), exchange)
        if exchange.bytes_in > limits.body_bytes:
            raise Refused(413, too_large)
        return b"".join(parts)

    async def _found(
        self, batcher: Batcher, media: str, body: bytes, exchange: Exchange
    ) -> Prediction:
        if self._waiting >= self._limits.waiting:
            raise Refused(503, f"{self._waiting} requests are waiting already: try again", RETRY)
        self._waiting += 1
        self._observer.counters.add(WAITING, 1)
        try:
            shape = batcher.engine.shape
            small = len(body) <= INLINE_BYTES and prod(shape) <= INLINE_VALUES
            if small and not media.startswith("image/"):
                examples = decoding.decode(media, body, shape)
            else:
                examples = await self._in_thread(decoding.decode, media, body, shape)
            exchange.examples = len(examples)
            self._hold(examples.nbytes, exchange)
            if exchange.abandoned:
                raise Gone
            found = batcher.at_once(examples) if len(exchange.beside) < 2 else None
            if found is None:
                exchange.waits = batcher(examples)
                found = await exchange.waits
            return found
        except asyncio.CancelledError:
            if exchange.abandoned:
                raise Gone from None
            raise
        finally:
            self._waiting -= 1
            self._observer.counters.add(WAITING, -1)

    def _hold(self, count: int, exchange: Exchange) -> None:
        exchange.held += count
        self._held += count
        if self._held > self._limits.held_bytes:
            raise Refused(503, "too many bytes of requests are held: try again", RETRY)

    def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> "asyncio.Future[Any]":
        return asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


@lru_cache(64)
def _media(content_type: bytes) -> str:
    return content_type.decode("latin-1").partition(";")[0].strip().lower()
