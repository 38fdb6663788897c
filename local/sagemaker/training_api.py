"""The operations on training jobs; what a training job does is in training."""

import re
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.background import background
from local.credentials import Credentials
from local.refusals import unsupported
from local.sagemaker import container, requests
from local.sagemaker.instances import DAY
from local.sagemaker.records import LOCK, TRAINING_JOB, Operations, invalid
from local.sagemaker.training import TrainingJob

NEVER_RUN = ("Tags", "ExperimentConfig")
MAX_INSTANCES = 20  # all are processes of one machine; on AWS a quota of the account


class TrainingJobs(Operations):
    def create_training_job(self) -> ActionResult:
        request = self.request(*NEVER_RUN)
        name = request["TrainingJobName"]
        check(request)
        job = new_job(request, self.get("Tags", []))
        credentials = check_access(request, TRAINING_JOB.arn(name))
        with LOCK:
            answer = self.add_job(TRAINING_JOB, name, job)
            job.enter("Starting")
        background(job.run, credentials)
        return answer

    def describe_training_job(self) -> ActionResult:
        return ActionResult(self._training_job().snapshot())

    def list_training_jobs(self) -> ActionResult:
        return self.listed(TRAINING_JOB, "TrainingJobSummaries", order="Ascending")

    def stop_training_job(self) -> ActionResult:
        job = self._training_job()
        if not job.stop():
            raise invalid(
                f"The request was rejected because the training job is in status {job.status}."
            )
        return EmptyResult()

    def _training_job(self) -> TrainingJob:
        job = TRAINING_JOB.records().get(self.get("TrainingJobName"))
        if job is None:
            raise invalid("Requested resource not found.")
        return job


def new_job(request: dict[str, Any], tags: list[dict[str, str]], **more: Any) -> TrainingJob:
    """What a checked request asks for, not yet known to anybody; `more` is told of it too."""
    name, output = request["TrainingJobName"], request["OutputDataConfig"]["S3OutputPath"]
    artifacts = container.join(output, name, "output", "model.tar.gz")
    description = {
        "EnableNetworkIsolation": False,
        "EnableManagedSpotTraining": False,
        "EnableInterContainerTrafficEncryption": False,
        "StoppingCondition": {},
        **request,
        "TrainingJobArn": TRAINING_JOB.arn(name),
        "TrainingJobStatus": "InProgress",
        "ModelArtifacts": {"S3ModelArtifacts": artifacts},
        "CreationTime": datetime.now(UTC),
        **more,
    }
    try:
        return TrainingJob(description, tags)
    except re.error as error:
        raise invalid(f"MetricDefinitions: {error.pattern!r} is no regular expression") from error


def check(request: dict[str, Any]) -> None:
    """What a training job's request says: mistakes, and what is not done here."""
    _check_instances(request["ResourceConfig"])
    _check_spot(
        request.get("EnableManagedSpotTraining", False), request.get("StoppingCondition", {})
    )
    for channel in request.get("InputDataConfig", []):
        name = channel["ChannelName"]
        if name.startswith("."):  # it becomes a folder
            raise invalid(unsupported(f"ChannelName {name}", "a letter, digit, - or _ first"))


def check_access(request: dict[str, Any], job: str) -> Credentials:
    """The credentials of the role, which has to reach the image and the data."""
    role = request["RoleArn"]
    credentials = requests.check_role(role, job)
    requests.check_image(request["AlgorithmSpecification"]["TrainingImage"])
    for channel in request.get("InputDataConfig", []):
        requests.check_objects(channel["DataSource"]["S3DataSource"]["S3Uri"], role, credentials)
    return credentials


def _check_instances(resources: dict[str, Any]) -> None:
    count = resources.get("InstanceCount", 1)
    if not 1 <= count <= MAX_INSTANCES:
        raise invalid(
            unsupported(
                f"InstanceCount {count}", f"1 to {MAX_INSTANCES}, each a process of this machine"
            )
        )


def _check_spot(spot: bool, limits: dict[str, int]) -> None:
    """The first message as seen in public (github.com/Kenza-AI/sagify, issue 111); the rule of the
    second in API reference, StoppingCondition."""
    wait, runtime = limits.get("MaxWaitTimeInSeconds"), limits.get("MaxRuntimeInSeconds", DAY)
    if wait is not None and not spot:
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is "
            "set to true"
        )
    if spot and (wait is None or wait < runtime):
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and equal to or greater than "
            f"MaxRuntimeInSeconds ({runtime}) when EnableManagedSpotTraining is set to true"
        )
