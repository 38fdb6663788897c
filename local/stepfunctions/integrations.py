"""What a Task state can call: optimized integrations, the SDK's, and what each calls its errors.

Sources: Step Functions Developer Guide, "Integrating services", "Create and manage Amazon SageMaker
jobs", "Start a new AWS Step Functions state machine execution from a running execution".
"""

import re
from dataclasses import dataclass

from botocore import xform_name
from botocore.exceptions import ClientError, UnknownServiceError

from local.context import SERVED
from local.credentials import administrator
from local.refusals import unsupported

BOTO_NAMES = {
    "applicationautoscaling": "application-autoscaling",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sagemakerruntime": "sagemaker-runtime",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}


@dataclass(frozen=True)
class SyncJob:
    """How `.sync` follows what an action has started."""

    describe: str
    stop: str
    key: str  # the field that names the job in both operations
    status: str
    running: frozenset[str]
    succeeded: str
    patterns: tuple[str, ...] = (".sync",)


@dataclass(frozen=True)
class Integration:
    """An optimized integration: its actions, with the job that one starts; its names in errors."""

    prefix: str
    service: str
    actions: dict[str, SyncJob | None]
    default_error: str | None = None
    callback: tuple[str, ...] = (".waitForTaskToken",)


OPTIMIZED = {
    "sagemaker": Integration(
        "SageMaker",
        "AmazonSageMaker",
        {
            "createTrainingJob": SyncJob(
                "describe_training_job",
                "stop_training_job",
                "TrainingJobName",
                "TrainingJobStatus",
                frozenset({"InProgress", "Stopping"}),
                "Completed",
            ),
            "createModel": None,
            "createEndpointConfig": None,
            "createEndpoint": None,
            "updateEndpoint": None,
        },
        "AmazonSageMakerException",
        callback=(),
    ),
    "states": Integration(
        "StepFunctions",
        "AWSStepFunctions",
        {
            "startExecution": SyncJob(
                "describe_execution",
                "stop_execution",
                "executionArn",
                "status",
                frozenset({"RUNNING", "PENDING_REDRIVE"}),
                "SUCCEEDED",
                (".sync", ".sync:2"),
            )
        },
    ),
    "sns": Integration("SNS", "AmazonSNS", {"publish": None}),
}
NAMES = [
    f"{service}:{action}{pattern}"
    for service, integration in OPTIMIZED.items()
    for action, job in integration.actions.items()
    for pattern in ("", *(job.patterns if job else ()), *integration.callback)
]


def refusal(resource: str) -> str | None:
    """Why this endpoint cannot do a Task's Resource, in one sentence; None if it can."""
    name = resource.partition(":states:::")[2]
    if not name:
        return unsupported(f"the Resource {resource}", "arn:<partition>:states:::<integration>")
    service = name.partition(":")[0]
    if service == "aws-sdk":
        return _sdk_refusal(name)
    if name in NAMES:
        return None
    others = [each for each in NAMES if each.startswith(f"{service}:")]
    return unsupported(f"the integration {name}", *(others or ("aws-sdk", *OPTIMIZED)))


def _sdk_refusal(name: str) -> str | None:
    asked = re.fullmatch(r"aws-sdk:(\w+):(\w+)(\.waitForTaskToken)?", name)
    if not asked:
        return unsupported(f"the integration {name}", "aws-sdk:<service>:<action>")
    service = BOTO_NAMES.get(asked[1], asked[1])
    try:
        client = administrator().client(service)
    except UnknownServiceError:
        return f"the integration {name} names no service of the SDK"
    if client.meta.service_model.signing_name not in SERVED:
        return unsupported(f"the integration {name}")
    if xform_name(asked[2]) not in client.meta.method_to_api_mapping:
        return f"the integration {name} names no action of {service}"
    return None


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
