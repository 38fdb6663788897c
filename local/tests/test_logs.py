"""The log of a program that runs, on its way to CloudWatch Logs."""

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from local import logs
from local.credentials import Credentials, administrator
from local.logs import BATCH, LogStream
from local.tests.aws import Aws, unique, wait

LINES = 9_900


@dataclass(frozen=True)
class CountingCredentials(Credentials):
    """The administrator's, whose clients note each PutLogEvents."""

    calls: list[str] = field(default_factory=list)

    def client(self, service: str) -> Any:
        client = administrator().client(service)
        client.meta.events.register(
            "before-call.cloudwatch-logs.PutLogEvents",
            lambda model, **_: self.calls.append(model.name),
            unique_id=str(id(self)),
        )
        return client


def counting() -> CountingCredentials:
    keys = administrator()
    return CountingCredentials(keys.access_key_id, keys.secret_access_key)


def test_a_program_that_says_much_does_not_wait_for_its_log(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full batches follow each other at once: one interval between them would be seen."""
    monkeypatch.setattr(logs, "INTERVAL", 60.0)
    group, credentials = unique("group"), counting()
    began = time.monotonic()
    with LogStream(credentials, group, "stream") as log:
        for number in range(LINES):
            log.write(str(number))
    assert time.monotonic() - began < logs.INTERVAL
    assert 0 < len(credentials.calls) <= LINES // BATCH + 2
    assert aws.log(group, "stream")[-1] == str(LINES - 1)


def more_than(number: int, credentials: CountingCredentials) -> bool:
    return len(credentials.calls) > number


def test_lines_for_a_group_that_was_deleted_meanwhile_are_told_as_lost_once(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logs, "INTERVAL", 0.01)
    group, credentials = unique("group"), counting()
    with LogStream(credentials, group, "stream") as log:
        aws.client("logs").delete_log_group(logGroupName=group)
        for _ in range(3):
            log.write("line")
            before = len(credentials.calls)
            wait(partial(more_than, before, credentials))
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(f"local: lines for {group} stream are lost: ")
    assert "ResourceNotFoundException" in told
