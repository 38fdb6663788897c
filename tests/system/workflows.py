"""The template's own workflows and rules on an endpoint, without the stack around them."""

import json
import re
from pathlib import Path
from typing import Any

import generate
from local.tests.aws import Aws
from templates.kit.render import render
from tests.templates.reading import of_type, read
from tests.templates.workflows.machines import following

ROOT = Path(generate.__file__).parent


def template() -> dict[str, Any]:
    specifications = {file.stem: file.read_text() for file in (ROOT / "buildspec").glob("*.yml")}
    return read(render(generate.mlops(specifications)))


def part(title: str, start: str, last: str, **tokens: str) -> dict[str, Any]:
    """A state machine of its own that is a part of one of the template: from one state to another,
    behind which it ends."""
    text = of_type(template(), "AWS::StepFunctions::StateMachine")[title]["DefinitionString"]
    for token, value in tokens.items():
        text = text.replace(f"${{{token}}}", value)
    states: dict[str, Any] = json.loads(text)["States"]
    kept: dict[str, Any] = {}
    for step in (last, *following(states[last])):
        kept[step] = {**states[step]}
        if "Next" in kept[step]:
            kept[step] = {**kept[step], "Next": "Done"}
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name not in kept:
            kept[name] = states[name]
            ahead += following(states[name])
    return {"StartAt": start, "States": {**kept, "Done": {"Type": "Succeed"}}}


def create_machine(aws: Aws, title: str, name: str, values: dict[str, str], **changed: str) -> str:
    """A state machine of the template, with `values` for its tokens; `changed` is text that stands
    in its definition, and what stands there in its place."""
    machine = of_type(template(), "AWS::StepFunctions::StateMachine")[title]
    tokens = {
        token: value["Fn::Sub"].replace("${AWS::Partition}", "aws")
        for token, value in machine["DefinitionSubstitutions"].items()
        if "states:::" in str(value)
    } | {"ExecutionPage": "https://console/", **values}
    definition = machine["DefinitionString"]
    assert tokens.keys() == machine["DefinitionSubstitutions"].keys()
    for token, value in tokens.items():
        definition = definition.replace(f"${{{token}}}", value)
    for old, new in changed.items():
        assert old in definition
        definition = definition.replace(old, new)
    made = aws.client("stepfunctions").create_state_machine(
        name=name, definition=definition, roleArn=aws.role("states")
    )
    return str(made["stateMachineArn"])


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
