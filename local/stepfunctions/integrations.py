"""What Step Functions calls things: optimized integrations, services in errors, jobs it follows.

Sources: Step Functions Developer Guide, "Integrating services", "Create and manage Amazon SageMaker
jobs", "Start a new AWS Step Functions state machine execution from a running execution".
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

BOTO_NAMES = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sagemakerruntime": "sagemaker-runtime",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}


@dataclass(frozen=True)
class Job:
    """How `.sync` follows what a call has started."""

    describe: str
    stop: str
    key: str  # the field that names the job in both operations
    status: str
    running: frozenset[str]
    succeeded: str


@dataclass(frozen=True)
class Integration:
    """An optimized integration: its operations, and its names in errors."""

    prefix: str
    service: str
    operations: frozenset[str]
    default_error: str | None = None
    job_operation: str | None = None
    job: Job | None = None


OPTIMIZED = {
    "sagemaker": Integration(
        "SageMaker",
        "AmazonSageMaker",
        frozenset(
            {
                "createTrainingJob",
                "createModel",
                "createEndpointConfig",
                "createEndpoint",
                "updateEndpoint",
            }
        ),
        "AmazonSageMakerException",
        "createTrainingJob",
        Job(
            "describe_training_job",
            "stop_training_job",
            "TrainingJobName",
            "TrainingJobStatus",
            frozenset({"InProgress", "Stopping"}),
            "Completed",
        ),
    ),
    "states": Integration(
        "StepFunctions",
        "AWSStepFunctions",
        frozenset({"startExecution"}),
        None,
        "startExecution",
        Job(
            "describe_execution",
            "stop_execution",
            "executionArn",
            "status",
            frozenset({"RUNNING", "PENDING_REDRIVE"}),
            "SUCCEEDED",
        ),
    ),
    "sns": Integration("SNS", "AmazonSNS", frozenset({"publish"})),
}


@dataclass(frozen=True)
class Follow:
    """A started job: asked again and again until it has ended."""

    job: Job
    call: Callable[[str], dict[str, Any]]
    failed: Callable[[str], Exception]
    parse: bool

    def __call__(self) -> dict[str, Any] | None:
        """What Describe says of a job that has succeeded, None of one that still runs."""
        described = self.call(self.job.describe)
        status = described[self.job.status[0].upper() + self.job.status[1:]]
        if status in self.job.running:
            return None
        if self.parse:
            for name in ("Input", "Output"):
                if name in described:
                    described[name] = json.loads(described[name])
        if status != self.job.succeeded:
            raise self.failed(json.dumps(described))
        return described

    def cancel(self) -> None:
        """Best effort, as AWS says of its own."""
        try:
            self.call(self.job.stop)
        except ClientError as error:
            print(f"local: {self.job.stop} after the execution was stopped: {error}", flush=True)


def details(error: ClientError) -> tuple[str, str, int, str]:
    """Code, message, HTTP status and request id."""
    metadata = error.response["ResponseMetadata"]
    body = error.response["Error"]
    request = metadata.get("RequestId", "")
    return body["Code"], body.get("Message", ""), metadata["HTTPStatusCode"], request


def exception(name: str) -> str:
    return name if name.endswith("Exception") else f"{name}Exception"


def java_name(service_id: str) -> str:
    """A service in the SDK for Java's spelling, which error names follow: ECR is Ecr, SFN Sfn."""
    words = re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", service_id)
    return "".join(word[0].upper() + word[1:].lower() for word in words)
