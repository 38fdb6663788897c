"""The log of a program that runs, on its way to CloudWatch Logs."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from local import logs
from local.credentials import Credentials, administrator
from local.logs import BATCH, LogStream
from local.tests.aws import Aws, unique

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


def test_a_program_that_says_much_does_not_wait_for_its_log(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Full batches follow each other at once: one interval between them would be seen."""
    monkeypatch.setattr(logs, "INTERVAL", 60.0)
    keys = administrator()
    credentials = CountingCredentials(keys.access_key_id, keys.secret_access_key)
    group = unique("group")
    began = time.monotonic()
    with LogStream(credentials, group, "stream") as log:
        for number in range(LINES):
            log.write(str(number))
    assert time.monotonic() - began < logs.INTERVAL
    assert 0 < len(credentials.calls) <= LINES // BATCH + 2
    assert aws.log(group, "stream")[-1] == str(LINES - 1)
