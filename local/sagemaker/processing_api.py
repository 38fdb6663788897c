"""The operations on processing jobs; what a processing job does is in processing."""

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.background import background
from local.sagemaker import container, processing_container, requests
from local.sagemaker.instances import DAY
from local.sagemaker.processing import ProcessingJob
from local.sagemaker.records import LOCK, PROCESSING_JOB, Operations, invalid


class ProcessingJobs(Operations):
    def create_processing_job(self) -> ActionResult:
        """An input without objects is no mistake yet: the job fails over it."""
        request = self.request("Tags", "ExperimentConfig")
        name = request["ProcessingJobName"]
        arn = PROCESSING_JOB.arn(name)
        _check_places(request)
        job = ProcessingJob(_description(request, arn), self.get("Tags", []))
        credentials = requests.check_role(request["RoleArn"], arn)
        requests.check_image(request["AppSpecification"]["ImageUri"])
        with LOCK:
            answer = self.add_job(PROCESSING_JOB, name, job)
            job.enter("InProgress")
        background(job.run, credentials)
        return answer

    def describe_processing_job(self) -> ActionResult:
        return ActionResult(self._processing_job().snapshot())

    def list_processing_jobs(self) -> ActionResult:
        return self.listed(PROCESSING_JOB, "ProcessingJobSummaries", order="Ascending")

    def stop_processing_job(self) -> ActionResult:
        job = self._processing_job()
        if not job.stop():
            raise invalid(
                f"The request was rejected because the processing job is in status {job.status}."
            )
        return EmptyResult()

    def _processing_job(self) -> ProcessingJob:
        """Words and code as AWS's own operator for Kubernetes knows them
        (github.com/aws/amazon-sagemaker-operator-for-k8s, sagemaker_client_wrapper.go)."""
        name = self.get("ProcessingJobName")
        job = PROCESSING_JOB.records().get(name)
        if job is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return job


def _description(request: dict[str, Any], arn: str) -> dict[str, Any]:
    """What is not given is as AWS has it, one day of running time among it (documentation of
    SageMaker's Python SDK, Processor, max_runtime_in_seconds)."""
    return {
        "StoppingCondition": {"MaxRuntimeInSeconds": DAY},
        **request,
        "ProcessingJobArn": arn,
        "ProcessingJobStatus": "InProgress",
        "CreationTime": datetime.now(UTC),
    }


def _check_places(request: dict[str, Any]) -> None:
    """Where inputs come from and outputs go, and where both lie in the container."""
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    places = [
        *((each["InputName"], each["S3Input"]) for each in request.get("ProcessingInputs", [])),
        *((each["OutputName"], each["S3Output"]) for each in outputs),
    ]
    for name, place in places:
        try:
            container.split(place["S3Uri"])
            processing_container.inside(place["LocalPath"])
        except ValueError as error:
            raise invalid(f"{name}: {error}") from error
