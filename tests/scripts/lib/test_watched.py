"""What looks by itself, at a glance."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest

from scripts.lib import watched
from scripts.lib.console import Console
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.answers import START, described
from tests.scripts.conftest import Stubs

NOW = START + timedelta(days=1)
MACHINE = f"{versions.MACHINE}drift"
KNOWN = {**versions.KNOWN, "DriftWorkflowArn": MACHINE}


def alarms(stub: Stubs, *states: str) -> None:
    """A stack with these alarms, beside something else."""
    kinds = ["AWS::SNS::Topic", *("AWS::CloudWatch::Alarm" for _ in states)]
    held = [
        {
            "LogicalResourceId": f"Resource{number}",
            "PhysicalResourceId": f"mlops-{number}",
            "ResourceType": kind,
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": NOW,
        }
        for number, kind in enumerate(kinds)
    ]
    stub["cloudformation"].add_response("list_stack_resources", {"StackResourceSummaries": held})
    told = [
        {
            "AlarmName": f"mlops-{number}",
            "StateValue": state,
            "AlarmDescription": "See why",
            "StateReason": "Threshold Crossed",
            "StateUpdatedTimestamp": NOW - timedelta(minutes=3),
        }
        for number, state in enumerate(states, 1)
    ]
    if states:
        asked = {"AlarmNames": [each["AlarmName"] for each in told]}
        stub["cloudwatch"].add_response("describe_alarms", {"MetricAlarms": told}, asked)


@pytest.mark.parametrize(
    ("states", "lines"),
    [
        (
            ("OK", "ALARM"),
            [
                "  Alarm mlops-2 rings since 3 min ago:",
                "    See why.",
                "    Threshold Crossed",
            ],
        ),
        (("OK", "INSUFFICIENT_DATA"), ["  None of its 2 alarms rings."]),
        ((), []),
    ],
)
def test_the_alarms_that_ring_are_named_with_their_reason(
    clients: Clients,
    stub: Stubs,
    console: Console,
    page: io.StringIO,
    states: tuple[str, ...],
    lines: list[str],
) -> None:
    alarms(stub, *states)
    watched.show_alarms(clients, "mlops", console, NOW)
    assert page.getvalue().splitlines() == lines


def a_stack(**parameters: str) -> Any:
    listed = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    return described("CREATE_COMPLETE", Parameters=listed)["Stacks"][0]


def looked(stub: Stubs, status: str = "", said: str = "", **last: str) -> None:
    """The last look, and what the last comparison has left; none without a status."""
    one = {"executionArn": "x", "stateMachineArn": MACHINE, "name": "n", "status": status}
    one |= {"startDate": NOW - timedelta(hours=3)}  # type: ignore[dict-item]
    states = stub["stepfunctions"]
    asked = {"stateMachineArn": MACHINE, "maxResults": 1}
    states.add_response("list_executions", {"executions": [one] if status else []}, asked)
    if not status:
        return
    answer = {**one, "output": json.dumps({"found": said})}
    if status == "FAILED":
        answer = {**one, "error": "NothingBuilt", "cause": said}
    states.add_response("describe_execution", answer)
    if status == "FAILED":
        states.add_response("get_execution_history", {"events": []})
    if last:
        body = versions.stream(json.dumps(last).encode())
        stub["s3"].add_response("get_object", {"Body": body})
    else:
        stub["s3"].add_client_error("get_object", "NoSuchKey", "gone")


DRIFTED = "drifted: class 7 by a PSI of 0.61, in 300 records; the limit is 0.2"
AT = "2026-01-01T12:00:00.000Z"


@pytest.mark.parametrize(
    ("status", "said", "last", "lines"),
    [
        (
            "SUCCEEDED",
            DRIFTED,
            {"words": DRIFTED, "at": AT},
            [
                "  Last look 3 h ago: Drifted: class 7 by a PSI of 0.61, in 300 records; the",
                "  limit is 0.2.",
            ],
        ),
        (
            "SUCCEEDED",
            "nothing was looked at: nothing was captured since",
            {"words": DRIFTED, "at": AT},
            [
                "  Last look 3 h ago: Nothing was looked at: nothing was captured since.",
                "  Last comparison 12 h ago: drifted: class 7 by a PSI of 0.61, in 300 records;",
                "  the limit is 0.2.",
            ],
        ),
        (
            "FAILED",
            "There is no image",
            {},
            ["  Last look 3 h ago: state : NothingBuilt: There is no image"],
        ),
    ],
)
def test_drift_is_the_last_look_and_the_last_comparison_where_that_was_another(
    clients: Clients,
    stub: Stubs,
    console: Console,
    page: io.StringIO,
    status: str,
    said: str,
    last: dict[str, str],
    lines: list[str],
) -> None:
    looked(stub, status, said, **last)
    watched.show_drift(clients, KNOWN, a_stack(), console, NOW)
    assert page.getvalue().splitlines() == ["", "Drift", *lines]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("percent", "why"), [("0", "requests are not kept"), ("20", "Nobody has looked yet")]
)
def test_that_nobody_looks_is_told_with_the_way_to_a_look(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO, percent: str, why: str
) -> None:
    looked(stub)
    watched.show_drift(clients, KNOWN, a_stack(CapturePercent=percent), console, NOW)
    said = " ".join(page.getvalue().split())
    assert why in said
    assert "`make drift STACK=mlops` says how" in said


def test_a_stack_that_cannot_look_says_nothing_of_drift(
    clients: Clients, console: Console, page: io.StringIO
) -> None:
    watched.show_drift(clients, versions.KNOWN, a_stack(), console, NOW)
    assert not page.getvalue()


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"RetrainSchedule": "", "DriftSchedule": "", "ScheduleTimezone": "UTC"}, []),
        (
            {"RetrainSchedule": "cron(0 3 ? * SUN *)", "ScheduleTimezone": "Europe/Berlin"},
            [
                "",
                "By itself, in the time of Europe/Berlin",
                "  trains           cron(0 3 ? * SUN *)",
            ],
        ),
    ],
)
def test_only_a_schedule_that_is_there_is_shown(
    console: Console, page: io.StringIO, given: dict[str, str], lines: list[str]
) -> None:
    watched.show_schedules(a_stack(**given), console)
    assert page.getvalue().splitlines() == lines
