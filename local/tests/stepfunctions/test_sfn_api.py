"""What a state machine may ask for, and its executions as the API tells of them."""

import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import Aws
from local.tests.machines import alone, chain, create, ended, start, task

SERVICES = "(supported: aws-sdk, sagemaker, states, sns)"


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role("states")


@pytest.fixture(scope="module")
def machine(aws: Aws, role: str) -> str:
    """A machine that waits."""
    return create(aws, role, alone(Type="Wait", Seconds=60))


def refusal(aws: Aws, role: str, machine: dict[str, Any] | str) -> str:
    with pytest.raises(ClientError) as caught:
        create(aws, role, machine)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidDefinition"
    return error["Message"].removeprefix("Invalid State Machine Definition: ")


@pytest.mark.parametrize(
    ("resource", "why"),
    [
        (
            "lambda:invoke",
            f"the integration lambda:invoke is not supported by the local endpoint {SERVICES}",
        ),
        (
            "sns:createTopic",
            "the integration sns:createTopic is not supported by the local endpoint "
            "(supported: sns:publish, sns:publish.waitForTaskToken)",
        ),
        (
            "states:startExecution.forget",
            "the integration states:startExecution.forget is not supported by the local endpoint "
            "(supported: states:startExecution, states:startExecution.sync, "
            "states:startExecution.sync:2, states:startExecution.waitForTaskToken)",
        ),
        (
            "aws-sdk:sfn:startExecution.sync",
            "the integration aws-sdk:sfn:startExecution.sync is not supported by the local "
            "endpoint (supported: aws-sdk:<service>:<action>)",
        ),
        (
            "aws-sdk:s4:getObject",
            "the integration aws-sdk:s4:getObject names no service of the SDK",
        ),
        ("aws-sdk:s3:getObjekt", "the integration aws-sdk:s3:getObjekt names no action of s3"),
        (
            "aws-sdk:dynamodb:getItem",
            "the integration aws-sdk:dynamodb:getItem is not supported by the local endpoint",
        ),
    ],
)
def test_an_unsupported_integration_is_refused_in_one_sentence_that_names_its_state(
    aws: Aws, role: str, resource: str, why: str
) -> None:
    assert refusal(aws, role, alone(**task(resource, {}))) == _at("Only", why)


def _at(state: str, why: str) -> str:
    return f"'INVALID_RESOURCE: {why} at /States/{state}/Resource'"


def test_the_longest_name_of_a_state_cuts_off_nothing_of_what_is_supported(
    aws: Aws, role: str
) -> None:
    name = "S" * 80
    machine = {
        "StartAt": name,
        "States": {name: {**task("sagemaker:listModels", {}), "End": True}},
    }
    assert refusal(aws, role, machine).endswith(
        f"sagemaker:updateEndpoint) at /States/{name}/Resource'"
    )


def test_what_is_no_integration_at_all_is_refused(aws: Aws, role: str) -> None:
    function = "arn:aws:lambda:eu-west-1:111122223333:function:f"
    said = refusal(aws, role, alone(Type="Task", Resource=function))
    assert said == _at(
        "Only",
        f"the Resource {function} is not supported by the local endpoint "
        "(supported: arn:<partition>:states:::<integration>)",
    )


@pytest.mark.parametrize(
    "inside",
    [
        {"Type": "Map", "ItemProcessor": alone(**task("lambda:invoke", {}))},
        {"Type": "Map", "Iterator": alone(**task("lambda:invoke", {}))},
        {"Type": "Parallel", "Branches": [alone(Type="Pass"), alone(**task("lambda:invoke", {}))]},
    ],
)
def test_an_integration_is_found_wherever_it_lies(
    aws: Aws, role: str, inside: dict[str, Any]
) -> None:
    assert "the integration lambda:invoke is not" in refusal(aws, role, chain(inside))


def test_what_only_the_interpreter_finds_is_told_in_one_sentence(aws: Aws, role: str) -> None:
    machine = json.dumps(alone(Type="Wait", Timestamp="tomorrow"))
    said = refusal(aws, role, machine)
    assert (len(said) <= 400, "\n" in said, machine in said) == (True, False, False)


def test_all_that_is_wrong_is_told_at_once(aws: Aws, role: str) -> None:
    said = refusal(aws, role, chain(*({"Type": "Pass", "Nxt": "A"} for _ in range(14))))
    assert said.count("SCHEMA_VALIDATION_FAILED") == 10
    # each of the 14 has a field that does not exist, 13 are not reached
    assert said.endswith(" and 17 more")


def test_a_role_that_step_functions_may_not_assume_is_refused_at_once(aws: Aws) -> None:
    with pytest.raises(ClientError, match=r"AccessDeniedException.*Neither the global service"):
        create(aws, aws.role("codebuild"), alone(Type="Pass"))


def test_an_update_is_refused_for_the_same_reason(aws: Aws, machine: str) -> None:
    states = aws.client("stepfunctions")
    other = json.dumps(alone(**task("lambda:invoke", {})))
    with pytest.raises(ClientError, match="the integration lambda:invoke is not"):
        states.update_state_machine(stateMachineArn=machine, definition=other)
    kept = states.describe_state_machine(stateMachineArn=machine)["definition"]
    assert json.loads(kept) == alone(Type="Wait", Seconds=60)


def test_a_definition_can_be_judged_without_being_kept(aws: Aws) -> None:
    judge = aws.client("stepfunctions").validate_state_machine_definition
    assert judge(definition=json.dumps(alone(Type="Pass")))["result"] == "OK"
    judged = judge(definition=json.dumps(alone(**task("lambda:invoke", {}))))
    assert judged["result"] == "FAIL"
    (found,) = judged["diagnostics"]
    assert found["message"].startswith("the integration lambda:invoke is not supported")
    assert (found["severity"], found["location"]) == ("ERROR", "/States/Only/Resource")


def test_the_same_name_and_input_is_the_same_execution(aws: Aws, machine: str) -> None:
    first = start(aws, machine, {"v": 1}, name="one")
    assert start(aws, machine, {"v": 1}, name="one") == first
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        start(aws, machine, {"v": 2}, name="one")
    aws.client("stepfunctions").stop_execution(executionArn=first)


def test_a_machine_is_not_silently_kept_when_its_definition_differs(aws: Aws, role: str) -> None:
    machine = create(aws, role, chain({"Type": "Succeed"}))
    states = aws.client("stepfunctions")
    other = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}})
    with pytest.raises(ClientError, match="StateMachineAlreadyExists"):
        states.create_state_machine(name=machine.rsplit(":", 1)[1], definition=other, roleArn=role)


def test_a_stop_right_after_the_start_is_obeyed(aws: Aws, machine: str) -> None:
    states = aws.client("stepfunctions")
    executions = [start(aws, machine) for _ in range(5)]
    stops = [
        threading.Thread(target=states.stop_execution, kwargs={"executionArn": each})
        for each in executions
    ]
    for stop in stops:
        stop.start()
    for stop in stops:
        stop.join()
    assert {ended(aws, each)["status"] for each in executions} == {"ABORTED"}


def test_executions_and_their_history_are_listed(aws: Aws, role: str) -> None:
    machine = create(aws, role, chain({"Type": "Fail", "Error": "E", "Cause": "C"}))
    execution = start(aws, machine)
    ended(aws, execution)
    states = aws.client("stepfunctions")
    listed = states.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"]
    assert [each["executionArn"] for each in listed] == [execution]
    assert listed[0]["stopDate"] >= listed[0]["startDate"]
    assert (
        states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"] == []
    )
    history = states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=1)
    (last,) = history["events"]
    assert (last["type"], last["executionFailedEventDetails"]["error"]) == ("ExecutionFailed", "E")
    assert "nextToken" in history


def test_an_input_above_the_quota_is_refused(aws: Aws, role: str) -> None:
    machine = create(aws, role, chain({"Type": "Succeed"}))
    with pytest.raises(ClientError, match="InvalidExecutionInput"):
        start(aws, machine, {"v": "x" * 262_144})
