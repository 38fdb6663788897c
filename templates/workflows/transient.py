"""Which errors of a call may pass by themselves, and how it is tried again.

Throttling has no name of its own in most integrations: it comes under the service's general one,
and so do AccessDenied and requests that are wrong. Those of the optimized integration of SageMaker
have Java SDK names (Manage SageMaker AI jobs, Step Functions Developer Guide); those of an SDK
integration are the service's, each with `Exception` at the end (Integrating with AWS SDK services,
there). So an error with a name is tried again by its name, and of the general one the cause is read
first: what cannot pass is told at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Transient:
    """`named` always may pass; under `general` comes whatever has no name."""

    named: tuple[str, ...]
    general: str


TRANSIENT = {
    "aws-sdk:applicationautoscaling": Transient(
        (
            "ApplicationAutoScaling.ConcurrentUpdateException",
            "ApplicationAutoScaling.InternalServiceException",
        ),
        "ApplicationAutoScaling.ApplicationAutoScalingException",
    ),
    "aws-sdk:cloudwatch": Transient(
        ("CloudWatch.InternalServiceFaultException", "CloudWatch.SdkClientException"),
        "CloudWatch.CloudWatchException",
    ),
    "aws-sdk:ecr": Transient(("Ecr.ServerException", "Ecr.SdkClientException"), "Ecr.EcrException"),
    "aws-sdk:s3": Transient(("S3.SdkClientException",), "S3.S3Exception"),
    "aws-sdk:sagemaker": Transient(
        ("SageMaker.SdkClientException",), "SageMaker.SageMakerException"
    ),
    # What the model answers, or does not, is no error that may pass: ModelErrorException. The names
    # are the model's of the API, with `Exception` (package sagemakerruntime.model, SDK for Java)
    "aws-sdk:sagemakerruntime": Transient(
        (
            "SageMakerRuntime.ServiceUnavailableException",
            "SageMakerRuntime.ModelNotReadyException",
        ),
        "SageMakerRuntime.SageMakerRuntimeException",
    ),
    "aws-sdk:sfn": Transient(("Sfn.SdkClientException",), "Sfn.SfnException"),
    "sagemaker": Transient(
        ("SageMaker.ResourceLimitExceededException",), "SageMaker.AmazonSageMakerException"
    ),
    "sns": Transient(
        ("SNS.ThrottledException", "SNS.KMSThrottlingException", "SNS.InternalErrorException"),
        "SNS.AmazonSNSException",
    ),
    "states": Transient(
        ("StepFunctions.ExecutionLimitExceededException",),
        "StepFunctions.AWSStepFunctionsException",
    ),
}

# How the cause of an error begins, or what the SDK for Java has put into it, where the service was
# asked too often or was ill itself: `Rate exceeded (Service: AmazonSageMaker; Status Code: 400;
# Error Code: ThrottlingException; …)`, `… (Service: S3, Status Code: 503, …)`
PASSING = (
    "Rate exceeded*",
    "*(Service: *Error Code: Throttl*",
    "*(Service: *Status Code: 429*",
    "*(Service: *Status Code: 5*",
)


def transient(integration: str, also: Sequence[str] = ()) -> Transient:
    if integration not in TRANSIENT:
        raise ValueError(
            f"nobody has said which errors of {integration} may pass by themselves: list them in "
            f"TRANSIENT ({__name__}), or name them here as `retried`"
        )
    known = TRANSIENT[integration]
    return replace(known, named=(*known.named, *also))


def retry(errors: Sequence[str]) -> dict[str, Any]:
    """At least five tries, spread out so that runs do not retry in step."""
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": 2,
        "BackoffRate": 2.0,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }
