"""What a rule's target gets of an event, and which targets a rule may have."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.events import emit, listening
from local.tests.aws import Aws, unique, wait

DETAIL = {
    "name": "line",
    "execution-id": "e-1",
    "count": 2,
    "part": {"a": ["x", "y"]},
    "note": 'she said "no"',
}


def put(aws: Aws, topic: str, **target: Any) -> str:
    """A rule for events of a type of its own, which has its name."""
    name, events = unique("rule"), aws.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"detail-type": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "Only", "Arn": topic, **target}])
    return name


def transformer(template: str, **paths: str) -> dict[str, Any]:
    return {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}


def test_a_target_gets_the_event_as_it_is(aws: Aws) -> None:
    mailbox = aws.mailbox()
    name = put(aws, mailbox.topic)
    emit("test", name, ["arn"], DETAIL)
    event = json.loads(mailbox.read(1)[0])
    assert event.pop("id")
    assert event.pop("time")
    assert event == {
        "version": "0",
        "detail-type": name,
        "source": "test",
        "account": aws.context.account,
        "region": aws.context.region,
        "resources": ["arn"],
        "detail": DETAIL,
    }


@pytest.mark.parametrize(
    ("target", "gets"),
    [
        ({"Input": '{"a": 1}'}, '{"a": 1}'),
        ({"InputPath": "$.detail.part.a[1]"}, '"y"'),
        (
            transformer('"<n> failed (<id>)"', n="$.detail.name", id="$.detail.execution-id"),
            '"line failed (e-1)"',
        ),
        (
            transformer('{"name": <n>, "count": <c>}', n="$.detail.name", c="$.detail.count"),
            '{"name": "line", "count": 2}',
        ),
        (transformer('{"part": <p>}', p="$.detail.part"), '{"part": {"a": ["x", "y"]}}'),
        (transformer('"part <p>"', p="$.detail.part"), '"part {a: [x, y]}"'),
        (transformer('"<n>"', n="$.detail.note"), '"she said "no""'),
        (transformer('{"a": <a>, "b": "[<a>]"}', a="$.detail.none"), '{"a": "", "b": "[]"}'),
        (transformer(r'"a \"<n>\""', n="$.detail.name"), r'"a \"line\""'),
        (transformer('{"all": <aws.events.event.json>}'), DETAIL),
    ],
)
def test_a_target_gets_the_input_that_it_asks_for(
    aws: Aws, target: dict[str, Any], gets: str | dict[str, Any]
) -> None:
    mailbox = aws.mailbox()
    emit("test", put(aws, mailbox.topic, **target), [], DETAIL)
    (told,) = mailbox.read(1)
    assert (told if isinstance(gets, str) else json.loads(told)["all"]["detail"]) == gets


def test_the_rule_itself_can_be_named_in_a_template(aws: Aws) -> None:
    mailbox = aws.mailbox()
    template = '{"rule": <aws.events.rule-name>, "arn": "<aws.events.rule-arn>"}'
    name = put(aws, mailbox.topic, **transformer(template))
    emit("test", name, [], {})
    arn = aws.context.arn("events", f"rule/{name}")
    assert json.loads(mailbox.read(1)[0]) == {"rule": name, "arn": arn}


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"Arn": "arn:aws:lambda:eu-west-1:1:function:f"}, r"function:f is not .*: sns, codep"),
        ({"Arn": "topic"}, "topic is not supported"),
        ({"Arn": "arn:aws:states:eu-west-1:1:stateMachine:m"}, "RoleArn is required"),
        ({"SqsParameters": {"MessageGroupId": "1"}}, "SqsParameters is not supported"),
        ({"DeadLetterConfig": {"Arn": "arn:aws:sqs:eu-west-1:1:q"}}, "DeadLetterConfig .*:1:q is"),
        ({"Input": "{}", "InputPath": "$"}, "only one of"),
        ({"InputPath": "$..name"}, r"the path \$\.\.name is not supported"),
        (transformer('"<a>"', a="$.detail[*].name"), "the path .* is not supported"),
        (transformer('"<b>"', a="$.detail"), "uses <b>, which is not in InputPathsMap"),
        (transformer("<a> failed", a="$.detail"), "neither a text in quotation marks nor JSON"),
        (transformer("{<a>: 1}", a="$.detail.name"), "neither a text in quotation marks nor JSON"),
    ],
)
def test_a_target_that_could_not_be_served_is_refused_when_it_is_put(
    aws: Aws, target: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words) as refused:
        put(aws, aws.context.arn("sns", "topic"), **target)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"Input": "now"}, "Only: Expecting value"),
        ({"Input": "[]"}, "Only: the input of a pipeline has to be an object"),
        ({"Input": '{"name": "other"}'}, r"name other is not .*\(supported: line\)"),
        ({"Input": '{"reason": "data"}'}, "Only: reason is not supported"),
        ({"Input": '{"variables": [{"name": "A", "value": ""}]}'}, "greater than or equal to 1"),
        (transformer('"<a>"', a="$.detail.name"), "has to be an object"),
        (transformer('{"variables": <a>}', a="$.detail"), "found where not expected"),
        (
            transformer('{"variables": [{"name": "A B", "value": <a>}]}', a="$.detail.name"),
            "regular expression pattern",
        ),
    ],
)
def test_an_input_that_no_pipeline_could_be_started_with_is_refused_when_it_is_put(
    aws: Aws, target: dict[str, Any], words: str
) -> None:
    pipeline = {"Arn": aws.context.arn("codepipeline", "line"), "RoleArn": aws.role("events")}
    with pytest.raises(ClientError, match=words) as refused:
        put(aws, "", **pipeline, **target)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_schedule_is_refused_because_nothing_would_run_it(aws: Aws) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not supported"):
        aws.client("events").put_rule(Name="r", ScheduleExpression="rate(1 hour)")


def test_a_disabled_rule_gets_nothing(aws: Aws) -> None:
    mailbox = aws.mailbox()
    name = put(aws, mailbox.topic, InputPath="$.detail.number")
    aws.client("events").disable_rule(Name=name)
    emit("test", name, [], {"number": 1})
    aws.client("events").enable_rule(Name=name)
    emit("test", name, [], {"number": 2})
    assert mailbox.read(1) == ["2"]


def test_a_delivery_that_is_refused_is_told_in_one_line(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    machine = aws.context.arn("states", "stateMachine:none")
    refused = put(aws, machine, RoleArn=aws.role("codebuild"))
    missing = put(aws, machine, RoleArn=aws.role("events"))
    told = ""

    def lines() -> list[str]:
        nonlocal told
        told += capsys.readouterr().err
        return told.splitlines()

    emit("test", refused, [], {})
    emit("test", missing, [], {})
    wait(lambda: len(lines()) >= 2)
    first, second = sorted(lines(), key=lambda line: refused not in line)
    assert first.startswith(f"rule {refused}: {machine} got no event: events.amazonaws.com is not")
    assert second.startswith(f"rule {missing}: {machine} got no event: ")
    assert "StateMachineDoesNotExist" in second


def test_who_listens_hears_of_a_resource_and_of_no_other() -> None:
    with listening("arn:one") as one, listening("arn:other") as other:
        emit("test", "none that a rule matches", ["arn:one"], {})
        assert one.is_set()
        assert not other.is_set()
