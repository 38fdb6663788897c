"""The access log: one line of JSON for each request, never what is in it."""

import threading
import traceback
from collections.abc import Callable
from typing import Any

import orjson

SECONDS = 0.5
CLOSE_SECONDS = 2.0  # that a reader of the output has, at the end
MOST_LINES = 20_000  # between two writes; more means that nobody reads the output
PIPE_BYTES = 4096  # as much as several workers can write to a pipe without mixing their lines


class AccessLog:
    """A thread writes the lines twice a second, so a slow reader of the output delays no answer."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._lines: list[dict[str, Any]] = []
        self._lost = 0
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="log")
        self._thread.start()

    def add(self, entry: dict[str, Any]) -> None:
        if len(self._lines) < MOST_LINES:
            self._lines.append(entry)
        else:
            self._lost += 1

    def close(self) -> None:
        """Waits until all is written, but not for ever."""
        self._closed.set()
        self._thread.join(CLOSE_SECONDS)

    def _work(self) -> None:
        while not self._closed.wait(SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if self._lost:
            lines.append({"lost_lines": self._lost})
            self._lost = 0
        try:
            chunk = b""
            for entry in lines:
                line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
                if len(chunk) + len(line) > PIPE_BYTES:
                    self._write(chunk)
                    chunk = b""
                chunk += line
            if chunk:
                self._write(chunk)
        except OSError:
            pass  # nobody may be there to read
        except Exception:  # a mistake that costs these lines, and not the log
            traceback.print_exc()
