"""Clients without an endpoint for Stubber, clients of moto's memory, and a console to read."""

import io
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from scripts.clients import Clients
from scripts.console import Console

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of nobody, so that no test ever acts in a person's account."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SESSION_TOKEN", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def clients() -> Clients:
    return Clients(boto3.Session(region_name=REGION), REGION)


@pytest.fixture
def memory() -> Iterator[Clients]:
    """Clients of moto's services."""
    with mock_aws():
        yield Clients(boto3.Session(region_name=REGION), REGION)


@pytest.fixture
def page() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(page: io.StringIO) -> Console:
    return Console(page, {})
