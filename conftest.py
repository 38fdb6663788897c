"""For all tests: in what order they run, what they read once, and when garbage is looked for."""

import gc
from functools import cache
from pathlib import Path

import botocore.session
import pytest

# Nothing that is imported is garbage, and looking for some takes a fifth of the time
gc.disable()

# Of what is known of a service, megabytes of JSON, each session makes data of its own: here all
# sessions share it, as all clients of one session do
botocore.session.create_loader = cache(botocore.session.create_loader)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take longest come first, so that no process is left with one alone."""
    ranks: dict[Path, int] = {}
    for item in items:
        names = {mark.name for mark in item.iter_markers()}
        rank = 0 if "local" in names else 1 if "slow" in names else 2
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])


def pytest_collection_finish() -> None:
    # Seldom, and not among what TensorFlow, moto and botocore keep in memory
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
