"""Following the pipeline ends with its verdict and the reason."""

import io
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from scripts.lib.console import Console
from scripts.lib.following import Verdict, follow_steps, tell
from scripts.lib.session import Clients
from tests.scripts.answers import EARLIER, RUN, START, action, in_turn, look

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-training"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:mlops-training:one"
OTHER = "99999999-1111-1111-1111-111111111111"
KNOWN = {
    "PipelineName": "mlops",
    "TrainingWorkflowArn": MACHINE,
    "EndpointName": "mlops",
    "VersionPrefix": "mlops-0a1b2c3d",
}


def test_a_run_that_waits_for_its_turn_says_for_which(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    look(stub, "InProgress")
    in_turn(stub, OTHER, RUN, EARLIER)
    stub["codepipeline"].add_response(
        "list_action_executions",
        {"actionExecutionDetails": [action("Test", "InProgress", "CodeBuild")]},
        {"pipelineName": "mlops", "filter": {"pipelineExecutionId": EARLIER}},
    )
    look(stub, "Stopped")
    follow_steps(clients, KNOWN, RUN, console)
    assert "waiting for an earlier run to end: c0ffee 0000, Test" in page.getvalue()


def test_each_step_is_told_once_and_success_needs_no_reason(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    source = action("Source", "Succeeded", "CodeCommit")
    look(stub, "InProgress", source)
    in_turn(stub, RUN)
    look(stub, "Succeeded", source, action("Test", "Succeeded", "CodeBuild", "t:1", 1))
    verdict = follow_steps(clients, KNOWN, RUN, console)
    assert verdict.succeeded and verdict.reason == []
    assert page.getvalue().count("Source") == 1
    assert "Succeeded  Test  (0:42)" in page.getvalue()


def test_a_failed_build_tells_its_phase_and_what_its_commands_said(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    look(stub, "Failed", action("Test", "Failed", "CodeBuild", "mlops-test:1"))
    phases = [
        {"phaseType": "INSTALL", "phaseStatus": "SUCCEEDED"},
        {
            "phaseType": "BUILD",
            "phaseStatus": "FAILED",
            "contexts": [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit status 1"}],
        },
    ]
    logs = {"groupName": "/aws/codebuild/mlops-test", "streamName": "1"}
    stub["codebuild"].add_response(
        "batch_get_builds",
        {"builds": [{"phases": phases, "logs": logs}]},
        {"ids": ["mlops-test:1"]},
    )
    said = ["[Container] Entering phase BUILD", "E  assert 1 == 2", "", "1 failed", "[Container] x"]
    stub["logs"].add_response(
        "get_log_events",
        {"events": [{"message": f"{line}\n", "timestamp": 1} for line in said]},
        {"logGroupName": logs["groupName"], "logStreamName": "1", "limit": ANY},
    )
    verdict = follow_steps(clients, KNOWN, RUN, console)
    assert verdict.status == "Failed"
    assert verdict.reason == ["phase BUILD FAILED: exit status 1", "| E  assert 1 == 2"]


@pytest.mark.parametrize(
    ("provider", "external"), [("StepFunctions", EXECUTION), ("CodeBuild", "t:1")]
)
def test_a_failed_training_tells_the_workflows_reason_wherever_it_was_started(
    clients: Clients, stub: dict[str, Stubber], console: Console, provider: str, external: str
) -> None:
    look(stub, "Failed", action("Train", "Failed", provider, external))
    if provider == "CodeBuild":
        # By the build's name: what else asks for a training may begin at the same time
        named = MACHINE.replace("stateMachine", "execution") + ":t-1"
        answer: Any = {"executionArn": EXECUTION, "stateMachineArn": MACHINE, "startDate": START}
        stub["stepfunctions"].add_response(
            "describe_execution", answer | {"status": "FAILED"}, {"executionArn": named}
        )
    stub["stepfunctions"].add_response(
        "describe_execution",
        {
            "executionArn": EXECUTION,
            "stateMachineArn": MACHINE,
            "status": "FAILED",
            "startDate": START,
            "error": "QualityTooLow",
            "cause": "eval:accuracy 0.41 is below 0.6",
        },
        {"executionArn": EXECUTION},
    )
    stub["stepfunctions"].add_response(
        "get_execution_history",
        {
            "events": [
                {
                    "id": 1,
                    "type": "FailStateEntered",
                    "timestamp": START,
                    "stateEnteredEventDetails": {"name": "Rejected"},
                }
            ]
        },
    )
    verdict = follow_steps(clients, KNOWN, RUN, console)
    assert verdict.reason == ["state Rejected: QualityTooLow: eval:accuracy 0.41 is below 0.6"]


def test_a_superseded_model_is_no_failure_and_is_not_called_served(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    look(stub, "Succeeded", action("Train", "Succeeded", "StepFunctions", EXECUTION))
    stub["stepfunctions"].add_response(
        "describe_execution",
        {
            "executionArn": EXECUTION,
            "stateMachineArn": KNOWN["TrainingWorkflowArn"],
            "status": "SUCCEEDED",
            "startDate": START,
            "output": '{"name": "mlops-old", "serves": "mlops-new"}',
        },
        {"executionArn": EXECUTION},
    )
    ending = follow_steps(clients, KNOWN, RUN, console)
    assert tell(clients, KNOWN, ending, console) == 0
    assert "It was not deployed: the endpoint serves mlops-new" in page.getvalue()
    assert "The model is served" not in page.getvalue()


@pytest.mark.parametrize(
    ("status", "code", "last"),
    [
        ("Succeeded", 0, "The model is served by endpoint mlops."),
        ("Failed", 1, "The endpoint serves version 0123456789ab."),
    ],
)
def test_the_end_tells_what_is_served_now(
    clients: Clients, console: Console, page: io.StringIO, status: str, code: int, last: str
) -> None:
    with Stubber(clients.sagemaker) as sagemaker:
        sagemaker.add_response(
            "describe_endpoint",
            {
                "EndpointName": "mlops",
                "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/mlops",
                "EndpointConfigName": "mlops-0a1b2c3d-0123456789ab-ffffffff",
                "EndpointStatus": "InService",
                "CreationTime": START,
                "LastModifiedTime": START,
            },
        )
        assert tell(clients, KNOWN, Verdict(status, []), console) == code
    assert page.getvalue().splitlines()[-1] == last
