"""What looks at drift have found, at a glance, with the page of the last that compared."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts import drift
from scripts.lib.console import Console
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.answers import START, outputs
from tests.scripts.conftest import Stubs
from tests.scripts.versions import ARTIFACTS, KNOWN

NOW = START + timedelta(hours=6)
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-drift"
WITH_DRIFT = {**KNOWN, "DriftWorkflowArn": MACHINE}


def looks(stub: Stubs, *found: tuple[str, str]) -> None:
    """Executions of these statuses, and what they say that they have found."""
    listed = [
        {
            **{"executionArn": str(number), "stateMachineArn": MACHINE, "name": "n"},
            **{"status": status, "startDate": START},
        }
        for number, (status, _) in enumerate(found)
    ]
    stub["stepfunctions"].add_response("list_executions", {"executions": listed})
    for one, (status, said) in zip(listed, found, strict=True):
        answer: dict[str, Any] = {**one, "output": json.dumps({"found": said})}
        if status == "FAILED":
            answer |= {"error": "NothingBuilt", "cause": said}
            del answer["output"]
        stub["stepfunctions"].add_response("describe_execution", answer)
        if status == "FAILED":
            stub["stepfunctions"].add_response("get_execution_history", {"events": []})


def test_each_look_is_told_and_the_page_of_the_last_is_fetched(
    clients: Clients,
    stub: Stubs,
    console: Console,
    page: io.StringIO,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "1")  # no browser
    looks(stub, ("SUCCEEDED", "no drift"), ("FAILED", "There is no image"))
    uri = f"s3://{ARTIFACTS}/drift/v/one/"
    last = versions.stream(json.dumps({"uri": uri}).encode())
    stub["s3"].add_response("get_object", {"Body": last})
    asked = {"Bucket": ARTIFACTS, "Key": "drift/v/one/report.html"}
    stub["s3"].add_response("get_object", {"Body": versions.stream(b"<html>")}, asked)
    assert drift.drift(clients, WITH_DRIFT, "mlops", console, NOW) == 0
    said = page.getvalue()
    assert "    No drift.\n" in said
    assert "NothingBuilt: There is no image" in said
    path = Path("build/reports/drift/v/one/report.html")
    assert str(path) in said
    assert path.read_text() == "<html>"


@pytest.mark.parametrize(
    ("uri", "said"),
    [(f"s3://{ARTIFACTS}/drift/v/one/", "Its page cannot be shown"), ("s3://else/../../x", "")],
)
def test_a_page_that_is_gone_or_is_none_keeps_nobody_from_the_verdicts(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO, uri: str, said: str
) -> None:
    looks(stub, ("SUCCEEDED", "no drift"))
    last = versions.stream(json.dumps({"uri": uri}).encode())
    stub["s3"].add_response("get_object", {"Body": last})
    if said:
        stub["s3"].add_client_error("get_object", "NoSuchKey", "gone")
    assert drift.drift(clients, WITH_DRIFT, "mlops", console, NOW) == 0
    assert said in page.getvalue() and "No drift." in page.getvalue()


def test_where_nobody_has_looked_the_way_to_a_look_is_told(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    for when in ("", "cron(0 4 * * ? *)"):
        looks(stub)
        given = [{"ParameterKey": "DriftSchedule", "ParameterValue": when}]
        named = {"StackName": "mlops", "StackStatus": "CREATE_COMPLETE", "CreationTime": START}
        described = {"Stacks": [{**named, "Parameters": given}]}
        stub["cloudformation"].add_response("describe_stacks", described)
        assert drift.drift(clients, WITH_DRIFT, "mlops", console, NOW) == 0
        said = " ".join(page.getvalue().split())
        assert "`make drift STACK=mlops RUN=1` now" in said
        assert (f"The first look comes by {when}" in said) is bool(when)


def test_an_older_stack_is_deployed_first(clients: Clients, stub: Stubs) -> None:
    outputs(stub, KNOWN)
    with pytest.raises(Problem, match="`make deploy STACK=mlops` first"):
        drift.outputs(clients, "mlops")


def test_a_look_that_was_begun_just_now_is_waited_for(
    clients: Clients, stub: Stubs, console: Console
) -> None:
    who = {"Account": "123456789012", "UserId": "me", "Arn": "arn:aws:iam::123456789012:user/me"}
    stub["sts"].add_response("get_caller_identity", who)
    stub["stepfunctions"].add_response("start_execution", {"executionArn": "1", "startDate": START})
    stub["stepfunctions"].add_client_error("describe_execution", "ExecutionDoesNotExist", "gone")
    answer: Any = {"executionArn": "1", "stateMachineArn": MACHINE, "status": "SUCCEEDED"}
    stub["stepfunctions"].add_response("describe_execution", answer | {"startDate": START})
    assert drift.look(clients, WITH_DRIFT, console) == 0
