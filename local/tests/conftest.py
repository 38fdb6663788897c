from collections.abc import Iterator

import pytest

from local.tests import answers
from local.tests.aws import Aws, running


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """One endpoint for all tests that need one: names are made unique, nothing is shared."""
    answers.watch()
    yield from running(tmp_path_factory.mktemp("endpoint"))


@pytest.fixture(autouse=True)
def answers_are_as_awss_model_has_them() -> Iterator[None]:
    answers.found.clear()
    yield
    assert not answers.found
