"""An endpoint in a process of its own, known as a person knows it: by its command and its files."""

import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.tests.aws import Aws

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Remote(Aws):
    """`given` is what the file that the endpoint writes for people exports."""

    given: dict[str, str]

    def client(self, service: str) -> Any:
        """One for each service: to make it takes longer than most of its calls."""
        if service not in self._clients:
            self._clients[service] = client(self.given, service)
        return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this process's environment that of a shell which has sourced the file."""
        for name, value in self.given.items():
            monkeypatch.setenv(name, value)


def start(home: Path, *more: str, output: Any = subprocess.PIPE) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "local", "--port", "0", "--home", str(home), *more],
        cwd=ROOT,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def settings(home: Path, process: "subprocess.Popen[str]") -> dict[str, str]:
    file = home / "env"
    deadline = time.monotonic() + 60
    while not file.exists():
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline, "the endpoint did not start"
        time.sleep(0.1)
    words = [word for word in shlex.split(file.read_text()) if "=" in word]
    return dict(word.split("=", 1) for word in words)


def client(given: dict[str, str], service: str, key: str = "") -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=given["AWS_ENDPOINT_URL"],
        region_name=given["AWS_REGION"],
        aws_access_key_id=key or given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )


def alive(pid: int) -> bool:
    stat = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(stat) and "Z" not in stat
