"""The local endpoint in a process of its own, as whoever uses this project starts it."""

from collections.abc import Iterator

import pytest

from local.context import Context
from local.tests import remote


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[remote.Remote]:
    home = tmp_path_factory.mktemp("endpoint")
    process = remote.start(home, "--region", "eu-west-1")
    try:
        yield remote.Remote(Context("eu-west-1", 0, home), remote.settings(home, process))
    finally:
        process.terminate()
        process.wait(30)
