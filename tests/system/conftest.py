"""The local endpoint in a process of its own, as whoever uses this project starts it."""

from collections.abc import Iterator

import pytest

from local.context import Context
from local.tests import remote


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[remote.Remote]:
    """One for all tests that need no account of their own: names are made unique."""
    home = tmp_path_factory.mktemp("endpoint")
    with (home.parent / "endpoint.log").open("w") as log:
        process = remote.start(home, "--region", "eu-west-1", output=log)
    try:
        yield remote.Remote(Context("eu-west-1", 0, home), remote.settings(home, process))
    finally:
        process.terminate()
        process.wait(300)
