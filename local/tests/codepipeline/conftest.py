import pytest

from local.tests.aws import Aws
from local.tests.codepipeline.scene import Scene


@pytest.fixture
def scene(aws: Aws) -> Scene:
    return Scene(aws)
