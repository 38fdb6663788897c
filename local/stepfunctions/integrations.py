"""What a Task state can call: optimized integrations, the SDK's, and what each calls its errors.

Sources: Step Functions Developer Guide, "Integrating services", "Create and manage Amazon SageMaker
jobs", "Start a new AWS Step Functions state machine execution from a running execution".
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError, UnknownServiceError
from botocore.model import ServiceModel, StructureShape
from botocore.session import get_session

from local.context import SERVED
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
    callback: tuple[str, ...] = (".waitForTaskToken",)

    @property
    def general_error(self) -> str:
        """What the SDK for Java calls an error that the service's model does not name: throttling,
        AccessDenied and refused arguments alike (AmazonSageMakerException)."""
        return f"{self.service}Exception"


def _sagemaker_job(kind: str) -> SyncJob:
    return SyncJob(
        xform_name(f"Describe{kind}Job"),
        xform_name(f"Stop{kind}Job"),
        f"{kind}JobName",
        f"{kind}JobStatus",
        frozenset({"InProgress", "Stopping"}),
        "Completed",
    )


OPTIMIZED = {
    "sagemaker": Integration(
        "SageMaker",
        "AmazonSageMaker",
        {
            "createTrainingJob": _sagemaker_job("Training"),
            "createHyperParameterTuningJob": _sagemaker_job("HyperParameterTuning"),
            "createProcessingJob": _sagemaker_job("Processing"),
            "createTransformJob": _sagemaker_job("Transform"),
            "createModel": None,
            "createEndpointConfig": None,
            "createEndpoint": None,
            "updateEndpoint": None,
        },
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
    try:
        service = model(asked[1])
    except UnknownServiceError:
        return f"the integration {name} names no service of the SDK"
    if service.signing_name not in SERVED:
        return unsupported(f"the integration {name}")
    if asked[2][0].isupper() or operation(asked[2]) not in service.operation_names:
        return f"the integration {name} names no action of {service.service_name}"
    return None


@cache
def model(service: str) -> ServiceModel:
    """The API behind a service's name in an integration. Raises UnknownServiceError."""
    found: ServiceModel = _session().get_service_model(BOTO_NAMES.get(service, service))
    return found


_session = cache(get_session)  # one for all: to make one takes longer than to read most models


def operation(action: str) -> str:
    """`listObjectsV2` is the API's ListObjectsV2."""
    return action[0].upper() + action[1:]


def input_shape(integration: str) -> StructureShape | None:
    """What a Task's arguments have to be, of an integration that `refusal` has nothing against."""
    service, name = integration.removeprefix("aws-sdk:").split(":")[:2]
    asked = operation(name.split(".", maxsplit=1)[0])
    shape: StructureShape | None = model(service).operation_model(asked).input_shape
    return shape


def details(error: ClientError) -> tuple[str, str, int, str]:
    """Code, message, HTTP status and request id."""
    metadata = error.response["ResponseMetadata"]
    body = error.response["Error"]
    request = metadata.get("RequestId", "")
    return body["Code"], body.get("Message", ""), metadata["HTTPStatusCode"], request


def modelled(client: Any) -> dict[str, str]:
    """The errors that a service's model names, by the code that comes with them."""
    shapes = client.meta.service_model.error_shapes
    return {shape.metadata.get("error", {}).get("code", shape.name): shape.name for shape in shapes}


def exception(name: str) -> str:
    return name if name.endswith("Exception") else f"{name}Exception"


def java_name(service_id: str) -> str:
    """A service in the SDK for Java's spelling, which error names follow: ECR is Ecr, SFN Sfn."""
    words = re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", service_id)
    return "".join(word[0].upper() + word[1:].lower() for word in words)
