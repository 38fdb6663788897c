"""The operations on transform jobs; what a transform job does is in transform."""

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.background import background
from local.refusals import unsupported
from local.sagemaker import container, requests
from local.sagemaker.records import LOCK, MODEL, TRANSFORM_JOB, Operations, invalid
from local.sagemaker.transform import TransformJob

MAX_MB = 100  # "MaxConcurrentTransforms * MaxPayloadInMB must be less than 100 MB" (API reference)


class TransformJobs(Operations):
    def create_transform_job(self) -> ActionResult:
        """The role is the model's; an input without objects is no mistake yet."""
        request = self.request("Tags", "ExperimentConfig")
        name = request["TransformJobName"]
        arn = TRANSFORM_JOB.arn(name)
        _check(request)
        model = self.find(MODEL, request["ModelName"])
        job = TransformJob(_description(request, arn), self.get("Tags", []), model)
        credentials = requests.check_role(model.description["ExecutionRoleArn"], arn)
        with LOCK:
            answer = self.add_job(TRANSFORM_JOB, name, job)
            job.enter("InProgress")
        background(job.run, credentials)
        return answer

    def describe_transform_job(self) -> ActionResult:
        return ActionResult(self._transform_job().snapshot())

    def list_transform_jobs(self) -> ActionResult:
        also = ("TransformEndTime", "FailureReason")
        return self.listed(TRANSFORM_JOB, "TransformJobSummaries", also=also)

    def stop_transform_job(self) -> ActionResult:
        job = self._transform_job()
        if not job.stop():
            raise invalid(
                f"The request was rejected because the transform job is in status {job.status}."
            )
        return EmptyResult()

    def _transform_job(self) -> TransformJob:
        """Worded as that of the other jobs (processing_api.py)."""
        name = self.get("TransformJobName")
        job = TRANSFORM_JOB.records().get(name)
        if job is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return job


def _description(request: dict[str, Any], arn: str) -> dict[str, Any]:
    return {
        **request,
        "TransformJobArn": arn,
        "TransformJobStatus": "InProgress",
        "CreationTime": datetime.now(UTC),
    }


def _check(request: dict[str, Any]) -> None:
    """Where the input lies and the output goes, and how much goes at once."""
    given, left = request["TransformInput"], request["TransformOutput"]
    try:
        container.split(given["DataSource"]["S3DataSource"]["S3Uri"])
        container.split(left["S3OutputPath"])
    except ValueError as error:
        raise invalid(str(error)) from error
    payload, at_once = request.get("MaxPayloadInMB", 6), request.get("MaxConcurrentTransforms", 1)
    if payload == 0 or at_once == 0:
        which = "MaxPayloadInMB" if payload == 0 else "MaxConcurrentTransforms"
        raise invalid(unsupported(f"{which} 0", "1 or more"))
    if payload * at_once > MAX_MB:
        raise invalid(
            f"MaxConcurrentTransforms {at_once} times MaxPayloadInMB {payload} must not exceed "
            f"{MAX_MB}"
        )
