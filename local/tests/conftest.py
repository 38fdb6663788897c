from collections.abc import Iterator

import pytest

from local.tests.aws import Aws, running


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """One endpoint for all tests that need one: names are made unique, nothing is shared."""
    yield from running(tmp_path_factory.mktemp("endpoint"))
