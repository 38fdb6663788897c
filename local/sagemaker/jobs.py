"""SageMaker training jobs: the operations. What a job does is in training."""

import re
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from moto.core.responses import ActionResult, EmptyResult

from local import images
from local.background import background
from local.credentials import Credentials, NotAuthorized, assume
from local.sagemaker import container
from local.sagemaker.checks import check
from local.sagemaker.records import LOCK, Operations, Record, invalid, summaries
from local.sagemaker.training import TrainingJob
from local.service import AwsError

SERVICE = "sagemaker.amazonaws.com"
UNSUPPORTED = ("DebugRuleConfigurations", "ProfilerRuleConfigurations", "RetryStrategy")
NEVER_RUN = ("Tags", "ExperimentConfig")


class TrainingJobs(Operations):
    def create_training_job(self) -> ActionResult:
        name = self.new_name("TrainingJobName")
        try:
            job = TrainingJob(self._description(name), self.get("Tags", []))
        except re.error as error:
            raise invalid(
                f"MetricDefinitions: {error.pattern!r} is no regular expression"
            ) from error
        credentials = self._role(job)
        self._check_image(job)
        self._check_channels(job, credentials)
        with LOCK:
            if name in self._jobs:
                raise AwsError(
                    "ResourceInUse",
                    "Training job names must be unique within an AWS account and region, and a "
                    f"training job with this name already exists ({job.arn})",
                )
            self._jobs[name] = job
            job.enter("Starting")
        background(job.run, credentials)
        return ActionResult({"TrainingJobArn": job.arn})

    def describe_training_job(self) -> ActionResult:
        return ActionResult(self._job().snapshot())

    def list_training_jobs(self) -> ActionResult:
        rows = summaries(
            self._jobs,
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingEndTime",
            "LastModifiedTime",
            "TrainingJobStatus",
            "SecondaryStatus",
        )
        return self.listed("TrainingJobSummaries", rows, "TrainingJob", order="Ascending")

    def stop_training_job(self) -> ActionResult:
        job = self._job()
        if not job.stop():
            status = job.description["TrainingJobStatus"]
            raise invalid(
                f"The request was rejected because the training job is in status {status}."
            )
        return EmptyResult()

    @property
    def _jobs(self) -> dict[str, Record]:
        return self.backend.training_jobs  # type: ignore[return-value]

    def _job(self) -> TrainingJob:
        job = self._jobs.get(self.get("TrainingJobName"))
        if not isinstance(job, TrainingJob):
            raise invalid("Requested resource not found.")
        return job

    def _description(self, name: str) -> dict[str, Any]:
        self.refuse(*UNSUPPORTED)
        request = self.request(*NEVER_RUN)
        check(request)
        output = self.get("OutputDataConfig")["S3OutputPath"]
        artifacts = container.join(output, name, "output", "model.tar.gz")
        return {
            "EnableNetworkIsolation": False,
            "EnableManagedSpotTraining": False,
            "EnableInterContainerTrafficEncryption": False,
            **request,
            "TrainingJobArn": self.arn("training-job", name),
            "TrainingJobStatus": "InProgress",
            "ModelArtifacts": {"S3ModelArtifacts": artifacts},
            "CreationTime": datetime.now(UTC),
        }

    def _role(self, job: TrainingJob) -> Credentials:
        role = job.description["RoleArn"]
        try:
            return assume(role, SERVICE, "SageMaker", job.arn)
        except NotAuthorized as error:
            raise invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows "
                f"principal '{SERVICE}' to assume the role. ({error})"
            ) from error

    def _check_image(self, job: TrainingJob) -> None:
        uri = job.description["AlgorithmSpecification"]["TrainingImage"]
        try:
            images.resolve(uri)
        except images.ImageNotFound as error:
            raise invalid(f"Cannot find the requested image: {uri}") from error

    def _check_channels(self, job: TrainingJob, credentials: Credentials) -> None:
        """CreateTrainingJob itself refuses a prefix without objects, as seen in public reports
        (github.com/aws/amazon-sagemaker-examples, issue 2267)."""
        role = job.description["RoleArn"]
        for channel in job.description.get("InputDataConfig", []):
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
