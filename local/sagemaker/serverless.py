"""Serverless endpoints: what they take, and what they do without (Developer Guide, "Deploy models
with Amazon SageMaker Serverless Inference"). The words of AWS's refusals are not public.
"""

from collections.abc import Mapping
from typing import Any

from local.context import current
from local.door.regions import ABSENT
from local.sagemaker.records import invalid

MAX_BYTES = 4 * 1024 * 1024  # of a request ("Serverless Inference", quotas)
ALLOWED = {"VariantName", "ModelName", "ServerlessConfig", "InitialVariantWeight"}


def check(variant: Mapping[str, Any], model: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """A variant of an endpoint configuration that has a ServerlessConfig. Raises AwsError.

    "Specifies a serverless endpoint configuration instead of an instance-based endpoint
    configuration" (ProductionVariant, SageMaker API Reference)."""
    if current().partition != "aws":
        raise invalid(f"Serverless Inference: {ABSENT}")
    for name in sorted(variant.keys() - ALLOWED):
        raise invalid(f"A variant with a ServerlessConfig cannot have {name}.")
    excluded = {
        "network isolation": model.get("EnableNetworkIsolation"),
        "data capture": config.get("DataCaptureConfig", {}).get("EnableCapture"),
    }
    for feature, asked in excluded.items():
        if asked:
            raise invalid(f"Serverless Inference does not support {feature}.")


def check_update(old: bool, new: bool, is_guarded: bool) -> None:
    """Whether each is serverless: "If you try to update your real-time endpoint to serverless, you
    receive a ValidationError message"; "Deployment guardrails only apply to Asynchronous inference
    and Real-time inference endpoint types" (Deployment guardrails). Raises AwsError."""
    if new and not old:
        raise invalid("An instance-based endpoint cannot be updated to a serverless endpoint.")
    if is_guarded and (new or old):
        raise invalid("A DeploymentConfig is not supported for a serverless endpoint.")
