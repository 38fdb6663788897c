"""State machines for tests: made, run, and what became of them."""

import json
from typing import Any

from local.tests.aws import Aws, settled, unique


def alone(**state: Any) -> dict[str, Any]:
    """A machine of one state."""
    return {"StartAt": "Only", "States": {"Only": {**state, "End": True}}}


def chain(*states: dict[str, Any]) -> dict[str, Any]:
    """A machine of these states, S0 first; a state without Next is an end."""
    named = {
        f"S{number}": each if _complete(each) else {**each, "End": True}
        for number, each in enumerate(states)
    }
    return {"StartAt": "S0", "States": named}


def _complete(state: dict[str, Any]) -> bool:
    return "Next" in state or state["Type"] in ("Fail", "Succeed")


def task(resource: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:aws:states:::{resource}",
        "Parameters": parameters,
        **more,
    }


def create(aws: Aws, role: str, machine: dict[str, Any] | str) -> str:
    definition = machine if isinstance(machine, str) else json.dumps(machine)
    made = aws.client("stepfunctions").create_state_machine(
        name=unique("machine"), definition=definition, roleArn=role
    )
    return str(made["stateMachineArn"])


def start(aws: Aws, machine: str, data: Any = None, **more: Any) -> str:
    started = aws.client("stepfunctions").start_execution(
        stateMachineArn=machine, input=json.dumps(data or {}), **more
    )
    return str(started["executionArn"])


def ended(aws: Aws, execution: str) -> dict[str, Any]:
    ask = aws.client("stepfunctions").describe_execution
    return dict(settled(lambda: ask(executionArn=execution), "status", "RUNNING"))


def run(aws: Aws, role: str, *states: dict[str, Any], data: Any = None) -> dict[str, Any]:
    """What is told of an execution of a chain of states, once it has ended."""
    return ended(aws, start(aws, create(aws, role, chain(*states)), data))
