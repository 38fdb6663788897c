"""Workflows as plain Amazon States Language, one function per state, joined by a builder that
checks the joints.

A step carries what it needs besides its state: the grants of its work and the values of its
`${tokens}`. The definition is JSON text with named substitutions, the only form in which cfn-lint
checks states.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from awacs.aws import Statement
from troposphere import Sub, encode_to_dict

from templates.pretty import pretty

State = dict[str, Any]

# The ways a state names the next one, anywhere inside it
_JOINTS = ("Next", "Default")
_TOKEN = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Step:
    """A named state, and what its runner needs to do it."""

    name: str
    state: State
    grants: Sequence[Statement] = ()
    tokens: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Workflow:
    """A joined workflow: its definition as text, its tokens' values, the sum of its grants."""

    definition: str
    substitutions: dict[str, Any]
    grants: list[Statement]


def task(
    name: str,
    integration: str,
    arguments: State,
    *,
    then: str,
    caught_by: Sequence[State],
    retried: Sequence[State],
    seconds: int | str = 60,
    result: State | None = None,
    grants: Sequence[Statement] = (),
    tokens: Mapping[str, Any] | None = None,
) -> Step:
    """A call of a service, such as `sagemaker:createTrainingJob.sync`.

    The whole ARN is one token: a literal `arn:aws:` deploys in China and fails at the first
    execution, and cfn-lint accepts no other partition (E3601).
    `seconds` is a number, or the path of one. `result` holds ResultPath and ResultSelector.
    """
    action = integration.split(":")[-1 if ".sync:2" not in integration else -2]
    token = action.partition(".")[0]
    token = token[0].upper() + token[1:]
    timeout = "TimeoutSecondsPath" if isinstance(seconds, str) else "TimeoutSeconds"
    state = {
        "Type": "Task",
        "Resource": f"${{{token}}}",
        "Parameters": arguments,
        timeout: seconds,
        **(result or {}),
        "Retry": list(retried),
        "Catch": list(caught_by),
        "Next": then,
    }
    resource = Sub(f"arn:${{AWS::Partition}}:states:::{integration}")
    return Step(name, state, grants, {token: resource, **(tokens or {})})


def retry(*errors: str) -> State:
    """At least five tries for what may pass by itself, spread out so that runs do not retry in
    step."""
    return {
        "ErrorEquals": list(errors),
        "IntervalSeconds": 2,
        "BackoffRate": 2.0,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
    }


def catch(then: str, *, error: str = "States.ALL", result: str = "$.error") -> State:
    """Keep what went wrong beside the state's input, and go on at `then`."""
    return {"ErrorEquals": [error], "ResultPath": result, "Next": then}


def join(comment: str, steps: Sequence[Step]) -> Workflow:
    """The workflow that begins at the first step. Refuses joints and tokens that lead nowhere."""
    document = {"Comment": comment, **states(steps)}
    definition = pretty(document) + "\n"
    substitutions: dict[str, Any] = {}
    for step in steps:
        for token, value in step.tokens.items():
            known = substitutions.setdefault(token, value)
            if known is not value and encode_to_dict(known) != encode_to_dict(value):
                raise ValueError(
                    f"{step.name} gives ${{{token}}} another value than a step before it"
                )
    used = set(_TOKEN.findall(definition))
    if used != substitutions.keys():
        raise ValueError(f"tokens without a value or without use: {used ^ substitutions.keys()}")
    return Workflow(definition, substitutions, [grant for step in steps for grant in step.grants])


def states(steps: Sequence[Step]) -> State:
    """`StartAt` and `States`, for a workflow or for the inside of a Map; every state is reached."""
    by_name = {step.name: step.state for step in steps}
    if len(by_name) != len(steps):
        raise ValueError("two states have the same name")
    reached: set[str] = set()
    ahead = [steps[0].name]
    while ahead:
        name = ahead.pop()
        if name not in by_name:
            raise ValueError(f"a state leads to {name}, which does not exist")
        if name not in reached:
            reached.add(name)
            ahead += _targets(by_name[name])
    if reached != by_name.keys():
        raise ValueError(f"no state leads to {sorted(by_name.keys() - reached)}")
    return {"StartAt": steps[0].name, "States": by_name}


def _targets(value: Any) -> Iterable[str]:
    """Names of the states that a state can lead to; what is inside a Map has its own names."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in _JOINTS and isinstance(item, str):
                yield item
            elif key not in ("ItemProcessor", "Parameters", "Result"):
                yield from _targets(item)
    elif isinstance(value, list):
        for item in value:
            yield from _targets(item)
