"""Who is told of an alarm's new state, and what."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloudwatch.alarms import ringing
from local.tests.aws import Aws, Mailbox, unique
from local.tests.cloudwatch.watching import DIMENSIONS, Watch


def hear(aws: Aws, alarm: str, state: str) -> Mailbox:
    """A mailbox to which a rule sends that the alarm of this name has come to this state."""
    box, events, name = aws.mailbox(), aws.client("events"), unique("rule")
    pattern: dict[str, Any] = {
        "source": ["aws.cloudwatch"],
        "detail-type": ["CloudWatch Alarm State Change"],
        "detail": {"alarmName": [alarm], "state": {"value": [state]}},
    }
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": box.topic}])
    return box


def let_in(aws: Aws, topic: str, **condition: Any) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
        "Condition": condition,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=policy
    )


def test_a_new_state_is_an_event(watch: Watch) -> None:
    name = unique("alarm")
    box = hear(watch.aws, name, "ALARM")
    watch.data()
    watch.put(AlarmName=name, AlarmDescription="too many")
    (event,) = [json.loads(each) for each in box.read(1)]
    assert event["resources"] == [watch.alarm(name)["AlarmArn"]]
    detail = event["detail"]
    (metric,) = detail["configuration"].pop("metrics")
    assert detail["configuration"] == {"description": "too many"}
    assert metric.pop("id")
    assert metric == {
        "metricStat": {
            "metric": {
                "namespace": watch.namespace,
                "name": "Errors",
                "dimensions": {each["Name"]: each["Value"] for each in DIMENSIONS},
            },
            "period": 10,
            "stat": "Average",
        },
        "returnData": True,
    }
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert detail["state"]["value"] == "ALARM"
    assert detail["state"]["reason"] == watch.alarm(name)["StateReason"]
    data = json.loads(detail["state"]["reasonData"])
    assert (data["recentDatapoints"], data["threshold"], data["period"]) == ([1.0], 0.5, 10)
    assert detail["state"]["timestamp"].endswith("+0000")


def test_an_expression_is_told_with_the_queries_that_it_is_made_of(watch: Watch) -> None:
    name = unique("alarm")
    box = hear(watch.aws, name, "OK")
    double = {"Id": "double", "Expression": "failed * 2", "Label": "Twice"}
    watch.put(AlarmName=name, Metrics=[watch.query("Failed"), double])
    (detail,) = [json.loads(each)["detail"] for each in box.read(1)]
    failed, twice = detail["configuration"]["metrics"]
    assert (failed["id"], failed["returnData"]) == ("failed", False)
    asked = {"id": "double", "expression": "failed * 2", "label": "Twice", "returnData": True}
    assert twice == asked


def test_a_state_that_somebody_sets_holds_until_it_is_evaluated_again(watch: Watch) -> None:
    name = watch.put()
    watch.becomes(name, "OK")
    watch.client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="to try it")
    assert ringing([name]) == [name]
    assert watch.alarm(name)["StateReason"] == "to try it"
    watch.becomes(name, "OK")
    changes = watch.client.describe_alarm_history(AlarmName=name)["AlarmHistoryItems"]
    assert [each["HistorySummary"] for each in changes] == [
        "Alarm updated from ALARM to OK",
        "Alarm updated from OK to ALARM",
        "Alarm updated from INSUFFICIENT_DATA to OK",
    ]
    with pytest.raises(ClientError, match="ResourceNotFound"):
        watch.client.set_alarm_state(AlarmName="of-nobody", StateValue="OK", StateReason="")
    with pytest.raises(ClientError, match="StateReasonData is not JSON"):
        watch.client.set_alarm_state(
            AlarmName=name, StateValue="OK", StateReason="", StateReasonData="{"
        )


def test_the_topics_of_a_state_are_told_as_cloudwatch_tells_them(watch: Watch) -> None:
    rang, calm = watch.aws.mailbox(), watch.aws.mailbox()
    mine = {"AWS:SourceAccount": watch.aws.context.account}
    for box in (rang, calm):
        let_in(watch.aws, box.topic, StringEquals=mine)
    watch.data()
    name = watch.put(AlarmActions=[rang.topic], OKActions=[calm.topic])
    muted = watch.put(AlarmActions=[rang.topic], ActionsEnabled=False)
    assert watch.becomes(muted, "ALARM")
    (message,) = [json.loads(each) for each in rang.read(1)]
    assert message["AlarmName"] == name
    assert (message["OldStateValue"], message["NewStateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert message["NewStateReason"] == watch.alarm(name)["StateReason"]
    assert message["Region"] == "EU (Ireland)"
    assert message["AlarmActions"] == [rang.topic]
    trigger = message["Trigger"]
    assert (trigger["Statistic"], trigger["StatisticType"]) == ("AVERAGE", "Statistic")
    assert trigger["Dimensions"] == [{"value": "flowers", "name": "EndpointName"}]
    watch.client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="enough")
    (message,) = [json.loads(each) for each in calm.read(1)]
    assert message["NewStateReason"] == "enough"
    assert len(rang.messages) == 1


def test_a_topic_that_does_not_let_cloudwatch_in_is_told_nothing(
    watch: Watch, capfd: pytest.CaptureFixture[str]
) -> None:
    closed, open_to_all = watch.aws.mailbox(), watch.aws.mailbox()
    let_in(watch.aws, open_to_all.topic)
    watch.data()
    name = watch.put(AlarmActions=[closed.topic, open_to_all.topic])
    open_to_all.read(1)
    assert f"alarm {name}: {closed.topic} was told nothing" in capfd.readouterr().err


def test_a_topic_with_the_policy_that_a_new_one_has_is_told(watch: Watch) -> None:
    box = watch.aws.mailbox()
    topic = watch.aws.client("sns").create_topic(Name=unique("plain"))["TopicArn"]
    (made,) = watch.aws.client("sns").list_subscriptions_by_topic(TopicArn=box.topic)[
        "Subscriptions"
    ]
    watch.aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=made["Endpoint"])
    watch.data()
    name = watch.put(AlarmActions=[topic])
    (message,) = [json.loads(each) for each in box.read(1)]
    assert message["AlarmName"] == name
