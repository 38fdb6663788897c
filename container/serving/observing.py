"""What is kept of a request when it has its answer: numbers, and a line in the log."""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from serving.board import Board
from serving.log import AccessLog

PATH_CHARACTERS = 200


@dataclass(slots=True)
class Exchange:
    """A request and its answer. What could not be read of it stays as it is here."""

    method: str = "-"
    path: str = "-"
    status: int = 0
    bytes_in: int = 0
    held: int = 0  # bytes of the body that are kept
    bytes_out: int = 0
    examples: int = 0
    began: float = field(default_factory=time.perf_counter)
    waits: "asyncio.Future[Any] | None" = None  # for a prediction
    beside: Collection[object] = ()  # the requests that are at work now, this one among them
    abandoned: int = 0  # the status, when nobody waits for the answer any more

    def abandon(self, status: int) -> None:
        self.abandoned = status
        if self.waits:
            self.waits.cancel()


class Observer:
    def __init__(
        self, board: Board | None = None, worker: int = 0, log: AccessLog | None = None
    ) -> None:
        self.board = board or Board()
        self.counters = self.board.counters(worker)
        self._log = log

    def ended(self, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.began
        self.counters.request(exchange.status, seconds)
        if self._log:
            self._log.add(
                {
                    "time": datetime.now(UTC),
                    "method": exchange.method,
                    "path": exchange.path[:PATH_CHARACTERS],
                    "status": exchange.status,
                    "ms": round(seconds * 1000, 3),
                    "bytes_in": exchange.bytes_in,
                    "bytes_out": exchange.bytes_out,
                    "examples": exchange.examples,
                }
            )
