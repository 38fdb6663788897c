"""A failed workflow names the state that failed, not the one that told of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from scripts.lib import workflow
from scripts.lib.session import Clients

EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:mlops-training:one"
CHILD = EXECUTION.replace("training", "deployment")


def event(number: int, kind: str, **details: Any) -> dict[str, Any]:
    return {"id": number, "timestamp": datetime.now(UTC), "type": kind, **details}


def entered(number: int, name: str) -> dict[str, Any]:
    return event(number, "TaskStateEntered", stateEnteredEventDetails={"name": name})


def failed(number: int, error: str, cause: str = "") -> dict[str, Any]:
    details = {"resourceType": "sagemaker", "resource": "createTrainingJob.sync"}
    details |= {"error": error, "cause": cause}
    return event(number, "TaskFailed", taskFailedEventDetails=details)


def test_the_failed_state_is_named_although_a_notification_followed() -> None:
    events: Any = [entered(1, "Train"), failed(2, "States.TaskFailed"), entered(3, "Notify")]
    assert workflow.failing_state(events, "States.TaskFailed") == ("Train", "")


def test_a_verdict_without_a_failed_task_names_the_last_state() -> None:
    events: Any = [entered(1, "Train"), entered(2, "CheckQuality"), entered(3, "Rejected")]
    assert workflow.failing_state(events, "QualityTooLow") == ("Rejected", "")


def test_a_failure_in_the_deployment_is_traced_to_its_state(clients: Clients) -> None:
    cause = json.dumps({"ExecutionArn": CHILD, "Error": "NotHealthy", "Cause": "ping failed"})
    with Stubber(clients.stepfunctions) as stub:
        described: dict[str, Any] = {
            "executionArn": EXECUTION,
            "stateMachineArn": "arn",
            "status": "FAILED",
        }
        described |= {"startDate": 1, "error": "NotHealthy", "cause": "ping failed"}
        stub.add_response("describe_execution", described)
        outer = [entered(1, "Deploy"), failed(2, "States.TaskFailed", cause), entered(3, "Failed")]
        stub.add_response("get_execution_history", {"events": outer}, {"executionArn": EXECUTION})
        inner = [entered(1, "CheckServing"), failed(2, "NotHealthy"), entered(3, "Failed")]
        stub.add_response("get_execution_history", {"events": inner}, {"executionArn": CHILD})
        said = str(workflow.failure(clients.stepfunctions, EXECUTION))
    assert said == "state Deploy > CheckServing: NotHealthy: ping failed"


@pytest.mark.parametrize(("unseen", "seconds"), [(2, 60), (1, -1)])
def test_what_was_started_just_now_may_not_be_seen_yet(
    clients: Clients, unseen: int, seconds: float
) -> None:
    """For some seconds; then there is none."""
    answer: Any = {"executionArn": EXECUTION, "stateMachineArn": "arn", "status": "RUNNING"}
    with Stubber(clients.stepfunctions) as stub:
        for _ in range(unseen):
            stub.add_client_error("describe_execution", "ExecutionDoesNotExist", "gone")
        stub.add_response("describe_execution", answer | {"startDate": 1})
        if seconds > 0:
            assert workflow.describe(clients.stepfunctions, EXECUTION, seconds)["status"]
        else:
            with pytest.raises(ClientError):
                workflow.describe(clients.stepfunctions, EXECUTION, seconds)


def test_another_error_is_none_that_passes(clients: Clients) -> None:
    with Stubber(clients.stepfunctions) as stub:
        stub.add_client_error("describe_execution", "AccessDeniedException", "no")
        with pytest.raises(ClientError, match="no"):
            workflow.describe(clients.stepfunctions, EXECUTION)


def test_the_cause_is_dug_out_of_a_job_description() -> None:
    cause = json.dumps({"TrainingJobName": "x", "FailureReason": "AlgorithmError: no data"})
    assert workflow.readable(cause) == "AlgorithmError: no data"


def test_the_cause_is_dug_out_of_a_child_execution() -> None:
    child = json.dumps({"Status": "FAILED", "Cause": json.dumps({"FailureReason": "ping failed"})})
    assert workflow.readable(child) == "ping failed"


def test_a_cause_in_words_stays_as_it_is() -> None:
    assert workflow.readable("accuracy 0.41 is\nbelow 0.6") == "accuracy 0.41 is below 0.6"
    assert workflow.readable('["a"]') == '["a"]'
    assert workflow.readable("a\x1b[2Jb") == "a[2Jb"


def test_a_failure_tells_state_error_and_cause(clients: Clients) -> None:
    with Stubber(clients.stepfunctions) as stub:
        stub.add_response(
            "describe_execution",
            {
                "executionArn": EXECUTION,
                "stateMachineArn": "arn",
                "status": "FAILED",
                "startDate": datetime.now(UTC),
                "error": "States.TaskFailed",
                "cause": '{"FailureReason": "out of memory"}',
            },
            {"executionArn": EXECUTION},
        )
        events = [entered(1, "Train"), failed(2, "States.TaskFailed"), entered(3, "Fail")]
        stub.add_response("get_execution_history", {"events": events}, {"executionArn": EXECUTION})
        said = str(workflow.failure(clients.stepfunctions, EXECUTION))
    assert said == "state Train: States.TaskFailed: out of memory"


def test_a_running_workflow_tells_the_state_of_the_one_it_waits_for(clients: Clients) -> None:
    submitted = event(
        2,
        "TaskSubmitted",
        taskSubmittedEventDetails={
            "resourceType": "states",
            "resource": "startExecution.sync:2",
            "output": json.dumps({"ExecutionArn": CHILD}),
        },
    )
    with Stubber(clients.stepfunctions) as stub:
        stub.add_response("get_execution_history", {"events": [submitted, entered(1, "Deploy")]})
        stub.add_response(
            "get_execution_history",
            {"events": [entered(1, "WaitForEndpoint")]},
            {"executionArn": CHILD, "reverseOrder": True, "maxResults": 10},
        )
        assert workflow.where(clients, EXECUTION) == "Deploy > WaitForEndpoint"


def test_of_a_long_history_only_the_end_is_read(clients: Clients) -> None:
    """To the last state that was entered, over as many pages as that takes."""
    end = [event(number, "TaskScheduled") for number in range(12, 2, -1)]
    with Stubber(clients.stepfunctions) as stub:
        stub.add_response("get_execution_history", {"events": end, "nextToken": "more"})
        begin = [entered(2, "Train"), entered(1, "Begin")]
        stub.add_response("get_execution_history", {"events": begin, "nextToken": "yet more"})
        found = workflow.latest(clients.stepfunctions, EXECUTION)
    assert [one["id"] for one in found] == [*range(2, 13)]


JOB = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/mlops-1-spot-0"


def test_a_running_workflow_tells_what_its_training_job_waits_for(clients: Clients) -> None:
    submitted = event(
        2,
        "TaskSubmitted",
        taskSubmittedEventDetails={
            "resourceType": "sagemaker",
            "resource": "createTrainingJob.sync",
            "output": json.dumps({"TrainingJobArn": JOB}),
        },
    )
    job = {
        "TrainingJobName": "mlops-1-spot-0",
        "TrainingJobArn": JOB,
        "ModelArtifacts": {"S3ModelArtifacts": "s3://a/b"},
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Interrupted",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 1, "InstanceCount": 2},
        "StoppingCondition": {},
        "CreationTime": datetime.now(UTC),
        "EnableManagedSpotTraining": True,
        "SecondaryStatusTransitions": [
            {"Status": status, "StartTime": datetime.now(UTC)}
            for status in ("Starting", "Training", "Interrupted")
        ],
    }
    with Stubber(clients.stepfunctions) as stub, Stubber(clients.sagemaker) as sagemaker:
        stub.add_response("get_execution_history", {"events": [submitted, entered(1, "Train")]})
        sagemaker.add_response("describe_training_job", job, {"TrainingJobName": "mlops-1-spot-0"})
        said = workflow.where(clients, EXECUTION)
        assert said == (
            "Train > interrupted, waiting for spot capacity (2 instances, spot, interrupted once)"
        )
        # The job has ended, and the run went on
        went_on = [entered(3, "CheckQuality"), submitted, entered(1, "Train")]
        stub.add_response("get_execution_history", {"events": went_on})
        assert workflow.where(clients, EXECUTION) == "CheckQuality"


JOBS = "arn:aws:sagemaker:eu-west-1:123456789012:"


@pytest.mark.parametrize(
    ("status", "started", "words"),
    [
        ("InProgress", {}, "starting"),
        ("InProgress", {"ProcessingStartTime": datetime.now(UTC)}, "computing"),
        ("Stopping", {}, "stopping"),
    ],
)
def test_a_running_workflow_tells_how_far_its_processing_job_is(
    clients: Clients, status: str, started: dict[str, Any], words: str
) -> None:
    arn = f"{JOBS}processing-job/mlops-1-evaluate-0"
    job = {
        "ProcessingJobName": "mlops-1-evaluate-0",
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": status,
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
        "AppSpecification": {"ImageUri": "image"},
        "CreationTime": datetime.now(UTC),
        **started,
    }
    assert awaiting(clients, {"ProcessingJobArn": arn}, "describe_processing_job", job) == words


def test_a_running_workflow_tells_how_far_its_tuning_job_is(clients: Clients) -> None:
    arn = f"{JOBS}hyper-parameter-tuning-job/0a1b2c3d-1-0"
    limits = {"MaxNumberOfTrainingJobs": 10, "MaxParallelTrainingJobs": 2}
    job = {
        "HyperParameterTuningJobName": "0a1b2c3d-1-0",
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobConfig": {"Strategy": "Random", "ResourceLimits": limits},
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": datetime.now(UTC),
        "TrainingJobStatusCounters": {"Completed": 3, "InProgress": 2, "NonRetryableError": 1},
        "ObjectiveStatusCounters": {},
        "BestTrainingJob": {
            "TrainingJobName": "0a1b2c3d-1-0-001",
            "TrainingJobArn": f"{JOBS}training-job/0a1b2c3d-1-0-001",
            "CreationTime": datetime.now(UTC),
            "TrainingJobStatus": "Completed",
            "TunedHyperParameters": {},
            "FinalHyperParameterTuningJobObjectiveMetric": {
                "MetricName": "validation:accuracy",
                "Value": 0.98123,
            },
        },
    }
    said = awaiting(
        clients,
        {"HyperParameterTuningJobArn": arn},
        "describe_hyper_parameter_tuning_job",
        job,
    )
    assert said == "3 of 10 trainings, 2 running, 1 failed, best validation:accuracy 0.9812"


@pytest.mark.parametrize(
    ("started", "words"),
    [({}, "starting"), ({"TransformStartTime": datetime.now(UTC)}, "answering")],
)
def test_a_running_workflow_tells_how_far_its_batch_is(
    clients: Clients, started: dict[str, Any], words: str
) -> None:
    arn = f"{JOBS}transform-job/mlops-1-batch-0"
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://a/b/"}}
    job = {
        "TransformJobName": "mlops-1-batch-0",
        "TransformJobArn": arn,
        "TransformJobStatus": "InProgress",
        "ModelName": "mlops-batch-0",
        "TransformInput": {"DataSource": place},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
        "CreationTime": datetime.now(UTC),
        **started,
    }
    assert awaiting(clients, {"TransformJobArn": arn}, "describe_transform_job", job) == words


def awaiting(clients: Clients, output: dict[str, str], operation: str, job: dict[str, Any]) -> str:
    """What is told of the job that the current state waits for."""
    details = {"resourceType": "sagemaker", "resource": "x.sync", "output": json.dumps(output)}
    submitted = event(2, "TaskSubmitted", taskSubmittedEventDetails=details)
    with Stubber(clients.stepfunctions) as stub, Stubber(clients.sagemaker) as sagemaker:
        stub.add_response("get_execution_history", {"events": [submitted, entered(1, "Work")]})
        sagemaker.add_response(operation, job)
        return workflow.where(clients, EXECUTION).removeprefix("Work > ")


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({"version": "0123456789ab"}, "commit 0123456789ab"),
        ({"trigger": {"kind": "schedule", "by": "x"}}, "what a schedule asked for"),
        ({"name": "mlops-0a1b2c3d-0123456789ab-00000001"}, "mlops-0a1b2c3d-0123456789ab-00000001"),
        (None, "one"),
    ],
)
def test_what_stands_in_a_queue_says_what_is_first(
    clients: Clients, given: dict[str, Any] | None, first: str
) -> None:
    queue = {"queue": {"line": [EXECUTION, CHILD]}}
    waits = {"name": "WaitForTurn", "input": json.dumps(queue)}
    events = [event(2, "WaitStateEntered", stateEnteredEventDetails=waits), entered(1, "Begin")]
    with Stubber(clients.stepfunctions) as stub:
        stub.add_response("get_execution_history", {"events": events})
        if given is None:
            stub.add_client_error("describe_execution", "ExecutionDoesNotExist", "gone")
        else:
            answer: Any = {"executionArn": EXECUTION, "stateMachineArn": "x", "status": "RUNNING"}
            answer |= {"startDate": datetime.now(UTC), "input": json.dumps(given)}
            stub.add_response("describe_execution", answer, {"executionArn": EXECUTION})
        said = workflow.where(clients, CHILD)
    assert said == f"waits for its turn: first is {first}"


def test_a_build_that_has_started_no_execution_has_none(clients: Clients) -> None:
    with Stubber(clients.stepfunctions) as stub:
        stub.add_client_error("describe_execution", "ExecutionDoesNotExist", "gone")
        machine = EXECUTION.replace("execution", "stateMachine").rpartition(":")[0]
        assert workflow.started_by(clients.stepfunctions, machine, "mlops-start:1") == ""
