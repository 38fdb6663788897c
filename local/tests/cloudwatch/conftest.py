import pytest

from local.tests.aws import Aws, unique
from local.tests.cloudwatch.watching import Watch


@pytest.fixture
def watch(aws: Aws) -> Watch:
    return Watch(aws, unique("Test"))
