"""Status answers at a glance, also when there is nothing to see."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from scripts import status
from scripts.lib.console import Console
from scripts.lib.packages import PENDING
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.conftest import Stubs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STACK_ID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/mlops/0a1b2c3d-1111"
RUN = "11111111-1111-1111-1111-111111111111"
KNOWN = {
    "PipelineName": "mlops",
    "EndpointName": "mlops",
    "VersionPrefix": "mlops-0a1b2c3d",
    "TrainingWorkflowArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-training",
}


def stage(name: str, state: str) -> dict[str, Any]:
    changed = NOW - timedelta(minutes=5)
    return {
        "stageName": name,
        "latestExecution": {"pipelineExecutionId": RUN, "status": state},
        "actionStates": [{"latestExecution": {"lastStatusChange": changed, "status": state}}],
    }


def pipeline(stub: dict[str, Stubber], state: str, *stages: dict[str, Any]) -> None:
    revision = {
        "actionName": "Source",
        "revisionId": "0123456789abcdef" * 2,
        "revisionSummary": "Use a deeper model\n\nbecause",
    }
    run = {"pipelineExecutionId": RUN, "status": state, "sourceRevisions": [revision]}
    stub["codepipeline"].add_response(
        "list_pipeline_executions", {"pipelineExecutionSummaries": [run]}
    )
    stub["codepipeline"].add_response("get_pipeline_state", {"stageStates": list(stages)})


def test_each_stage_shows_its_commit_and_a_failed_one_its_reason(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    pipeline(
        stub,
        "Failed",
        stage("Source", "Succeeded"),
        stage("Test", "Failed"),
        {"stageName": "Build"},
    )
    failed = {
        "stageName": "Test",
        "actionName": "Test",
        "status": "Failed",
        "startTime": NOW,
        "input": {
            "actionTypeId": {
                "category": "Test",
                "owner": "AWS",
                "provider": "CodeBuild",
                "version": "1",
            }
        },
        "output": {"executionResult": {"externalExecutionId": "mlops-test:1"}},
    }
    stub["codepipeline"].add_response(
        "list_action_executions", {"actionExecutionDetails": [failed]}
    )
    phases = [{"phaseType": "BUILD", "phaseStatus": "FAILED", "contexts": [{"message": "exit 1"}]}]
    stub["codebuild"].add_response("batch_get_builds", {"builds": [{"phases": phases}]})
    assert status.show_pipeline(clients, KNOWN, console, NOW)
    lines = page.getvalue().splitlines()
    assert "Source   Succeeded      5 min  0123456789ab Use a deeper model" in lines[2]
    assert lines[4] == "  Build    not reached yet"
    assert lines[5:] == ["  Test failed:", "    phase BUILD FAILED: exit 1"]


def test_a_pipeline_that_never_ran_is_no_failure(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    stub["codepipeline"].add_response(
        "list_pipeline_executions", {"pipelineExecutionSummaries": []}
    )
    stub["codepipeline"].add_response("get_pipeline_state", {"stageStates": []})
    assert not status.show_pipeline(clients, KNOWN, console, NOW)
    assert "has not run yet" in page.getvalue()


def test_a_run_that_succeeded_is_no_failure(
    clients: Clients, stub: dict[str, Stubber], console: Console
) -> None:
    pipeline(stub, "Succeeded", stage("Source", "Succeeded"))
    stub["codepipeline"].add_response("list_action_executions", {"actionExecutionDetails": []})
    assert not status.show_pipeline(clients, KNOWN, console, NOW)


@pytest.mark.parametrize(("told", "spot"), [(True, False), (False, False), (True, True)])
def test_a_training_shows_its_commit_its_accuracy_and_its_cause_once(
    clients: Clients,
    stub: dict[str, Stubber],
    console: Console,
    page: io.StringIO,
    told: bool,
    spot: bool,
) -> None:
    machine = KNOWN["TrainingWorkflowArn"]
    started = NOW - timedelta(minutes=5)
    execution = {
        "executionArn": f"{machine}:one".replace("stateMachine", "execution"),
        "stateMachineArn": machine,
        "status": "FAILED",
        "startDate": started,
    }
    states, sagemaker = stub["stepfunctions"], stub["sagemaker"]
    states.add_response(
        "list_executions", {"executions": [{**execution, "name": RUN, "stopDate": NOW}]}
    )
    job = {
        "TrainingJobName": "mlops-0a1b2c3d-0123456789ab-ffffffff-0",
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/x",
        "CreationTime": started + timedelta(minutes=1),
        "TrainingJobStatus": "Completed",
    }
    before = {**job, "TrainingJobName": "mlops-0a1b2c3d-0123456789ab-ffffffff-spot-0"}
    made = [job, before] if spot else [job]
    sagemaker.add_response("list_training_jobs", {"TrainingJobSummaries": made})
    described = {**execution, "input": '{"version": "0123456789ab"}', "error": "QualityTooLow"}
    states.add_response("describe_execution", described)
    metrics = [{"MetricName": "eval:accuracy", "Value": 0.41, "Timestamp": NOW}]
    needed: dict[str, Any] = {
        "ModelArtifacts": {"S3ModelArtifacts": "s3://a/b"},
        "SecondaryStatus": "Completed",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1},
        "StoppingCondition": {},
    }
    sagemaker.add_response(
        "describe_training_job", {**job, **needed, "FinalMetricDataList": metrics}
    )
    if not told:
        states.add_response("describe_execution", described)
        states.add_response("get_execution_history", {"events": []})
    status.show_workflow(clients, KNOWN, console, NOW, told=told)
    words = "accuracy 41.0%" + (", on demand after spot" if spot else "")
    assert f"FAILED        5 min  0123456789ab {words}\n" in page.getvalue()
    assert RUN not in page.getvalue()
    assert page.getvalue().count("QualityTooLow") == (0 if told else 1)


@pytest.mark.parametrize(
    ("became", "told"),
    [(PENDING, "and is not deployed yet"), ("Rejected", "(0123456789ab) was rejected by me.")],
)
def test_a_model_that_was_left_to_a_person_tells_what_became_of_it(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO, became: str, told: str
) -> None:
    """What the training ended with says for ever that it waits."""
    machine = KNOWN["TrainingWorkflowArn"]
    execution: dict[str, Any] = {"executionArn": f"{machine}:one"}
    execution |= {"stateMachineArn": machine, "status": "SUCCEEDED", "startDate": NOW}
    output = json.dumps({"name": versions.name(2), "package": versions.arn(2)})
    states = stub["stepfunctions"]
    states.add_response("list_executions", {"executions": [{**execution, "name": RUN}]})
    stub["sagemaker"].add_response("list_training_jobs", {"TrainingJobSummaries": []})
    for _ in range(2):
        states.add_response("describe_execution", {**execution, "output": output})
    one = versions.description(2, became, decided_by="me")
    stub["sagemaker"].add_response("describe_model_package", one)
    if became == "Rejected":
        versions.serves(stub, "")
    status.show_workflow(clients, versions.KNOWN, console, NOW, told=False)
    assert told in " ".join(page.getvalue().split())
    assert ("is not deployed yet" in page.getvalue()) is (became == PENDING)


@pytest.mark.parametrize(("serves", "times"), [("mlops-old", 0), ("mlops-new", 1)])
def test_a_model_that_was_superseded_is_told_from_one_that_serves(
    clients: Clients,
    stub: dict[str, Stubber],
    console: Console,
    page: io.StringIO,
    serves: str,
    times: int,
) -> None:
    machine = KNOWN["TrainingWorkflowArn"]
    execution = {
        "executionArn": f"{machine}:one".replace("stateMachine", "execution"),
        "stateMachineArn": machine,
        "status": "SUCCEEDED",
        "startDate": NOW - timedelta(minutes=5),
    }
    output = json.dumps({"name": "mlops-old", "serves": serves})
    states = stub["stepfunctions"]
    states.add_response(
        "list_executions", {"executions": [{**execution, "name": RUN, "stopDate": NOW}]}
    )
    stub["sagemaker"].add_response("list_training_jobs", {"TrainingJobSummaries": []})
    for _ in range(2):
        states.add_response("describe_execution", {**execution, "output": output})
    status.show_workflow(clients, KNOWN, console, NOW, told=False)
    assert page.getvalue().count("the endpoint serves mlops-new") == times


def test_the_endpoint_shows_which_commit_it_serves(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    stub["sagemaker"].add_response(
        "describe_endpoint",
        {
            "EndpointName": "mlops",
            "EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/mlops",
            "EndpointConfigName": "mlops-0a1b2c3d-0123456789ab-ffffffff",
            "EndpointStatus": "Failed",
            "FailureReason": "The container did not pass the ping",
            "CreationTime": NOW,
            "LastModifiedTime": NOW - timedelta(hours=3),
        },
    )
    status.show_endpoint(clients, KNOWN, console, NOW)
    assert "Failed  version 0123456789ab  changed 3 h ago" in page.getvalue()
    assert "did not pass the ping" in page.getvalue()


def test_without_a_stack_the_way_to_one_is_named(
    memory: Clients, console: Console, page: io.StringIO
) -> None:
    assert not status.status(memory, "mine", console, NOW)
    assert page.getvalue().splitlines() == [
        "Nothing here: there is no stack mine in eu-west-1.",
        "`make deploy STACK=mine` creates it.",
    ]


def decisions(stub: Stubs, *found: tuple[str, str]) -> None:
    """Executions of the approval workflow, the newest first: name and status."""
    machine = versions.MACHINE.replace("stateMachine", "execution") + "approval"
    shared = {"stateMachineArn": "x", "startDate": NOW}
    listed = [
        {"executionArn": f"{machine}:{name}", "name": name, "status": one, **shared}
        for name, one in found
    ]
    stub["stepfunctions"].add_response("list_executions", {"executions": listed})


def test_what_waits_for_approval_tells_until_when_and_how_to_decide(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    waiting = versions.description(2, PENDING)
    versions.registry(stub, waiting, read=1)
    versions.registry(stub, waiting)
    versions.waits(stub, 2)
    decisions(stub, (f"wait-{versions.name(2)}", "RUNNING"))
    status.show_versions(clients, versions.KNOWN, "mlops", console, NOW)
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2:4] == [
        "  Version 2 (0123456789ab) waits for approval until 2026-01-08 00:00 UTC:",
        "    98.1 % against 98.6 %: 2 of 360 pictures, within chance",
    ]
    assert "`make approve STACK=mlops VERSION=2` deploys it" in page.getvalue()


def test_the_newest_verdict_is_told_and_a_decision_that_came_to_nothing(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.registry(stub, versions.description(1, "Rejected"), read=1)
    versions.registry(stub)
    decisions(stub, ("wait-x", "SUCCEEDED"), ("one", "FAILED"), ("two", "SUCCEEDED"))
    described = {"executionArn": "x", "stateMachineArn": "x", "status": "FAILED", "startDate": NOW}
    described |= {"error": "EndpointRolledBack", "cause": "the ping failed"}
    described |= {"input": '{"ModelPackageVersion": 3}'}
    for _ in range(2):
        stub["stepfunctions"].add_response("describe_execution", described)
    stub["stepfunctions"].add_response("get_execution_history", {"events": []})
    status.show_versions(clients, versions.KNOWN, "mlops", console, NOW + timedelta(hours=2))
    assert page.getvalue().splitlines()[1:] == [
        "Versions",
        "  Newest: version 1 (0123456789ab), rejected, 1 h ago",
        "    98.1 % against 98.6 %: 2 of 360 pictures, within chance",
        "  A decision of 2 h ago about version 3 was not carried out:",
        "    state : EndpointRolledBack: the ping failed",
    ]


def test_a_decision_that_is_carried_out_tells_how_far_it_is(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.registry(stub, versions.description(1), read=1)
    versions.registry(stub)
    decisions(stub, ("one", "RUNNING"))
    described = {"executionArn": "x", "stateMachineArn": "x", "status": "RUNNING", "startDate": NOW}
    described |= {"input": '{"name": "mlops-v"}'}
    stub["stepfunctions"].add_response("describe_execution", described)
    stub["stepfunctions"].add_response("get_execution_history", {"events": []})
    status.show_versions(clients, versions.KNOWN, "mlops", console, NOW + timedelta(minutes=1))
    assert page.getvalue().endswith("  Decided 1 min ago about version mlops-v: starting\n")


def test_a_stack_without_versions_says_so(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    """Also one that was deployed before there were any."""
    for _ in range(2):
        stub["sagemaker"].add_client_error("list_model_packages", *versions.NO_GROUP)
    known = {key: versions.KNOWN[key] for key in versions.KNOWN if "Approval" not in key}
    status.show_versions(clients, known, "mlops", console, NOW)
    assert page.getvalue() == "\nVersions\n  None is registered yet.\n"
