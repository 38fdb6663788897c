"""Deployment: as many instances as the requests need, between two parameters.

What scales is no resource of the stack: the endpoint is none either, and must be in service before
it can be registered (Register a model, SageMaker Developer Guide). AWS makes two alarms of its own
for the policy, and keeps them. A new version of a variant that scales may be deployed, and goes on
with as many instances as there were (plan_rollout).
"""

from collections.abc import Sequence

from awacs import application_autoscaling, cloudwatch, iam, sagemaker
from awacs.aws import Statement, StringEquals
from troposphere import Ref, Sub
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.kit.iam import allow, arn
from templates.kit.names import SCALING_ROLE, SCALING_SERVICE
from templates.parts.alarms import VARIANT
from templates.workflows.failure import notify, problem
from templates.workflows.language import (
    EXPLAIN,
    Below,
    ChoiceRule,
    State,
    Step,
    all_of,
    catch,
    check,
    choose,
    compares,
    equals,
    matches,
    present,
    task,
    when,
)
from templates.workflows.settings import DeploymentSettings

_VARIANT = f"endpoint/${{ProjectName}}/variant/{VARIANT}"
_WHAT = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": _VARIANT,
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}
_AT, _PAUSED = "$.scaling", "$.paused"
_ABSENT = "ApplicationAutoScaling.ObjectNotFoundException"
# Of a variant and a target that were there a moment ago, and may not be seen yet (public reports,
# github.com/hashicorp/terraform, issue 10737)
_UNSEEN = (_ABSENT, "ApplicationAutoScaling.ValidationException")


def is_scaling(settings: DeploymentSettings) -> ChoiceRule:
    more = compares(
        settings.max_instance_count.path, "NumericGreaterThanPath", settings.instance_count.path
    )
    return all_of(equals(settings.kind.path, "RealTime"), more)


def check_scaling(settings: DeploymentSettings) -> Step:
    """Burstable types cannot be scaled (RegisterScalableTarget refuses them: public reports)."""
    burstable = all_of(is_scaling(settings), matches(settings.instance_type.path, "ml.t*"))
    refuse = problem(
        "BurstableScaling",
        "States.Format('An endpoint of {} cannot scale: choose another EndpointInstanceType, or "
        "set EndpointMaxInstanceCount to 0', "
        f"{settings.instance_type.path})",
        error="InvalidInput",
    )
    return check("CanScale", {"Not": burstable}, otherwise=[refuse])


def make_way(find_new: Step, old: str, new: str) -> list[Step]:
    """An update that changes the type of a variant that scales is refused (Update endpoints
    configured for auto scaling, SageMaker Developer Guide): the variant is let go, and registered
    again after the update, or when the deployment fails. `old` and `new` are the types."""
    changes = all_of(present(old), present(new), {"Not": compares(old, "StringEqualsPath", new)})
    pause = let_go("PauseScaling", at=_PAUSED)
    return [find_new, choose("ChangesType", when(changes, [pause]), otherwise=None)]


def scale(settings: DeploymentSettings, topic: Topic, key: Key) -> list[Step]:
    """The version serves by now: that it does not scale as it should is told, and is no failure of
    the deployment."""
    warning = notify(
        "WarnOfScaling",
        "${ProjectName}: the endpoint does not scale as it should",
        "States.Format('{} serves. Its scaling could not be set, the next deployment tries again: "
        f"{{}}', $.name, States.JsonToString({_AT}))",
        topic,
        key,
        then=Below("IsToScale"),
    )
    warn = catch(warning.name, at=_AT)
    register = _register(settings, "RegisterScaling", "PutScalingPolicy", warn)
    stop = let_go("StopScaling", at=_AT, caught=[catch([warning], at=_AT)])
    return [choose("IsToScale", when(is_scaling(settings), register), otherwise=[stop])]


def resume(settings: DeploymentSettings, then: str) -> list[Step]:
    """When a deployment has failed that let the variant go: what serves scales again. What does not
    succeed is tried by the next deployment."""
    paused = all_of(present(_PAUSED), {"Not": present(f"{_PAUSED}.Error")}, is_scaling(settings))
    register = _register(settings, "ResumeScaling", "ResumePolicy", catch(then, at=_AT))
    return [choose("WasPaused", when(paused, register), otherwise=None)]


def let_go(name: str, at: str = _AT, caught: Sequence[State] = (catch(EXPLAIN),)) -> Step:
    """Deregister the variant, with its policies and their alarms; that it is not registered is as
    good."""
    return task(
        name,
        "aws-sdk:applicationautoscaling:deregisterScalableTarget",
        _WHAT,
        grants=_manage("DeregisterScalableTarget"),
        tokens={"ProjectName": Ref("ProjectName")},
        at=at,
        caught=[catch(None, error=_ABSENT, at=at), *caught],
    )


def _register(
    settings: DeploymentSettings, register: str, policy: str, caught: State
) -> list[Step]:
    limits = {
        "MinCapacity.$": settings.instance_count.path,
        "MaxCapacity.$": settings.max_instance_count.path,
    }
    tracking = {
        "PolicyName": "${ProjectName}-invocations",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue.$": settings.scaling_target_invocations.path,
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
            },
        },
    }
    may_register = [*_manage("RegisterScalableTarget"), *_as_scaling_does()]
    may_track = [*_manage("PutScalingPolicy"), *_alarms_of_scaling()]
    return [
        _call(register, "registerScalableTarget", limits, may_register, caught),
        _call(policy, "putScalingPolicy", tracking, may_track, caught),
    ]


def _call(name: str, action: str, more: State, grants: list[Statement], caught: State) -> Step:
    return task(
        name,
        f"aws-sdk:applicationautoscaling:{action}",
        {**_WHAT, **more},
        grants=grants,
        tokens={"ProjectName": Ref("ProjectName")},
        at=_AT,
        also=_UNSEEN,
        caught=[caught],
    )


def _manage(name: str) -> list[Statement]:
    """The ID of a target is AWS's own, so the conditions say of what kind it is (Actions, resources
    and condition keys for AWS Application Auto Scaling, Service Authorization Reference)."""
    targets = arn("application-autoscaling", "scalable-target/*")
    action = getattr(application_autoscaling, name)
    kind = {
        "application-autoscaling:service-namespace": _WHAT["ServiceNamespace"],
        "application-autoscaling:scalable-dimension": _WHAT["ScalableDimension"],
    }
    return [allow(name, [action], [targets], StringEquals(kind))]


def _as_scaling_does() -> list[Statement]:
    """Whoever registers a target must be able to do itself what scaling does, and to make the role
    of the service, once in an account (Auto scaling prerequisites, SageMaker Developer Guide;
    Permissions validation, Application Auto Scaling User Guide)."""
    endpoint = arn("sagemaker", "endpoint/${ProjectName}")
    role = Sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{SCALING_ROLE}")
    return [
        allow("DescribeEndpoint", [sagemaker.DescribeEndpoint], [endpoint]),
        allow("ScaleEndpoint", [sagemaker.UpdateEndpointWeightsAndCapacities], [endpoint]),
        # Of any name: serving.py
        allow(
            "SeeConfigs",
            [sagemaker.DescribeEndpointConfig],
            [arn("sagemaker", "endpoint-config/*")],
        ),
        allow(
            "MakeScalingRole",
            [iam.CreateServiceLinkedRole],
            [role],
            StringEquals("iam:AWSServiceName", SCALING_SERVICE),
        ),
    ]


def _alarms_of_scaling() -> list[Statement]:
    return [
        allow(
            "MakeScalingAlarms",
            [cloudwatch.DescribeAlarms, cloudwatch.PutMetricAlarm, cloudwatch.DeleteAlarms],
            [arn("cloudwatch", f"alarm:TargetTracking-{_VARIANT}-*")],
        )
    ]
