"""The template's own workflows and rules on an endpoint, without the stack around them."""

import copy
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import generate
from local.tests.aws import Aws
from templates.kit.render import render
from tests.templates.reading import of_type, read
from tests.templates.workflows.machines import following

ROOT = Path(generate.__file__).parent


def template() -> dict[str, Any]:
    return copy.deepcopy(_template())


@cache
def _template() -> dict[str, Any]:
    """Read once: it takes seconds."""
    specifications = {file.stem: file.read_text() for file in (ROOT / "buildspec").glob("*.yml")}
    return read(render(generate.mlops(specifications)))


def create_machine(aws: Aws, title: str, name: str, values: dict[str, str], **changed: str) -> str:
    """A state machine of the template, with `values` for its tokens; `changed` is text that stands
    in its definition, and what stands there in its place."""
    made = aws.client("stepfunctions").create_state_machine(
        name=name, definition=defined(title, values, changed), roleArn=aws.role("states")
    )
    return str(made["stateMachineArn"])


def defined(title: str, values: Mapping[str, str], changed: Mapping[str, str] = {}) -> str:
    """The definition of a state machine of the template."""
    definition, left = _substituted(title, {"ExecutionPage": "https://console/", **values})
    assert not left, f"no value for {left}"
    for old, new in changed.items():
        assert old in definition
        definition = definition.replace(old, new)
    return definition


def part(title: str, start: str, *until: str, **values: str) -> dict[str, Any]:
    """What lies between states of a state machine of the template, as a machine of its own: it ends
    well where it comes to one that is after it."""
    definition, _ = _substituted(title, values)
    states: dict[str, Any] = json.loads(definition)["States"]
    kept: dict[str, Any] = {}
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name not in kept:
            kept[name] = {"Type": "Succeed"} if name in until else states[name]
            ahead += following(kept[name])
    return {"StartAt": start, "States": kept}


def _substituted(title: str, values: Mapping[str, str]) -> tuple[str, set[str]]:
    """A definition with these values for its tokens, and the tokens that have none."""
    machine = of_type(template(), "AWS::StepFunctions::StateMachine")[title]
    tokens = {
        token: value["Fn::Sub"].replace("${AWS::Partition}", "aws")
        for token, value in machine["DefinitionSubstitutions"].items()
        if "states:::" in str(value)
    } | {"StackName": "stack", "Region": "eu-west-1", **values}
    definition = machine["DefinitionString"]
    for token, value in tokens.items():
        definition = definition.replace(f"${{{token}}}", value)
    asked = machine["DefinitionSubstitutions"].keys()
    assert tokens.keys() <= asked
    return definition, set(asked - tokens.keys())


def create_alarms(aws: Aws, name: str, slow: int = 2_000_000) -> None:
    """Those of the template that take a version of this project back. They look at ten seconds, so
    that what made them ring is soon over; `slow` is a latency in microseconds."""
    for title, alarm in of_type(template(), "AWS::CloudWatch::Alarm").items():
        if title in ("DriftAlarm", "UndeliveredAlarm"):  # which take nothing back
            continue
        text = json.dumps(alarm | {"EvaluationPeriods": 1}).replace('"Period": 60', '"Period": 10')
        text = re.sub(r'{"Fn::Sub": ("[^"]*")}', r"\1", text).replace("${ProjectName}", name)
        text = text.replace('{"Ref": "ModelLatencyMicroseconds"}', str(slow))
        text = text.replace('{"Ref": "ProjectName"}', json.dumps(name))
        aws.client("cloudwatch").put_metric_alarm(**json.loads(text))


def create_alert(aws: Aws, name: str, machines: dict[str, str], topic: str) -> None:
    """The rule that tells how executions of these machines end; they are named by logical ID, and
    `name` is the prefix of their versions."""
    rule = of_type(template(), "AWS::Events::Rule")["WorkflowAlert"]
    pattern = rule["EventPattern"]
    pattern["detail"]["stateMachineArn"] = list(machines.values())
    pattern["detail"]["name"][0]["anything-but"]["prefix"] = name
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]
    text, own = transformer["InputTemplate"]["Fn::Sub"]
    look = own["Look"]["Fn::Sub"][0].replace("${AWS::Region}", aws.context.region)
    text = text.replace("${ProjectName}", name).replace("${Look}", look)
    transformer["InputTemplate"] = re.sub(r"\$\{Console\}", "console.aws.amazon.com", text)
    events = aws.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{**target, "Arn": topic}])
