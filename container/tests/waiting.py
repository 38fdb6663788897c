"""Waiting in tests for what has to come: long enough for a busy machine, which is no fault."""

import time
from collections.abc import Callable

SECONDS = 300.0


def until(true: Callable[[], bool]) -> None:
    """AssertionError if it does not come to pass."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
