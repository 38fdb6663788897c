"""What Application Auto Scaling knows: which variants of endpoints are scaled, and by what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.authorization.ask import Ask
from local.authorization.hold import may
from local.credentials import Caller
from local.service import AwsError, Records, now

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


@dataclass
class Target:
    """A scalable target, with its policies by name."""

    resource: str  # endpoint/NAME/variant/NAME
    arn: str
    role: str
    least: int
    most: int
    created: datetime = field(default_factory=now)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return self.resource.split("/")[1]


class ScalingRecords(Records):
    def __init__(self) -> None:
        super().__init__()
        self.targets: dict[str, Target] = {}


def check_update(endpoint: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Of a variant's configuration: "If the update would change the instance type for any model
    that is a target for auto scaling, the update fails", and so does one that removes it ("Update
    endpoints configured for auto scaling", SageMaker Developer Guide). Raises AwsError; AWS's words
    are not public."""
    same = all(old.get(name) == new.get(name) for name in ("VariantName", "InstanceType"))
    if not same and _targets(endpoint):
        raise AwsError(
            "ValidationException",
            f"The variant {old['VariantName']} is a scalable target of Application Auto Scaling. "
            "Deregister it before it is removed or its instance type changes.",
        )


def release(endpoint: str, caller: Caller) -> None:
    """Of an endpoint that is deleted: "If any are and you have permission to deregister the model,
    Application Auto Scaling deregisters those models as scalable targets without notifying you"
    ("Delete endpoints configured for auto scaling", SageMaker Developer Guide). Raises AwsError,
    whose words are from github.com/awslabs/stable-diffusion-aws-extension, issue 161."""
    for target in _targets(endpoint):
        ask = Ask("application-autoscaling:DeregisterScalableTarget", target.arn)
        if not caller.is_administrator and not may(caller.arn, ask):
            raise AwsError(
                "ValidationException",
                "An Application AutoScaling scalable target exists for a variant being deleted, "
                "and the IAM identity used to invoke DeleteEndpoint does not have "
                "application-autoscaling:DeregisterScalableTarget permission to deregister the "
                "scalable target.",
            )
        records = ScalingRecords.here()
        with records.lock:
            records.targets.pop(target.resource, None)


def _targets(endpoint: str) -> list[Target]:
    records = ScalingRecords.here()
    with records.lock:
        return [each for each in records.targets.values() if each.endpoint == endpoint]
