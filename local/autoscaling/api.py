"""Application Auto Scaling of SageMaker's endpoints: targets and policies, kept and shown.

A target's limits are held: who registers a variant that is outside them changes its number of
instances. Beyond that nothing scales here, by load or otherwise, and no alarms are made.
"""

import json
import re
import uuid
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.models import iam_backends

from local.authorization.scaling import (
    PRINCIPAL,
    ROLE_NAME,
    ROLE_PATH,
    has_service_role,
    service_role,
)
from local.autoscaling.records import DIMENSION, NAMESPACE, ScalingRecords, Target
from local.context import current
from local.sagemaker.endpoints import set_count
from local.sagemaker.records import ENDPOINT
from local.service import AwsError, Service, now

RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")


class ApplicationAutoScaling(Service):
    service = "application-autoscaling"
    bad_page = "InvalidNextTokenException"
    page_names = ("NextToken", "MaxResults")
    page_size = 50

    def register_scalable_target(self) -> ActionResult:
        resource = self.get("ResourceId")
        records = ScalingRecords.here()
        known = records.targets.get(resource)
        least = self.get("MinCapacity", known and known.least)
        most = self.get("MaxCapacity", known and known.most)
        if least is None or most is None:
            raise _invalid("MinCapacity and MaxCapacity are required for a new scalable target.")
        if least > most:
            raise _invalid("Maximum capacity cannot be less than minimum capacity.")
        if least < 1:
            raise _invalid("The minimum capacity of a variant of an endpoint is 1.")
        endpoint, variant, count = _variant(resource)
        _make_role()
        if not least <= count <= most:  # first: who is refused is no target
            set_count(endpoint, variant, min(max(count, least), most))
        with records.lock:
            target = records.targets.get(resource)
            if target is None:
                arn = current().arn(self.service, f"scalable-target/{uuid.uuid4().hex}")
                target = Target(resource, arn, service_role(), least, most)
                records.targets[resource] = target
            target.least, target.most = least, most
        return ActionResult({"ScalableTargetARN": target.arn})

    def deregister_scalable_target(self) -> ActionResult:
        """Its policies go too: "Deregistering a scalable target deletes the scaling policies and
        the scheduled actions associated with it" (API reference)."""
        records = ScalingRecords.here()
        with records.lock:
            self._target("found")
            del records.targets[self.get("ResourceId")]
        return EmptyResult()

    def describe_scalable_targets(self) -> ActionResult:
        wanted = self.get("ResourceIds")
        records = ScalingRecords.here()
        with records.lock:
            rows = [
                {
                    "ServiceNamespace": NAMESPACE,
                    "ResourceId": each.resource,
                    "ScalableDimension": DIMENSION,
                    "MinCapacity": each.least,
                    "MaxCapacity": each.most,
                    "RoleARN": each.role,
                    "CreationTime": each.created,
                    "ScalableTargetARN": each.arn,
                    "SuspendedState": {
                        "DynamicScalingInSuspended": False,
                        "DynamicScalingOutSuspended": False,
                        "ScheduledScalingSuspended": False,
                    },
                }
                for each in records.targets.values()
                if not wanted or each.resource in wanted
            ]
        return self.page("ScalableTargets", rows)

    def put_scaling_policy(self) -> ActionResult:
        name, resource, kind = self.get("PolicyName"), self.get("ResourceId"), "PolicyType"
        configuration = "TargetTrackingScalingPolicyConfiguration"
        records = ScalingRecords.here()
        with records.lock:
            target = self._target("registered")
            old = target.policies.get(name)
            if not old and not self.get(configuration):
                raise _invalid(f"A new policy needs a {configuration}.")
            region, account = current().region, current().account
            arn = (
                f"arn:{current().partition}:autoscaling:{region}:{account}:scalingPolicy:"
                f"{uuid.uuid4()}:resource/{NAMESPACE}/{resource}:policyName/{name}"
            )
            target.policies[name] = {
                "PolicyARN": arn,
                "CreationTime": now(),
                **(old or {}),
                "PolicyName": name,
                "ServiceNamespace": NAMESPACE,
                "ResourceId": resource,
                "ScalableDimension": DIMENSION,
                kind: self.get(kind, "TargetTrackingScaling"),
                configuration: self.get(configuration, (old or {}).get(configuration)),
            }
            return ActionResult({"PolicyARN": target.policies[name]["PolicyARN"], "Alarms": []})

    def delete_scaling_policy(self) -> ActionResult:
        name = self.get("PolicyName")
        records = ScalingRecords.here()
        with records.lock:
            target = self._target("registered")
            if name not in target.policies:
                raise self._absent("scaling policy found", f", policy name: {name}")
            del target.policies[name]
        return EmptyResult()

    def describe_scaling_policies(self) -> ActionResult:
        names, resource = self.get("PolicyNames"), self.get("ResourceId")
        records = ScalingRecords.here()
        with records.lock:
            rows = [
                dict(policy)
                for target in records.targets.values()
                for policy in target.policies.values()
                if resource in (None, target.resource)
                and (not names or policy["PolicyName"] in names)
            ]
        return self.page("ScalingPolicies", rows)

    def _target(self, word: str) -> Target:
        found = ScalingRecords.here().targets.get(self.get("ResourceId"))
        if found is None:
            raise self._absent(f"scalable target {word}")
        return found

    def _absent(self, what: str, more: str = "") -> AwsError:
        """The words are public reports': github.com/hashicorp/terraform, issue 10737."""
        return AwsError(
            "ObjectNotFoundException",
            f"No {what} for service namespace: {NAMESPACE}, resource ID: {self.get('ResourceId')}, "
            f"scalable dimension: {DIMENSION}{more}",
        )


def _variant(resource: str) -> tuple[str, str, int]:
    """The endpoint, the variant, and how many instances it has. Raises AwsError for what is not
    there or not in service; AWS's own words for it are not public, but for T types'."""
    match = RESOURCE.fullmatch(resource)
    if not match:
        raise _invalid(f"The resource ID {resource} is not endpoint/NAME/variant/NAME.")
    found = ENDPOINT.records().get(match[1])
    if found is None:
        raise _invalid(f"Endpoint not found for resource ID: {resource}")
    shown = found.snapshot()
    (variant,) = shown["ProductionVariants"]
    if shown["EndpointStatus"] != "InService" or variant["VariantName"] != match[2]:
        raise _invalid(f"The variant is not in service: {resource} ({shown['EndpointStatus']})")
    if "DesiredInstanceCount" not in variant:
        raise _invalid(f"A serverless variant has no {DIMENSION}: {resource}")
    kind = found.fleet.variant["InstanceType"]
    if kind.startswith("ml.t"):
        raise _invalid(
            f"You cannot register a variant with {kind} instance type as a scalable target. This "
            "is because the burstable performance of these instances can lead to unpredictable "
            "behavior with Auto Scaling."
        )
    return match[1], match[2], variant["DesiredInstanceCount"]


def _make_role() -> None:
    """ "The following service-linked role is automatically created in your AWS account when
    registering SageMaker AI resources as scalable targets" (the guide's page of the role)."""
    iam = iam_backends[current().account][current().partition]
    trust: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    trust["Principal"] = {"Service": PRINCIPAL}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    if not has_service_role():
        iam.create_role(ROLE_NAME, document, ROLE_PATH, None, "", [], "3600", PRINCIPAL)


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
