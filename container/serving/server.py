"""uvicorn as this project runs it."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

WATCH_SECONDS = 0.5
DRAIN_SECONDS = 1.0


class Server(uvicorn.Server):
    """uvicorn's, but it leaves signals to its owner, watches, and ends with its parent process."""

    def __init__(
        self,
        config: uvicorn.Config,
        parent: int | None = None,
        tend: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._parent, self._tend = parent, tend
        self.stops = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._tend()
            for connection in self._connections():
                connection.watch()

    async def shutdown(self, sockets: Any = None) -> None:
        """Takes what was on its way to it too, and says in each answer that it is the last."""
        self.stops = True
        for connection in self._connections():
            connection.drain()
        await asyncio.sleep(DRAIN_SECONDS)
        await super().shutdown(sockets)

    def _connections(self) -> list[Any]:
        return [*self.server_state.connections]

    async def on_tick(self, counter: int) -> bool:
        orphaned = self._parent is not None and os.getppid() != self._parent
        return await super().on_tick(counter) or orphaned
