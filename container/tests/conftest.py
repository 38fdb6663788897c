"""Lets the tests import the modules under test and examples.py, wherever pytest is started."""

import gc
import sys
from pathlib import Path

sys.path[:0] = [str(folder) for folder in (Path(__file__).parents[1], Path(__file__).parent)]

from forks import pytest_runtestloop  # noqa: E402

__all__ = ["pytest_collection_finish", "pytest_runtestloop"]

# Nothing that is imported is garbage, and looking for some takes a fifth of the time
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
