"""What whoever sends to a topic or a queue needs besides: its key."""

from collections.abc import Iterator
from typing import Any

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from local.authorization import keys
from local.authorization.ask import Ask
from local.context import current


def publish(members: dict[str, Any]) -> Iterator[Ask]:
    yield from topic_key(members.get("TopicArn", ""))


def topic_key(topic_arn: str, by: str = "") -> Iterator[Ask]:
    """Of who publishes to an encrypted topic (SNS Developer Guide, "Managing Amazon SNS encryption
    keys and costs", "Enable compatibility between event sources and encrypted topics")."""
    here = current()
    topic = sns_backends[here.account][here.region].topics.get(topic_arn)
    key = topic.kms_master_key_id if topic else None
    for ask in keys.used("sns", key, "GenerateDataKey", "Decrypt"):
        yield Ask(ask.action, ask.resource, {} if by else ask.context, by)


def send(members: dict[str, Any]) -> Iterator[Ask]:
    yield from queue_key(members.get("QueueUrl", "").rpartition("/")[2])


def queue_key(name: str, by: str = "") -> Iterator[Ask]:
    """Of who sends to an encrypted queue (SQS Developer Guide, "Key management", "Enable
    compatibility between event sources … and encrypted queues")."""
    here = current()
    queue = sqs_backends[here.account][here.region].queues.get(name)
    key = getattr(queue, "kms_master_key_id", None)
    for ask in keys.used("sqs", key, "GenerateDataKey", "Decrypt"):
        yield Ask(ask.action, ask.resource, {} if by else ask.context, by)
