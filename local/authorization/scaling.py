"""What whoever scales an endpoint must be able to do itself: "Application Auto Scaling validates
permissions for requests associated with both the target service and CloudWatch" (Application Auto
Scaling User Guide, "Permissions validation"); which these are, "Auto scaling prerequisites"
(SageMaker Developer Guide) tells, and that of the service-linked role beside them."""

from collections.abc import Iterator
from typing import Any

from moto.iam.models import iam_backends
from moto.sagemaker.models import sagemaker_backends

from local.authorization.ask import Ask
from local.context import current

# "Amazon SageMaker AI and Application Auto Scaling" (Application Auto Scaling User Guide)
PRINCIPAL = "sagemaker.application-autoscaling.amazonaws.com"
ROLE_NAME = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
ROLE_PATH = f"/aws-service-role/{PRINCIPAL}/"


def service_role() -> str:
    here = current()
    return f"arn:{here.partition}:iam::{here.account}:role{ROLE_PATH}{ROLE_NAME}"


def has_service_role() -> bool:
    here = current()
    roles = iam_backends[here.account][here.partition].roles.values()
    return any(each.name == ROLE_NAME for each in roles)


def target(members: dict[str, Any]) -> Iterator[Ask]:
    """Who registers endpoint/NAME/variant/NAME."""
    here, endpoint = current(), [*members.get("ResourceId", "").split("/"), ""][1]
    arn = here.arn("sagemaker", f"endpoint/{endpoint}")
    yield Ask("sagemaker:DescribeEndpoint", arn)
    yield Ask("sagemaker:UpdateEndpointWeightsAndCapacities", arn)
    found: Any = sagemaker_backends[here.account][here.region].endpoints.get(endpoint)
    if found:
        config = here.arn("sagemaker", f"endpoint-config/{found.snapshot()['EndpointConfigName']}")
        yield Ask("sagemaker:DescribeEndpointConfig", config)
    if not has_service_role():
        yield Ask("iam:CreateServiceLinkedRole", service_role(), {"iam:AWSServiceName": PRINCIPAL})


def policy(members: dict[str, Any]) -> Iterator[Ask]:
    """Who puts a policy of target tracking, which makes alarms."""
    alarm = current().arn("cloudwatch", f"alarm:TargetTracking-{members.get('ResourceId', '')}-x")
    for name in ("DescribeAlarms", "PutMetricAlarm", "DeleteAlarms"):
        yield Ask(f"cloudwatch:{name}", alarm)
