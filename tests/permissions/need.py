"""A need: what somebody must be able to do, and who says so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.permissions.deployed import Call

# Step Functions Developer Guide
_LOGGING = "Using CloudWatch Logs to log execution history: IAM policies"
_TRACING = "IAM policies for AWS X-Ray"
_DELIVERY = (
    "logs:CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery ListLogDeliveries "
    "PutResourcePolicy DescribeResourcePolicies DescribeLogGroups"
)
_TRACE = "xray:PutTraceSegments PutTelemetryRecords GetSamplingRules GetSamplingTargets"


@dataclass(frozen=True)
class Need:
    call: Call
    source: str

    def __str__(self) -> str:
        return f"{self.call}; needed by: {self.source}"


def need(
    who: str,
    actions: str,
    resource: str,
    source: str,
    when: Mapping[str, str] | None = None,
) -> Iterator[Need]:
    """The needs of one caller on one resource. `actions` are apart by spaces, and the second and
    further ones are of the first one's service; `when` are the condition keys that are sent."""
    service, _, _ = actions.partition(":")
    for name in actions.removeprefix(f"{service}:").split():
        yield Need(Call(who, f"{service}:{name}", resource, when or {}), source)


def of_any_workflow(role: str) -> Iterator[Need]:
    yield from need(role, _DELIVERY, "*", _LOGGING)
    yield from need(role, _TRACE, "*", _TRACING)
