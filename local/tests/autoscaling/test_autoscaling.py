"""Scaling of an endpoint, as the AWS CLI and workflows set it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.autoscaling.records import ScalingRecords
from local.background import background
from local.credentials import assume
from local.tests.aws import ALL, SERVE, Aws, unique, wait
from local.tests.endpoints import configure, refusal, serve, standing_still

DIMENSION = "sagemaker:variant:DesiredInstanceCount"
TRACKING = {
    "TargetValue": 600.0,
    "PredefinedMetricSpecification": {
        "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
    },
    "ScaleInCooldown": 300,
}
ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("image"), serve=SERVE)


@pytest.fixture
def served(aws: Aws, image: str) -> Iterator[str]:
    name = serve(aws, image)
    yield name
    with contextlib.suppress(ClientError):  # the test has
        aws.client("sagemaker").delete_endpoint(EndpointName=name)


def of(endpoint: str, variant: str = "AllTraffic") -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
        "ScalableDimension": DIMENSION,
    }


def targets(scaling: Any, endpoint: str) -> list[dict[str, Any]]:
    asked = {"ServiceNamespace": "sagemaker", "ResourceIds": [of(endpoint)["ResourceId"]]}
    return list(scaling.describe_scalable_targets(**asked)["ScalableTargets"])


def policies(scaling: Any, endpoint: str) -> list[dict[str, Any]]:
    asked = {"ServiceNamespace": "sagemaker", "ResourceId": of(endpoint)["ResourceId"]}
    return list(scaling.describe_scaling_policies(**asked)["ScalingPolicies"])


def counts(aws: Aws, endpoint: str) -> int:
    (variant,) = standing_still(aws, endpoint)["ProductionVariants"]
    assert variant["DesiredInstanceCount"] == variant["CurrentInstanceCount"]
    return int(variant["DesiredInstanceCount"])


def denied(action: str) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": "*"}


def client(aws: Aws, service: str, *may: dict[str, Any]) -> Any:
    role = aws.role("sagemaker", may=may)
    return assume(role, "sagemaker.amazonaws.com", "Test").client(service)


def test_a_variant_is_brought_between_its_limits_and_its_policy_is_kept(
    aws: Aws, served: str
) -> None:
    scaling = aws.client("application-autoscaling")
    scaling.register_scalable_target(**of(served), MinCapacity=2, MaxCapacity=4)
    assert counts(aws, served) == 2
    scaling.register_scalable_target(**of(served), MaxCapacity=3)
    (found,) = targets(scaling, served)
    assert (found["MinCapacity"], found["MaxCapacity"]) == (2, 3)
    assert found["RoleARN"].endswith(ROLE)
    put = scaling.put_scaling_policy
    tracking = {"TargetTrackingScalingPolicyConfiguration": TRACKING}
    first = put(**of(served), PolicyName="p", PolicyType="TargetTrackingScaling", **tracking)
    again = put(**of(served), PolicyName="p", **tracking)
    assert first["PolicyARN"] == again["PolicyARN"]
    (policy,) = policies(scaling, served)
    assert policy["TargetTrackingScalingPolicyConfiguration"] == TRACKING
    scaling.register_scalable_target(**of(served), MinCapacity=1, MaxCapacity=1)
    assert counts(aws, served) == 1


def test_a_variant_is_a_target_once_its_number_of_instances_was_taken(
    aws: Aws, served: str
) -> None:
    scaling, sagemaker = aws.client("application-autoscaling"), aws.client("sagemaker")
    limits = {"MinCapacity": 2, "MaxCapacity": 2}

    def count() -> int:
        (variant,) = sagemaker.describe_endpoint(EndpointName=served)["ProductionVariants"]
        return int(variant["DesiredInstanceCount"])

    with ScalingRecords.here().lock:
        asking = background(lambda: scaling.register_scalable_target(**of(served), **limits))
        wait(lambda: count() == 2)
    asking.join()
    assert targets(scaling, served) and counts(aws, served) == 2


def test_who_is_let_go_has_no_policies_any_more(aws: Aws, served: str) -> None:
    scaling = aws.client("application-autoscaling")
    tracking = {"TargetTrackingScalingPolicyConfiguration": TRACKING}
    gone = "ObjectNotFoundException: No scalable target"
    assert gone in refusal(scaling.deregister_scalable_target, **of(served))
    assert gone in refusal(scaling.put_scaling_policy, **of(served), PolicyName="p", **tracking)
    scaling.register_scalable_target(**of(served), MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(**of(served), PolicyName="p", **tracking)
    scaling.deregister_scalable_target(**of(served))
    assert (targets(scaling, served), policies(scaling, served)) == ([], [])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ResourceId": "endpoint/nobody/variant/AllTraffic"}, "Endpoint not found"),
        ({"ResourceId": "nobody"}, "is not endpoint/NAME/variant/NAME"),
        ({"MinCapacity": 3}, "Maximum capacity cannot be less than minimum capacity"),
        ({"MinCapacity": 0}, "minimum capacity of a variant of an endpoint is 1"),
        ({"MinCapacity": None}, "are required for a new scalable target"),
        ({"ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency"}, "not supported"),
        ({"SuspendedState": {"DynamicScalingInSuspended": True}}, "not supported"),
    ],
)
def test_what_cannot_be_scaled_is_refused(
    aws: Aws, standing: str, change: dict[str, Any], why: str
) -> None:
    request = {**of(standing), "MinCapacity": 1, "MaxCapacity": 2, **change}
    given = {name: value for name, value in request.items() if value is not None}
    said = refusal(aws.client("application-autoscaling").register_scalable_target, **given)
    assert "ValidationException" in said and why in said


@pytest.fixture(scope="module")
def standing(aws: Aws, image: str) -> Iterator[str]:
    """An endpoint that no test changes."""
    name = serve(aws, image)
    yield name
    aws.client("sagemaker").delete_endpoint(EndpointName=name)


def test_neither_another_variant_nor_a_burstable_type_nor_one_in_an_update_is_scaled(
    aws: Aws, image: str, served: str
) -> None:
    register = aws.client("application-autoscaling").register_scalable_target
    limits = {"MinCapacity": 1, "MaxCapacity": 2}
    assert "not in service" in refusal(register, **of(served, "Other"), **limits)
    slow = configure(aws, image, unique("slow"), InstanceType="ml.t2.medium")
    aws.client("sagemaker").update_endpoint(EndpointName=served, EndpointConfigName=slow)
    assert "Updating" in refusal(register, **of(served), **limits)
    standing_still(aws, served)
    assert "ml.t2.medium instance type" in refusal(register, **of(served), **limits)


def test_a_scaled_variant_keeps_its_instance_type_but_not_its_model(
    aws: Aws, image: str, served: str
) -> None:
    scaling, sagemaker = aws.client("application-autoscaling"), aws.client("sagemaker")
    scaling.register_scalable_target(**of(served), MinCapacity=1, MaxCapacity=2)
    other = configure(aws, image, unique("other"), InstanceType="ml.m5.xlarge")
    update = sagemaker.update_endpoint
    said = refusal(update, EndpointName=served, EndpointConfigName=other)
    assert "is a scalable target" in said
    same = configure(aws, image, unique("same"))
    update(EndpointName=served, EndpointConfigName=same)
    assert standing_still(aws, served)["EndpointConfigName"] == same
    scaling.deregister_scalable_target(**of(served))
    update(EndpointName=served, EndpointConfigName=other)
    assert standing_still(aws, served)["EndpointConfigName"] == other


def test_an_endpoint_takes_its_target_along_if_who_deletes_it_may_deregister_it(
    aws: Aws, served: str
) -> None:
    scaling = aws.client("application-autoscaling")
    scaling.register_scalable_target(**of(served), MinCapacity=1, MaxCapacity=2)
    may_not = denied("application-autoscaling:DeregisterScalableTarget")
    said = refusal(client(aws, "sagemaker", ALL, may_not).delete_endpoint, EndpointName=served)
    assert "does not have application-autoscaling:DeregisterScalableTarget permission" in said
    assert targets(scaling, served)
    client(aws, "sagemaker", ALL).delete_endpoint(EndpointName=served)
    assert not targets(scaling, served)


@pytest.mark.parametrize(
    "action",
    [
        "application-autoscaling:RegisterScalableTarget",
        "application-autoscaling:PutScalingPolicy",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:PutMetricAlarm",
        "cloudwatch:DeleteAlarms",
    ],
)
def test_who_scales_must_be_able_to_do_what_scaling_does(
    aws: Aws, standing: str, action: str
) -> None:
    scaling = client(aws, "application-autoscaling", ALL, denied(action))
    with pytest.raises(ClientError, match=action):
        scaling.register_scalable_target(**of(standing), MinCapacity=1, MaxCapacity=2)
        scaling.put_scaling_policy(
            **of(standing), PolicyName="p", TargetTrackingScalingPolicyConfiguration=TRACKING
        )


def test_the_role_of_the_service_is_made_by_who_first_needs_it(aws: Aws, standing: str) -> None:
    iam, limits = aws.client("iam"), {"MinCapacity": 1, "MaxCapacity": 2}
    if any(each["RoleName"] == ROLE for each in iam.list_roles()["Roles"]):
        iam.delete_role(RoleName=ROLE)
    may_not = client(aws, "application-autoscaling", ALL, denied("iam:CreateServiceLinkedRole"))
    assert ROLE in refusal(may_not.register_scalable_target, **of(standing), **limits)
    other = {
        "StringNotEquals": {"iam:AWSServiceName": "sagemaker.application-autoscaling.amazonaws.com"}
    }
    may = client(
        aws,
        "application-autoscaling",
        ALL,
        {**denied("iam:CreateServiceLinkedRole"), "Condition": other},
    )
    may.register_scalable_target(**of(standing), **limits)
    may_not.register_scalable_target(**of(standing), **limits)
    assert iam.get_role(RoleName=ROLE)["Role"]["Path"].startswith("/aws-service-role/")
