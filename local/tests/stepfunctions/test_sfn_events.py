"""Executions tell how they begin and end, as "Step Functions Execution Status Change" events."""

import json
from typing import Any

import pytest

from local.tests.aws import Aws, Mailbox, measured, unique, wait
from local.tests.machines import chain, create, ended, start


class Told:
    """What rules are told of one machine's executions."""

    def __init__(self, aws: Aws, machine: str) -> None:
        self.mailbox: Mailbox = aws.mailbox()
        rule, events = unique("rule"), aws.client("events")
        kind, detail = "Step Functions Execution Status Change", {"stateMachineArn": [machine]}
        pattern = {"source": ["aws.states"], "detail-type": [kind], "detail": detail}
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=rule, Targets=[{"Id": "Only", "Arn": self.mailbox.topic}])

    def read(self) -> list[dict[str, Any]]:
        """The beginning and the end of one execution."""
        events = [json.loads(each) for each in self.mailbox.read(2)]
        return sorted(events, key=lambda event: event["detail"]["status"] != "RUNNING")


def test_an_execution_tells_when_it_begins_and_how_it_ends(aws: Aws) -> None:
    machine = create(aws, aws.role("states"), chain({"Type": "Pass", "Result": {"a": 1}}))
    told = Told(aws, machine)
    execution = start(aws, machine, {"given": True}, name=unique("run"))
    began, over = told.read()
    assert began["resources"] == over["resources"] == [execution]
    assert began["detail"] == {
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": execution.rpartition(":")[2],
        "status": "RUNNING",
        "startDate": began["detail"]["startDate"],
        "stopDate": None,
        "input": '{"given":true}',
        "inputDetails": {"included": True},
        "output": None,
        "outputDetails": None,
        "error": None,
        "cause": None,
    }
    detail = over["detail"]
    assert (detail["status"], json.loads(detail["output"])) == ("SUCCEEDED", {"a": 1})
    assert detail["stopDate"] >= detail["startDate"] > 1_700_000_000_000  # milliseconds


@pytest.mark.parametrize(
    ("state", "counted"), [({"Type": "Succeed"}, "Succeeded"), ({"Type": "Fail"}, "Failed")]
)
def test_a_machine_counts_how_its_executions_ended_and_how_long_they_took(
    aws: Aws, state: dict[str, Any], counted: str
) -> None:
    machine = create(aws, aws.role("states"), chain(state))
    ended(aws, start(aws, machine, {}))
    names = {"ExecutionsStarted", f"Executions{counted}", "ExecutionTime"}
    of = {"Name": "StateMachineArn", "Value": machine}
    wait(lambda: names == measured(aws, "AWS/States", of))


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ({"Type": "Fail", "Error": "Rejected", "Cause": "0.4 < 0.6"}, "Rejected"),
        ({"Type": "Pass", "Parameters": {"a.$": "$.absent"}}, "States.Runtime"),
    ],
)
def test_a_failed_execution_tells_its_error(aws: Aws, state: dict[str, Any], error: str) -> None:
    machine = create(aws, aws.role("states"), chain(state))
    told = Told(aws, machine)
    described = ended(aws, start(aws, machine))
    _, over = told.read()
    assert (over["detail"]["status"], over["detail"]["error"]) == ("FAILED", error)
    assert over["detail"]["cause"] == described["cause"]


def test_a_stopped_execution_tells_what_whoever_stopped_it_said(aws: Aws) -> None:
    machine = create(aws, aws.role("states"), chain({"Type": "Wait", "Seconds": 600}))
    told, states = Told(aws, machine), aws.client("stepfunctions")
    execution = start(aws, machine)
    wait(lambda: states.get_execution_history(executionArn=execution)["events"][1:])
    states.stop_execution(executionArn=execution, error="Superseded", cause="a newer push")
    _, over = told.read()
    detail = over["detail"]
    assert (detail["status"], detail["error"], detail["cause"]) == (
        "ABORTED",
        "Superseded",
        "a newer push",
    )
