"""AWS::SNS::Topic, its policy and its subscriptions."""

from typing import Any

from local.cfn.resource_type import AlreadyExists, ResourceType, ResourceWork, document

ATTRIBUTES = ("DisplayName", "KmsMasterKeyId")


def _create_topic(work: ResourceWork) -> None:
    name = work.name("TopicName", 256)
    arn = work.context.arn("sns", name)
    if work.exists("sns.get_topic_attributes", TopicArn=arn):  # making it again is no error
        raise AlreadyExists(arn)
    attributes = {key: work.properties[key] for key in ATTRIBUTES if key in work.properties}
    work.call("sns.create_topic", Name=name, Attributes=attributes)
    work.made(arn, TopicArn=arn, TopicName=name)


def _update_topic(work: ResourceWork) -> None:
    for key in ATTRIBUTES:
        if work.changed(key):
            _set_attribute(work, work.id, key, work.properties.get(key, ""))
    work.retag("sns.tag_resource", "sns.untag_resource", ResourceArn=work.id)


def _put_policy(work: ResourceWork) -> None:
    if not work.id:
        name = work.name("", 128)
        work.made(name, Id=name)
    topics = set(work.properties["Topics"])
    for topic in topics:
        _set_attribute(work, topic, "Policy", document(work.properties["PolicyDocument"]))
    _reset_policy(work, set(work.previous.get("Topics", [])) - topics)


def _reset_policy(work: ResourceWork, topics: set[str]) -> None:
    """What SNS gives a new topic: everything to its owner (SNS Developer Guide, "Overview of
    managing access")."""
    for topic in topics:
        statement = {
            "Sid": "__default_statement_ID",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["SNS:Publish", "SNS:Subscribe", "SNS:GetTopicAttributes"],
            "Resource": topic,
            "Condition": {"StringEquals": {"AWS:SourceOwner": work.context.account}},
        }
        policy = document({"Version": "2008-10-17", "Statement": [statement]})
        _set_attribute(work, topic, "Policy", policy)


def _set_attribute(work: ResourceWork, topic: str, name: str, value: Any) -> None:
    work.call("sns.set_topic_attributes", TopicArn=topic, AttributeName=name, AttributeValue=value)


def _subscribe(work: ResourceWork) -> None:
    arn = work.call("sns.subscribe", ReturnSubscriptionArn=True)["SubscriptionArn"]
    work.made(arn, Arn=arn)


TYPES = {
    "AWS::SNS::Topic": ResourceType(
        frozenset({"TopicName", "Tags", *ATTRIBUTES}),
        create=_create_topic,
        update=_update_topic,
        delete=lambda work: work.call("sns.delete_topic", TopicArn=work.id),
        name="TopicName",
    ),
    "AWS::SNS::TopicPolicy": ResourceType(
        frozenset({"PolicyDocument", "Topics"}),
        create=_put_policy,
        update=_put_policy,
        delete=lambda work: _reset_policy(work, set(work.properties["Topics"])),
    ),
    "AWS::SNS::Subscription": ResourceType(
        frozenset({"TopicArn", "Protocol", "Endpoint"}),
        create=_subscribe,
        delete=lambda work: work.call("sns.unsubscribe", SubscriptionArn=work.id),
    ),
}
