"""Lines of a running process to CloudWatch Logs, written with the role of who runs it."""

import contextlib
import queue
import threading
import time
import traceback
from types import TracebackType
from typing import Any

from local.authorization.ask import Ask
from local.authorization.hold import require
from local.context import current
from local.credentials import Credentials

BATCH = 1000
INTERVAL = 0.3
MAX_MESSAGE = 250_000  # CloudWatch Logs takes 256 KB an event (API reference, PutLogEvents)


class LogStream:
    """A stream that exists once the constructor returns; lines follow within INTERVAL seconds."""

    def __init__(self, credentials: Credentials, group: str, stream: str) -> None:
        self.group, self.stream = group, stream
        self._credentials, self._client = credentials, credentials.client("logs")
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._create()
        self._writer = threading.Thread(target=self._drain, daemon=True, name=f"log-{stream}")
        self._writer.start()

    def write(self, line: str) -> None:
        """Queue one line; an empty one is kept as a space, since the API refuses empty events."""
        message = line[:MAX_MESSAGE] or " "
        self._lines.put({"timestamp": int(time.time() * 1000), "message": message})

    def close(self) -> None:
        """Returns when every line has been delivered."""
        self._closed.set()
        self._writer.join()

    def __enter__(self) -> "LogStream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _create(self) -> None:
        """A role needs to make the group only where there is none. That it may not write is told
        here, where it can be told; on AWS the log stays empty."""
        errors, names = self._client.exceptions, {"logGroupName": self.group}
        with contextlib.suppress(errors.ResourceAlreadyExistsException):
            try:
                self._client.create_log_stream(**names, logStreamName=self.stream)
            except errors.ResourceNotFoundException:
                with contextlib.suppress(errors.ResourceAlreadyExistsException):
                    self._client.create_log_group(**names)
                self._client.create_log_stream(**names, logStreamName=self.stream)
        arn = current().arn("logs", f"log-group:{self.group}:log-stream:{self.stream}")
        require(self._credentials, "PutLogEvents", Ask("logs:PutLogEvents", arn))

    def _drain(self) -> None:
        """A batch at each interval, more where it was full, and the rest when it is closed."""
        closed = False
        while not closed:
            closed = self._closed.wait(INTERVAL)
            full = True
            while full:
                events = [self._lines.get() for _ in range(min(BATCH, self._lines.qsize()))]
                full = len(events) == BATCH
                if events:
                    self._put(events)

    def _put(self, events: list[dict[str, Any]]) -> None:
        try:
            self._client.put_log_events(
                logGroupName=self.group, logStreamName=self.stream, logEvents=events
            )
        except Exception:  # a log that cannot be written must not end what it tells of
            traceback.print_exc()
