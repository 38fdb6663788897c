"""What executions on AWS made of intrinsic functions and comparisons, against this interpreter.

recordings.json holds inputs and outcomes of executions that were recorded against AWS and published
with the tests of localstack/localstack (Apache-2.0), tests/aws/services/stepfunctions/v2. Left out
are two of States.ArrayUnique, whose outcome there is a number: the function answers a list.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import Aws
from local.tests.machines import alone, create, ended, start

RECORDED = json.loads(Path(__file__).with_name("recordings.json").read_text())


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role("states")


def test_every_recorded_intrinsic_gives_what_it_gave_on_aws(aws: Aws, role: str) -> None:
    """A state for each, which reads its own part of one input; those that name the input by the
    context object have an execution of their own."""
    by_context = [case for case in RECORDED["intrinsics"] if "$$" in case["expression"]]
    together = [case for case in RECORDED["intrinsics"] if case not in by_context]
    assert by_context and len(together) > 100
    states: dict[str, Any] = {
        f"S{number}": {
            "Type": "Pass",
            "InputPath": f"$.inputs[{number}]",
            "Parameters": {"v.$": case["expression"]},
            "ResultPath": f"$.results.S{number}",
            "Next": f"S{number + 1}",
        }
        for number, case in enumerate(together)
    }
    states[f"S{len(together)}"] = {"Type": "Succeed"}
    inputs = [case["input"] for case in together]
    told = run(aws, role, {"StartAt": "S0", "States": states}, {"inputs": inputs, "results": {}})
    results = [told["results"][f"S{number}"]["v"] for number in range(len(together))]
    for case in by_context:
        machine = alone(Type="Pass", Parameters={"v.$": case["expression"]})
        results.append(run(aws, role, machine, case["input"])["v"])
    differ = [
        (case["expression"], case["input"], case["result"], result)
        for case, result in zip([*together, *by_context], results, strict=True)
        if result != case["result"]
    ]
    assert differ == []


def run(aws: Aws, role: str, machine: dict[str, Any], data: Any) -> Any:
    told = ended(aws, start(aws, create(aws, role, machine), data))
    assert told["status"] == "SUCCEEDED", told.get("cause", "")[:300]
    return json.loads(told["output"])


def test_every_recorded_comparison_holds_where_it_held_on_aws(aws: Aws, role: str) -> None:
    """One execution: each choice leads to its Yes or its No, and the history tells to which."""
    cases = RECORDED["choices"]
    states: dict[str, Any] = {f"C{len(cases)}": {"Type": "Succeed"}}
    for number, case in enumerate(cases):
        rule = {"Variable": case["variable"], case["operator"]: case["operand"]}
        states[f"C{number}"] = {
            "Type": "Choice",
            "InputPath": f"$$.Execution.Input.inputs[{number}]",
            "Choices": [{**rule, "Next": f"Yes{number}"}],
            "Default": f"No{number}",
        }
        for answer in ("Yes", "No"):
            states[f"{answer}{number}"] = {"Type": "Pass", "Next": f"C{number + 1}"}
    inputs = [case["input"] for case in cases]
    machine = create(aws, role, {"StartAt": "C0", "States": states})
    execution = start(aws, machine, {"inputs": inputs})
    told = ended(aws, execution)
    assert told["status"] == "SUCCEEDED", told.get("cause")
    entered: set[str] = set()
    pages = aws.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution):
        details = (one.get("stateEnteredEventDetails", {}) for one in page["events"])
        entered |= {one["name"] for one in details if one}
    differ = [
        case
        for number, case in enumerate(cases)
        if (f"Yes{number}" in entered, f"No{number}" in entered)
        != (case["holds"], not case["holds"])
    ]
    assert differ == []
