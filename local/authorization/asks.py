"""All that one call asks for: the operation itself, and what the service needs besides, in the
caller's name or in its own."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sagemaker.models import sagemaker_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from local.authorization import keys, scaling, storage
from local.authorization.actions import RESOURCES
from local.authorization.ask import Ask, Unjudged
from local.cfn.records import StackRecords
from local.context import current
from local.door.request import Asked

# The prefix of a service's actions and ARNs, where it is not botocore's name
_PREFIXES = {"sagemaker-runtime": "sagemaker", "stepfunctions": "states"}
_FIELD = re.compile(r"\{([\w.]+)(?::(\w+))?\}")
_OF_SCALING = {"scalable-dimension": "ScalableDimension", "service-namespace": "ServiceNamespace"}
# Who needs no permission: "No permissions are required to perform this operation" (API reference)
_FREE = {("sts", "GetCallerIdentity")}
# Where a call names a role that the service will work with, and the service's principal
_PASSED = {
    ("cloudformation", "RoleARN"): "cloudformation",
    ("codebuild", "serviceRole"): "codebuild",
    ("codepipeline", "pipeline.roleArn"): "codepipeline",
    ("events", "RoleArn"): "events",
    ("events", "Targets.RoleArn"): "events",
    ("sagemaker", "ExecutionRoleArn"): "sagemaker",
    ("sagemaker", "RoleArn"): "sagemaker",
    ("sagemaker", "TrainingJobDefinition.RoleArn"): "sagemaker",
    ("scheduler", "Target.RoleArn"): "scheduler",
    ("stepfunctions", "roleArn"): "states",
}
# The permission for tags that a new resource gets; CodeBuild's and CloudFormation's need none
_TAGS = {
    "cloudwatch": "TagResource",
    "codecommit": "TagResource",
    "codepipeline": "TagResource",
    "ecr": "TagResource",
    "events": "TagResource",
    "iam": "TagRole",
    "logs": "TagResource",
    "sagemaker": "AddTags",
    "sns": "TagResource",
    "sqs": "TagQueue",
    "ssm": "AddTagsToResource",
    "states": "TagResource",
}


def asks(call: Asked) -> list[Ask]:
    """Raises Unjudged for an operation of which it is not known what it needs."""
    if (call.service, call.name) in _FREE:
        return []
    tags = _sent_tags(call.members)
    own = [replace(ask, context={**ask.context, **tags}) for ask in _of_the_operation(call)]
    return [*own, *_besides(call)]


def _of_the_operation(call: Asked) -> Iterator[Ask]:
    if call.service in ("s3", "kms"):
        yield from (storage if call.service == "s3" else keys).asks(call)
        return
    if (call.service, call.name) == ("sts", "AssumeRole"):
        yield Ask("sts:AssumeRole", call.members.get("RoleArn", "*"))
        return
    prefix = _PREFIXES.get(call.service, call.service)
    action, context = f"{prefix}:{call.name}", _context(call)
    found = [
        resource
        for pattern, operations in RESOURCES.get(call.service, {}).items()
        if call.name in operations.split()
        for resource in _resources(prefix, pattern, _with_its_stack(call))
    ]
    if not found:
        raise Unjudged(action)
    yield from (Ask(action, resource, context) for resource in found)
    tagging = call.name.startswith(("Create", "Put")) and _tags(call.members)
    if tagging and prefix in _TAGS:
        yield Ask(f"{prefix}:{_TAGS[prefix]}", found[0], context)


def _with_its_stack(call: Asked) -> Asked:
    """A change set may be named alone, by its ARN; the permission is on its stack."""
    named = call.members.get("ChangeSetName")
    if call.service != "cloudformation" or not named or call.members.get("StackName"):
        return call
    for one in StackRecords.here().change_sets:
        if one.id == named:
            return replace(call, members={**call.members, "StackName": one.stack.id})
    return call


def _context(call: Asked) -> dict[str, Any]:
    """The condition keys that the request's members give a value."""
    context: dict[str, Any] = {}
    if call.name == "PutMetricData":
        context["cloudwatch:namespace"] = call.members.get("Namespace")
    if call.service == "cloudformation":
        context["cloudformation:RoleArn"] = call.members.get("RoleARN")
    if call.service == "application-autoscaling":
        for key, member in _OF_SCALING.items():
            context[f"application-autoscaling:{key}"] = call.members.get(member)
    if call.service == "iam":
        context["iam:PermissionsBoundary"] = _boundary(call)
    return {name: value for name, value in context.items() if value is not None}


def _besides(call: Asked) -> Iterator[Ask]:
    for (service, path), principal in _PASSED.items():
        if service == call.service:
            to = {"iam:PassedToService": f"{principal}.amazonaws.com"}
            yield from (Ask("iam:PassRole", role, to) for role in _values(call.members, path))
    if besides := _BESIDES.get((call.service, call.name)):
        yield from besides(call.members)


def _training_job(members: dict[str, Any]) -> Iterator[Ask]:
    """ "kms:CreateGrant: required only if the associated ResourceConfig has a specified
    VolumeKmsKeyId and the associated role does not have a policy that permits this action"
    (SageMaker Developer Guide, "Amazon SageMaker AI API Permissions")."""
    volume = members.get("ResourceConfig", {}).get("VolumeKmsKeyId")
    yield from keys.lent("sagemaker", volume, or_of=members.get("RoleArn", ""))


def _processing_job(members: dict[str, Any]) -> Iterator[Ask]:
    """The same page: "if the associated ProcessingResources has a specified VolumeKmsKeyId"."""
    cluster = members.get("ProcessingResources", {}).get("ClusterConfig", {})
    volume = cluster.get("VolumeKmsKeyId")
    yield from keys.lent("sagemaker", volume, or_of=members.get("RoleArn", ""))


def _transform_job(members: dict[str, Any]) -> Iterator[Ask]:
    """The same page: "if the associated TransformResources has a specified VolumeKmsKeyId"."""
    volume = members.get("TransformResources", {}).get("VolumeKmsKeyId")
    yield from keys.lent("sagemaker", volume)


def _tuning_job(members: dict[str, Any]) -> Iterator[Ask]:
    """The same of each training job that it starts."""
    yield from _training_job(members.get("TrainingJobDefinition", {}))


def _endpoint(members: dict[str, Any]) -> Iterator[Ask]:
    """The same page: "if the associated EndpointConfig has a KmsKeyId specified"."""
    here = current()
    configs = sagemaker_backends[here.account][here.region].endpoint_configs
    config: Any = configs.get(members.get("EndpointConfigName", ""))
    if config:
        yield from keys.lent("sagemaker", config.description.get("KmsKeyId"))


def _publish(members: dict[str, Any]) -> Iterator[Ask]:
    yield from topic_key(members.get("TopicArn", ""))


def topic_key(topic_arn: str, by: str = "") -> Iterator[Ask]:
    """Of who publishes to an encrypted topic (SNS Developer Guide, "Managing Amazon SNS encryption
    keys and costs", "Enable compatibility between event sources and encrypted topics")."""
    here = current()
    topic = sns_backends[here.account][here.region].topics.get(topic_arn)
    key = topic.kms_master_key_id if topic else None
    for ask in keys.used("sns", key, "GenerateDataKey", "Decrypt"):
        yield Ask(ask.action, ask.resource, {} if by else ask.context, by)


def _send(members: dict[str, Any]) -> Iterator[Ask]:
    yield from queue_key(members.get("QueueUrl", "").rpartition("/")[2])


def queue_key(name: str, by: str = "") -> Iterator[Ask]:
    """Of who sends to an encrypted queue (SQS Developer Guide, "Key management", "Enable
    compatibility between event sources … and encrypted queues")."""
    here = current()
    queue = sqs_backends[here.account][here.region].queues.get(name)
    key = queue.kms_master_key_id if queue else None
    for ask in keys.used("sqs", key, "GenerateDataKey", "Decrypt"):
        yield Ask(ask.action, ask.resource, {} if by else ask.context, by)


def _repository(members: dict[str, Any]) -> Iterator[Ask]:
    """ECR works with the key by a grant of its own (User Guide, "Encryption at rest")."""
    configured = members.get("encryptionConfiguration") or {}
    if configured.get("encryptionType") == "KMS":
        yield from keys.lent("ecr", configured.get("kmsKey"))
        yield from keys.used("ecr", configured.get("kmsKey"), "DescribeKey")


def _log_group(members: dict[str, Any]) -> Iterator[Ask]:
    """CloudWatch Logs itself uses the key, and tries so when it is given one (User Guide, "Encrypt
    log data in CloudWatch Logs using AWS Key Management Service")."""
    here = current()
    name = members.get("logGroupName", "")
    group = {"kms:EncryptionContext:aws:logs:arn": here.arn("logs", f"log-group:{name}")}
    logs = f"logs.{here.region}.{here.url_suffix}"
    actions = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey")
    for ask in keys.used("logs", members.get("kmsKeyId"), *actions, "DescribeKey"):
        yield Ask(ask.action, ask.resource, group, logs)


_BESIDES: dict[tuple[str, str], Callable[[dict[str, Any]], Iterator[Ask]]] = {
    ("application-autoscaling", "PutScalingPolicy"): scaling.policy,
    ("application-autoscaling", "RegisterScalableTarget"): scaling.target,
    ("ecr", "CreateRepository"): _repository,
    ("logs", "AssociateKmsKey"): _log_group,
    ("logs", "CreateLogGroup"): _log_group,
    ("sagemaker", "CreateEndpoint"): _endpoint,
    ("sagemaker", "CreateHyperParameterTuningJob"): _tuning_job,
    ("sagemaker", "CreateProcessingJob"): _processing_job,
    ("sagemaker", "CreateTrainingJob"): _training_job,
    ("sagemaker", "CreateTransformJob"): _transform_job,
    ("sagemaker", "UpdateEndpoint"): _endpoint,
    ("sns", "Publish"): _publish,
    ("sqs", "SendMessage"): _send,
}


def _tags(members: dict[str, Any]) -> dict[str, str]:
    """The tags that a request gives, as each API spells them."""
    given = members.get("Tags") or members.get("tags") or {}
    if isinstance(given, dict):
        return given
    spelt = [{name[-5:].lower(): value for name, value in one.items()} for one in given]
    return {one.get("key") or one["agkey"]: one.get("value", "") for one in spelt}


def _sent_tags(members: dict[str, Any]) -> dict[str, Any]:
    """The condition keys of the tags that a request gives, or takes away."""
    given = _tags(members)
    names = [*given] or members.get("TagKeys") or members.get("tagKeys")
    sent: dict[str, Any] = {f"aws:RequestTag/{name}": value for name, value in given.items()}
    return sent | ({"aws:TagKeys": list(names)} if names else {})


def _boundary(call: Asked) -> str | None:
    """The boundary that a role gets or has (Permissions boundaries for IAM entities)."""
    if call.name in ("CreateRole", "PutRolePermissionsBoundary"):
        return call.members.get("PermissionsBoundary")
    role = _role(call.members.get("RoleName", ""))
    return role.permissions_boundary_arn if role else None


def _role(name: str) -> Any:
    here = current()
    try:
        return iam_backends[here.account][here.partition].get_role(name)
    except NotFoundException:
        return None


def _resources(prefix: str, pattern: str, call: Asked) -> list[str]:
    """The ARNs that the pattern makes of the members; a member that is an ARN is one itself."""
    if pattern == "*":
        return ["*"]
    made = [pattern]
    for field in _FIELD.finditer(pattern):
        values = _values(call.members, field[1]) or ["*"]
        turn = _TURNS.get(field[2], lambda value, _: value)
        turned = [turn(value, call.members) for value in values]
        made = [
            value if value.startswith("arn:") else each.replace(field[0], value, 1)
            for each in made
            for value in turned
        ]
    here = current()
    region = "" if prefix == "iam" else here.region
    start = f"arn:{here.partition}:{prefix}:{region}:{here.account}:"
    return [each if each.startswith("arn:") else start + each for each in made]


def _values(members: Any, path: str) -> list[str]:
    """What lies at a path of names, in all elements of the lists on the way."""
    found = [members]
    for name in path.split("."):
        inside = [each[name] for each in found if isinstance(each, dict) and each.get(name)]
        found = [each for one in inside for each in (one if isinstance(one, list) else [one])]
    return [str(each) for each in found]


def _of_role(name: str, members: dict[str, Any]) -> str:
    role = _role(name)
    path = members.get("Path", "/")
    return str(role.arn) if role else f"role{path}{name}"


def _of_change_set(name: str, members: dict[str, Any]) -> str:
    """The stack of a change set; one that is named by its ARN may leave the stack out."""
    known = (each.stack.id for each in StackRecords.here().change_sets if each.id == name)
    return next(known, f"stack/{members.get('StackName', '*')}/*")


def _of_parameter(name: str, _: dict[str, Any]) -> str:
    """A parameter's ARN: without the slash that its name begins with, and whichever of its versions
    is asked for (Systems Manager User Guide, "Working with parameter versions", `name:1`)."""
    start, arn, own = name.rpartition(":parameter/") if name.startswith("arn:") else ("", "", name)
    place = start + arn or current().arn("ssm", "parameter/")
    return place + own.partition(":")[0].lstrip("/")


# What is made of a member's value: a build's project, a report's group, a subscription's topic …
_TURNS: dict[str, Callable[[str, dict[str, Any]], str]] = {
    "group": lambda value, _: value.rpartition("report/")[2].partition(":")[0],
    "parameter": _of_parameter,
    "project": lambda value, _: value.rpartition("build/")[2].partition(":")[0],
    "queue": lambda value, _: value.rpartition("/")[2],
    "role": _of_role,
    "stack": _of_change_set,
    "topic": lambda value, _: value.rpartition(":")[0],
    "versions": lambda value, _: f"model-package/{value.rpartition('/')[2]}/*",
}
