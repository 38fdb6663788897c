"""uvicorn as this project runs it."""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from typing import Any

import uvicorn

WATCH_SECONDS = 0.5


class Server(uvicorn.Server):
    """uvicorn's, but it leaves signals to its owner, watches, and ends with its parent process."""

    def __init__(self, config: uvicorn.Config, parent: int | None = None) -> None:
        super().__init__(config)
        self._parent = parent

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            connections: list[Any] = [*self.server_state.connections]
            for connection in connections:
                connection.watch()

    async def on_tick(self, counter: int) -> bool:
        orphaned = self._parent is not None and os.getppid() != self._parent
        return await super().on_tick(counter) or orphaned
