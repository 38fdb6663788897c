"""Schedules start state machines when they are due, as the role that they name."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import clock
from local.credentials import administrator
from local.scheduler.records import ScheduleRecords
from local.tests import machines
from local.tests.aws import Aws, unique, wait

WINDOW = {"Mode": "OFF"}
INPUT = '{"by": "<aws.scheduler.schedule-arn>", "at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>", "try": <aws.scheduler.attempt-number>}'  # noqa: E501


@pytest.fixture(autouse=True)
def shell(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a person who has sourced the endpoint's env file."""
    for name, value in administrator().environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def scheduler(aws: Aws) -> Iterator[Any]:
    """What a test leaves would be started when another drives the clock."""
    client = aws.client("scheduler")
    yield client
    for each in client.list_schedules()["Schedules"]:
        client.delete_schedule(Name=each["Name"])


@pytest.fixture
def target(aws: Aws) -> dict[str, Any]:
    machine = machines.create(aws, aws.role("states"), machines.alone(Type="Pass"))
    return {"Arn": machine, "RoleArn": aws.role("scheduler"), "Input": INPUT}


def put(scheduler: Any, target: dict[str, Any], expression: str, **more: Any) -> str:
    name = unique("schedule")
    asked = {"FlexibleTimeWindow": WINDOW, "Target": target, **more}
    scheduler.create_schedule(Name=name, ScheduleExpression=expression, **asked)
    return name


def started(aws: Aws, target: dict[str, Any]) -> list[dict[str, Any]]:
    """The inputs of all executions, oldest first."""
    states = aws.client("stepfunctions")
    found = states.list_executions(stateMachineArn=target["Arn"])["executions"]
    found.sort(key=lambda each: each["startDate"])
    inputs = [states.describe_execution(executionArn=e["executionArn"])["input"] for e in found]
    return [json.loads(each) for each in inputs]


def test_a_week_of_a_schedule_is_walked_on_command(
    aws: Aws, scheduler: Any, target: dict[str, Any]
) -> None:
    name = put(scheduler, target, "cron(0 3 * * ? *)", ScheduleExpressionTimezone="Asia/Tokyo")
    assert clock.main(["--forward", "7d"]) == 0
    inputs = started(aws, target)
    times = [datetime.fromisoformat(each["at"]) for each in inputs]
    assert len(times) == 7
    assert {each.strftime("%H:%M:%S %Z") for each in times} == {"18:00:00 UTC"}
    assert {b - a for a, b in pairwise(times)} == {timedelta(days=1)}
    arn = aws.context.arn("scheduler", f"schedule/default/{name}")
    assert {(each["by"], each["try"]) for each in inputs} == {(arn, 1)}
    assert len({each["id"] for each in inputs}) == 7


def test_what_is_due_starts_by_itself(aws: Aws, scheduler: Any, target: dict[str, Any]) -> None:
    """By the schedules' clock, which other tests have driven."""
    put(scheduler, target, "rate(1 day)")  # "starts invoking the target immediately"
    moment = ScheduleRecords.here().now() + timedelta(seconds=2)
    put(scheduler, target, f"at({moment:%Y-%m-%dT%H:%M:%S})")
    wait(lambda: len(started(aws, target)) == 2)
    assert started(aws, target)[1]["at"] == f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def test_schedules_start_in_the_order_in_which_they_are_due(
    aws: Aws, scheduler: Any, target: dict[str, Any]
) -> None:
    for number, hour in enumerate((9, 3, 6)):
        put(scheduler, {**target, "Input": str(number)}, f"cron(0 {hour} ? * MON *)")
    assert clock.main(["--forward", "14d"]) == 0
    found = started(aws, target)
    assert "1,2,0,1,2,0" in ",".join(map(str, [*found, *found]))
    assert len(found) == 6


def test_a_schedule_that_is_disabled_changed_or_gone_is_not_started(
    aws: Aws, scheduler: Any, target: dict[str, Any]
) -> None:
    daily = "cron(0 3 * * ? *)"
    put(scheduler, {**target, "Input": '"off"'}, daily, State="DISABLED")
    ended = datetime(2020, 1, 1, tzinfo=UTC)
    put(scheduler, {**target, "Input": '"over"'}, daily, EndDate=ended)
    scheduler.delete_schedule(Name=put(scheduler, {**target, "Input": '"gone"'}, daily))
    name = put(scheduler, {**target, "Input": '"old"'}, daily)
    scheduler.update_schedule(
        Name=name,
        ScheduleExpression=daily,
        FlexibleTimeWindow=WINDOW,
        Target={**target, "Input": '"new"'},
    )
    assert clock.main(["--forward", "24h"]) == 0
    assert started(aws, target) == ["new"]


def test_a_schedule_is_described_and_listed(scheduler: Any, target: dict[str, Any]) -> None:
    policy = {"MaximumEventAgeInSeconds": 3600}
    name = put(
        scheduler, {**target, "RetryPolicy": policy}, "cron(0 3 ? * MON *)", Description="weekly"
    )
    found = scheduler.get_schedule(Name=name)
    assert found["ScheduleExpression"] == "cron(0 3 ? * MON *)"
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert (found["State"], found["Description"]) == ("ENABLED", "weekly")
    assert found["FlexibleTimeWindow"] == WINDOW
    assert found["Target"] == {
        **target,
        "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185},
    }
    (listed,) = scheduler.list_schedules(NamePrefix=name, State="ENABLED")["Schedules"]
    assert listed["Target"] == {"Arn": target["Arn"]}
    assert scheduler.list_schedules(NamePrefix=name, State="DISABLED")["Schedules"] == []
    with pytest.raises(scheduler.exceptions.ConflictException):
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow=WINDOW,
            Target=target,
        )
    for known in (name, "none"):
        with pytest.raises(scheduler.exceptions.ResourceNotFoundException):
            scheduler.delete_schedule(Name=known)
            scheduler.get_schedule(Name=known)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ScheduleExpression": "cron(0 3 * * *)"}, r"Invalid Schedule Expression .*six fields"),
        ({"ScheduleExpressionTimezone": "Mars/Base"}, "Mars/Base is not valid"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, r"FLEXIBLE is not supported .*OFF"),
        ({"GroupName": "other"}, "GroupName other is not supported"),
        ({"Target": {"Arn": "arn:aws:sqs:eu-west-1:111122223333:q"}}, r"111122223333:q is not sup"),
        ({"Target": {"Input": "<aws.scheduler.execution-id"}}, "Input is not JSON"),
        ({"Target": {"RoleArn": "arn:aws:iam::111122223333:role/none"}}, "to assume the role"),
        ({"Target": {"Input": None}}, r"without Target\.Input is not supported"),
        ({"Target": {"SqsParameters": {"MessageGroupId": "1"}}}, "SqsParameters is not supported"),
    ],
)
def test_what_could_not_be_started_is_refused_when_it_is_put(
    scheduler: Any, target: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    asked = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": WINDOW, **change}
    whole = {**target, **change.get("Target", {})}
    asked["Target"] = {key: value for key, value in whole.items() if value is not None}
    with pytest.raises(ClientError, match=words) as refused:
        scheduler.create_schedule(Name="r", **asked)
    assert refused.value.response["Error"]["Code"] in ("ValidationException", "NotSupported")


def test_a_role_may_be_for_the_schedules_of_this_group_only(
    aws: Aws, scheduler: Any, target: dict[str, Any]
) -> None:
    group = aws.context.arn("scheduler", "schedule-group/default")
    for name, good in ((group, True), (f"{group}s", False)):
        source = {"StringEquals": {"aws:SourceArn": name}}
        put_it = {**target, "RoleArn": aws.role("scheduler", condition=source)}
        if good:
            put(scheduler, put_it, "cron(0 3 * * ? *)", State="DISABLED")
        else:
            with pytest.raises(ClientError, match="must allow AWS EventBridge Scheduler"):
                put(scheduler, put_it, "cron(0 3 * * ? *)")


def test_a_clock_is_driven_as_far_as_a_machine_can_follow(
    scheduler: Any, target: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    put(scheduler, target, "rate(1 minute)", StartDate=datetime.now(UTC) + timedelta(days=2000))
    assert clock.main(["--forward", "400d"]) == 2
    assert "from 0 to" in capsys.readouterr().err
    name = put(scheduler, target, "cron(* * * * ? *)")
    began = time.monotonic()
    assert clock.main(["--forward", "7d"]) == 2
    assert "1000 times: go forward by less" in capsys.readouterr().err
    assert time.monotonic() - began < 5
    scheduler.delete_schedule(Name=name)
    with pytest.raises(SystemExit):
        clock.main(["--forward", "a week"])


def test_only_the_administrator_drives_the_clock(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from local.credentials import assume

    worker = assume(aws.role("states"), "states.amazonaws.com", "w")
    for name, value in worker.environment().items():
        monkeypatch.setenv(name, value)
    assert clock.main(["--forward", "1s"]) == 2
    assert "is the administrator's" in capsys.readouterr().err
