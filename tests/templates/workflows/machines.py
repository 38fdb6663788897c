"""The state machines of the template, as graphs and as calls."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.templates.reading import of_type

State = dict[str, Any]


@dataclass(frozen=True)
class TaskState:
    """A Task state, inside a Map or not, and the integration it calls (`sns:publish`)."""

    machine: str
    name: str
    state: State
    integration: str


def definitions(template: dict[str, Any]) -> dict[str, State]:
    machines = of_type(template, "AWS::StepFunctions::StateMachine")
    return {name: json.loads(item["DefinitionString"]) for name, item in machines.items()}


def substituted(template: dict[str, Any]) -> dict[str, State]:
    """The definitions with their tokens replaced: an integration by its ARN, all else by a
    sample."""
    machines = of_type(template, "AWS::StepFunctions::StateMachine")
    found = {}
    for name, item in machines.items():
        text = item["DefinitionString"]
        for token, value in item["DefinitionSubstitutions"].items():
            sub = value.get("Fn::Sub", "") if isinstance(value, dict) else ""
            arn = sub if isinstance(sub, str) and ":states:::" in sub else "1"
            text = text.replace(f"${{{token}}}", arn.replace("${AWS::Partition}", "aws"))
        found[name] = json.loads(text)
    return found


def levels(definition: State) -> Iterator[State]:
    """The definition and the inside of each of its Maps."""
    yield definition
    for state in definition["States"].values():
        if "ItemProcessor" in state:
            yield from levels(state["ItemProcessor"])


def tasks(template: dict[str, Any]) -> list[TaskState]:
    found = []
    machines = of_type(template, "AWS::StepFunctions::StateMachine")
    for machine, definition in definitions(template).items():
        substitutions = machines[machine]["DefinitionSubstitutions"]
        for level in levels(definition):
            for name, state in level["States"].items():
                if state["Type"] == "Task":
                    token = state["Resource"].removeprefix("${").removesuffix("}")
                    arn = substitutions[token]["Fn::Sub"]
                    integration = arn.removeprefix("arn:${AWS::Partition}:states:::")
                    found.append(TaskState(machine, name, state, integration))
    return found


def following(state: State) -> set[str]:
    """The names of the states a state can lead to."""
    names = {state[key] for key in ("Next", "Default") if key in state}
    for key in ("Choices", "Catch"):
        names |= {rule["Next"] for rule in state.get(key, [])}
    return names


def reached(level: State, *without: str) -> set[str]:
    """The states that a run can reach if it may not pass through those `without`."""
    seen: set[str] = set()
    ahead = [level["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in seen and name not in without:
            seen.add(name)
            ahead += following(level["States"][name])
    return seen


def saying_untold(definition: State) -> list[str]:
    """The states that end a run whose notice failed: the rule hears of that."""
    return [
        name
        for name, state in definition["States"].items()
        if state["Type"] == "Pass" and state.get("Parameters", {}).get("Error") == "NotTold"
    ]
