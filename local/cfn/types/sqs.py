"""AWS::SQS::Queue and its policy."""

from typing import Any

from local.cfn.functions import text
from local.cfn.resource_type import AlreadyExists, ResourceType, ResourceWork, document

# An attribute, and what it is where a template does not say it (SQS API reference, CreateQueue)
ATTRIBUTES = {
    "DelaySeconds": "0",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "KmsMasterKeyId": "",
    "KmsDataKeyReusePeriodSeconds": "300",
    "SqsManagedSseEnabled": "true",
}


def _create(work: ResourceWork) -> None:
    name = work.name("QueueName", 80)
    if work.exists("sqs.get_queue_url", QueueName=name):  # making it again is no error
        raise AlreadyExists(name)
    given = {key: text(work.properties[key]) for key in ATTRIBUTES if key in work.properties}
    url = work.call("sqs.create_queue", QueueName=name, Attributes=given)["QueueUrl"]
    work.made(url, Arn=work.context.arn("sqs", name), QueueName=name, QueueUrl=url)


def _update(work: ResourceWork) -> None:
    changed = {
        key: text(work.properties.get(key, usual))
        for key, usual in ATTRIBUTES.items()
        if work.changed(key)
    }
    if changed:
        work.call("sqs.set_queue_attributes", QueueUrl=work.id, Attributes=changed)
    work.retag("sqs.tag_queue", "sqs.untag_queue", QueueUrl=work.id)


def _put_policy(work: ResourceWork) -> None:
    if not work.id:
        name = work.name("", 128)
        work.made(name, Id=name)
    queues = set(work.properties["Queues"])
    for queue in queues:
        _set_policy(work, queue, document(work.properties["PolicyDocument"]))
    _drop_policy(work, set(work.previous.get("Queues", [])) - queues)


def _drop_policy(work: ResourceWork, queues: set[str]) -> None:
    for queue in queues:
        _set_policy(work, queue, "")


def _set_policy(work: ResourceWork, queue: str, policy: Any) -> None:
    work.call("sqs.set_queue_attributes", QueueUrl=queue, Attributes={"Policy": policy})


TYPES = {
    "AWS::SQS::Queue": ResourceType(
        frozenset({"QueueName", "Tags", *ATTRIBUTES}),
        create=_create,
        update=_update,
        delete=lambda work: work.call("sqs.delete_queue", QueueUrl=work.id),
        name="QueueName",
    ),
    "AWS::SQS::QueuePolicy": ResourceType(
        frozenset({"PolicyDocument", "Queues"}),
        create=_put_policy,
        update=_put_policy,
        delete=lambda work: _drop_policy(work, set(work.properties["Queues"])),
    ),
}
