"""Clients without an endpoint for Stubber, clients of moto's memory, and a console to read."""

import io
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from scripts.lib.console import Console
from scripts.lib.session import Clients

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
    return Clients(boto3.Session(region_name=REGION))


class Stubs(dict[str, Stubber]):
    """What each service answers; a service is stubbed from when it is first named."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def __missing__(self, service: str) -> Stubber:
        self[service] = stub = Stubber(getattr(self._clients, service))
        stub.activate()
        return stub


@pytest.fixture
def stub(clients: Clients) -> Iterator[Stubs]:
    stubs = Stubs(clients)
    yield stubs
    for one in stubs.values():
        one.assert_no_pending_responses()


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """moto in a process of its own: in this one the local endpoint's tests change it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while not _answers(url):
            assert server.poll() is None and time.monotonic() < deadline, "moto did not start"
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/", timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture
def memory(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Clients of moto's services, empty for each test."""
    with urllib.request.urlopen(f"{moto_url}/moto-api/reset", data=b"", timeout=5):
        monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    return Clients(boto3.Session(region_name=REGION))


@pytest.fixture
def page() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(page: io.StringIO) -> Console:
    return Console(page, {})
