"""Deployment: what both waits for the endpoint share.

They look again after 1, 2, 3 … seconds: quick at first, gentle later. 60 looks are about
30 minutes.
"""

from typing import Any

from templates.asl import Step
from templates.iam import arn

LOOKS = 60
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
ENDPOINT = arn("sagemaker", "endpoint/${ProjectName}")


def wait(name: str, count: str, look: str) -> list[Step]:
    """Wait, count, and go on at `look`; the count is the next wait's seconds."""
    return [
        Step(name, {"Type": "Wait", "SecondsPath": "$.attempt.number", "Next": count}),
        Step(
            count,
            {
                "Type": "Pass",
                "Parameters": {"number.$": "States.MathAdd($.attempt.number, 1)"},
                "ResultPath": "$.attempt",
                "Next": look,
            },
        ),
    ]


def status_is(*statuses: str) -> dict[str, Any]:
    """A Choice rule: the endpoint, as last described, has one of these statuses."""
    rules = [{"Variable": "$.endpoint.EndpointStatus", "StringEquals": s} for s in statuses]
    return rules[0] if len(rules) == 1 else {"Or": rules}


def may_look() -> dict[str, Any]:
    """A Choice rule: there are looks left."""
    return {"Variable": "$.attempt.number", "NumericLessThanEquals": LOOKS}
