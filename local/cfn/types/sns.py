"""AWS::SNS::Topic, its policy and its subscriptions."""

import json
from typing import Any

from local.cfn.conditions import text
from local.cfn.errors import AlreadyExists
from local.cfn.handler import Handler, Work
from local.cfn.types.common import document, exists, stale_tags, tag_list

TOPIC_DEFAULTS = {"DisplayName": "", "KmsMasterKeyId": "", "SignatureVersion": "1"}
FILTERS = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")


def _create_topic(work: Work) -> None:
    sns, name = work.client("sns"), work.name("TopicName", 256)
    arn = work.context.arn("sns", name)
    if exists(sns.get_topic_attributes, TopicArn=arn):  # creating it again would be no error
        raise AlreadyExists(arn)
    sns.create_topic(Name=name, Attributes=work.given(*TOPIC_DEFAULTS), Tags=tag_list(work))
    work.made(arn, TopicArn=arn, TopicName=name)
    _subscribe(work)


def _update_topic(work: Work) -> None:
    sns, arn = work.client("sns"), work.id
    for key, default in TOPIC_DEFAULTS.items():
        if work.changed(key):
            value = work.properties.get(key, default)
            sns.set_topic_attributes(TopicArn=arn, AttributeName=key, AttributeValue=value)
    if stale := stale_tags(work):
        sns.untag_resource(ResourceArn=arn, TagKeys=stale)
    if work.changed("Tags") and (added := tag_list(work)):
        sns.tag_resource(ResourceArn=arn, Tags=added)
    _subscribe(work)


def _subscribe(work: Work) -> None:
    """The topic's own subscriptions; one that was taken out of the template ends."""
    sns = work.client("sns")
    wanted, before = _pairs(work.properties), _pairs(work.previous)
    for protocol, endpoint in wanted - before:
        sns.subscribe(TopicArn=work.id, Protocol=protocol, Endpoint=endpoint)
    gone = before - wanted
    if gone:
        found = sns.list_subscriptions_by_topic(TopicArn=work.id)["Subscriptions"]
        for one in found:
            if (one["Protocol"], one["Endpoint"]) in gone:
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])


def _pairs(properties: Any) -> set[tuple[str, str]]:
    return {(one["Protocol"], one["Endpoint"]) for one in properties.get("Subscription", [])}


def _put_policy(work: Work) -> None:
    if not work.id:
        name = work.name("", 128)
        work.made(name, Id=name)
    policy = document(work.properties["PolicyDocument"])
    _set_policy(work, set(work.properties["Topics"]), policy)
    _reset_policy(work, set(work.previous.get("Topics", [])) - set(work.properties["Topics"]))


def _reset_policy(work: Work, topics: set[str]) -> None:
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
        _set_policy(work, {topic}, json.dumps({"Version": "2008-10-17", "Statement": [statement]}))


def _set_policy(work: Work, topics: set[str], policy: str) -> None:
    for topic in topics:
        work.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=policy
        )


def _create_subscription(work: Work) -> None:
    filters = {key: _attribute(value) for key, value in work.given(*FILTERS).items()}
    arn = work.client("sns").subscribe(
        TopicArn=work.properties["TopicArn"],
        Protocol=work.properties["Protocol"],
        Endpoint=work.properties.get("Endpoint", ""),
        Attributes=filters,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    work.made(arn, Arn=arn)


def _update_subscription(work: Work) -> None:
    for key in FILTERS:
        if work.changed(key):
            value = _attribute(work.properties.get(key, {} if key == "FilterPolicy" else "false"))
            work.client("sns").set_subscription_attributes(
                SubscriptionArn=work.id, AttributeName=key, AttributeValue=value
            )


def _attribute(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict) else text(value)


HANDLERS = {
    "AWS::SNS::Topic": Handler(
        frozenset({"TopicName", "Subscription", "Tags", *TOPIC_DEFAULTS}),
        create=_create_topic,
        update=_update_topic,
        delete=lambda work: work.client("sns").delete_topic(TopicArn=work.id),
        name="TopicName",
    ),
    "AWS::SNS::TopicPolicy": Handler(
        frozenset({"PolicyDocument", "Topics"}),
        create=_put_policy,
        update=_put_policy,
        delete=lambda work: _reset_policy(work, set(work.properties["Topics"])),
    ),
    "AWS::SNS::Subscription": Handler(
        frozenset({"TopicArn", "Protocol", "Endpoint", *FILTERS}),
        create=_create_subscription,
        update=_update_subscription,
        delete=lambda work: work.client("sns").unsubscribe(SubscriptionArn=work.id),
    ),
}
