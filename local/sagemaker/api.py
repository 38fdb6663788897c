"""SageMaker as it is here: models, endpoints and the model registry in files of their own, training
jobs below.

Tags are moto's. What a training job does is in training.
"""

import json
import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.core.responses import ActionResult, EmptyResult
from werkzeug.wrappers import Request, Response

from local import images
from local.background import background
from local.credentials import Credentials, NotAuthorized, assume
from local.refusals import TurnedAway, unsupported
from local.sagemaker import container
from local.sagemaker.endpoints import Endpoints
from local.sagemaker.instances import DAY
from local.sagemaker.models import Models
from local.sagemaker.records import LOCK, MODEL_PACKAGE, SERVICE, TRAINING_JOB, invalid
from local.sagemaker.registry import NO_TAGS, Registry
from local.sagemaker.training import NotReclaimable, TrainingJob
from local.service import AwsError

NEVER_RUN = ("Tags", "ExperimentConfig")
MAX_INSTANCES = 20  # all are processes of one machine; on AWS a quota of the account


class SageMaker(Models, Endpoints, Registry):
    def add_tags(self) -> ActionResult:
        """A tag that is there gets the new value (AddTags, SageMaker API Reference), where moto
        adds a second one of its name."""
        if self._is_version():
            raise invalid(NO_TAGS)
        keys = [each["Key"] for each in self.get("Tags")]
        self.sagemaker_backend.delete_tags(self.get("ResourceArn"), keys)
        tags = self.sagemaker_backend.add_tags(self.get("ResourceArn"), self.get("Tags"))
        return ActionResult({"Tags": tags})

    def list_tags(self) -> ActionResult:
        return ActionResult({"Tags": []}) if self._is_version() else super().list_tags()

    def _is_version(self) -> bool:
        """Of a model package group; only the group has tags."""
        return str(self.get("ResourceArn")).startswith(MODEL_PACKAGE.arn(""))

    def create_training_job(self) -> ActionResult:
        name = self.get("TrainingJobName")
        try:
            job = TrainingJob(self._description(name), self.get("Tags", []))
        except re.error as error:
            raise invalid(
                f"MetricDefinitions: {error.pattern!r} is no regular expression"
            ) from error
        arn = TRAINING_JOB.arn(name)
        credentials = _role(job.description["RoleArn"], arn)
        _check_image(job.description["AlgorithmSpecification"]["TrainingImage"])
        for channel in job.description.get("InputDataConfig", []):
            self._check_data(channel, job.description["RoleArn"], credentials)
        with LOCK:
            if name in TRAINING_JOB.records():
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a "
                    f"training job with this name already exists ({arn})",
                )
            answer = self.add(TRAINING_JOB, name, job)
            job.enter("Starting")
        background(job.run, credentials)
        return answer

    def describe_training_job(self) -> ActionResult:
        return ActionResult(self._job().snapshot())

    def list_training_jobs(self) -> ActionResult:
        return self.listed(TRAINING_JOB, "TrainingJobSummaries", order="Ascending")

    def stop_training_job(self) -> ActionResult:
        job = self._job()
        if not job.stop():
            status = job.description["TrainingJobStatus"]
            raise invalid(
                f"The request was rejected because the training job is in status {status}."
            )
        return EmptyResult()

    def _job(self) -> TrainingJob:
        job = TRAINING_JOB.records().get(self.get("TrainingJobName"))
        if job is None:
            raise invalid("Requested resource not found.")
        return job

    def _description(self, name: str) -> dict[str, Any]:
        request = {"StoppingCondition": {}} | self.request(*NEVER_RUN)
        _check(request)
        output = request["OutputDataConfig"]["S3OutputPath"]
        artifacts = container.join(output, name, "output", "model.tar.gz")
        return {
            "EnableNetworkIsolation": False,
            "EnableManagedSpotTraining": False,
            "EnableInterContainerTrafficEncryption": False,
            **request,
            "TrainingJobArn": TRAINING_JOB.arn(name),
            "TrainingJobStatus": "InProgress",
            "ModelArtifacts": {"S3ModelArtifacts": artifacts},
            "CreationTime": datetime.now(UTC),
        }

    def _check_data(self, channel: dict[str, Any], role: str, credentials: Credentials) -> None:
        """CreateTrainingJob itself refuses a prefix without objects, as seen in public reports
        (github.com/aws/amazon-sagemaker-examples, issue 2267)."""
        uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
        try:
            bucket, _ = container.split(uri)
            found = container.keys(credentials.client("s3"), uri)
        except ValueError as error:
            raise invalid(str(error)) from error
        except ClientError:
            found = []
        if not found:
            raise invalid(
                f'No S3 objects found under S3 URL "{uri}" given in input data source. Please '
                f"ensure that the bucket exists in the selected region ({self.region}), that "
                f'objects exist under that S3 prefix, and that the role "{role}" has '
                f'"s3:ListBucket" permissions on bucket "{bucket}".'
            )


def reclaim(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """POST /_local/reclaim: what EC2 does to spot instances when it will, this one on command.

    {"TrainingJobName": …, "Seconds": how long there is no capacity}; answers {}. Raises TurnedAway.
    """
    try:
        asked = json.loads(Request(environ).get_data())
        name, seconds = str(asked["TrainingJobName"]), float(asked["Seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise TurnedAway("400 Bad Request", "SerializationException", str(error)) from None
    if not 0 <= seconds < math.inf:
        raise TurnedAway("400 Bad Request", "ValidationException", "Seconds must be from 0 on")
    job = TRAINING_JOB.records().get(name)
    if job is None:
        raise TurnedAway("400 Bad Request", "ResourceNotFound", f"there is no training job {name}")
    try:
        job.reclaim(seconds)
    except NotReclaimable as error:
        raise TurnedAway("400 Bad Request", "ValidationException", str(error)) from None
    return Response("{}", content_type="application/json")(environ, start_response)


def _role(role: str, job: str) -> Credentials:
    try:
        return assume(role, SERVICE, "SageMaker", job)
    except NotAuthorized as error:
        raise invalid(
            f"Could not assume role {role}. Please ensure that the role exists and allows "
            f"principal '{SERVICE}' to assume the role. ({error})"
        ) from error


def _check_image(uri: str) -> None:
    try:
        images.resolve(uri)
    except images.UnsupportedManifest as error:
        raise invalid(str(error)) from error
    except images.ImageNotFound as error:
        raise invalid(f"Cannot find the requested image: {uri}") from error


def _check(request: dict[str, Any]) -> None:
    """What a training job's request says: mistakes, and what is not done here."""
    _check_instances(request["ResourceConfig"])
    _check_spot(request.get("EnableManagedSpotTraining", False), request["StoppingCondition"])
    for channel in request.get("InputDataConfig", []):
        name = channel["ChannelName"]
        if name.startswith("."):  # it becomes a folder
            raise invalid(unsupported(f"ChannelName {name}", "a letter, digit, - or _ first"))


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
