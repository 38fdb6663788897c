import pytest

from tests.permissions.deployed import REGIONS, emit


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Both templates as they are written."""
    return emit()


@pytest.fixture(scope="session", params=REGIONS, ids=REGIONS.get)
def region(request: pytest.FixtureRequest) -> str:
    """One of each partition."""
    return str(request.param)
