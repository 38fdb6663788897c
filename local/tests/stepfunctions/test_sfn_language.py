"""What the generated workflows use of the Amazon States Language, each on the interpreter."""

import json
import time
from typing import Any

import pytest

from local.tests.aws import Aws
from local.tests.machines import alone, chain, create, ended, start, task

Outcome = tuple[str, Any]
METRICS = {
    "metrics": [
        {"MetricName": "train:loss", "Value": 0.4},
        {"MetricName": "eval:accuracy", "Value": 0.9},
    ]
}
ACCURACY = "$.metrics[?(@.MetricName == 'eval:accuracy')].Value"


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role("states")


def run(aws: Aws, role: str, machine: dict[str, Any], data: Any) -> Outcome:
    """(status, output) of an execution, (status, (error, cause)) of one that did not succeed."""
    told = ended(aws, start(aws, create(aws, role, machine), data))
    if told["status"] == "SUCCEEDED":
        return "SUCCEEDED", json.loads(told["output"])
    return told["status"], (told.get("error"), told.get("cause"))


def choice(rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "StartAt": "Choose",
        "States": {
            "Choose": {
                "Type": "Choice",
                "Choices": [{**rule, "Next": "Yes"}],
                "Default": "No",
            },
            "Yes": {"Type": "Pass", "Result": "yes", "End": True},
            "No": {"Type": "Pass", "Result": "no", "End": True},
        },
    }


@pytest.mark.parametrize(
    ("expression", "data", "expected"),
    [
        ("$.a[0].b", {"a": [{"b": 2}]}, 2),
        (ACCURACY, METRICS, [0.9]),
        (ACCURACY, {"metrics": []}, []),
        (ACCURACY, {"metrics": [{"MetricName": "other", "Value": 1}]}, []),
        (f"States.ArrayGetItem({ACCURACY}, 0)", METRICS, 0.9),
        (f"States.ArrayLength({ACCURACY})", {"metrics": []}, 0),
        ("$.a[*].b.c", {"a": [{"b": {"c": 7}}]}, [7]),
        ("$.a[*].b.c", {"a": [{"b": {}}]}, []),
        ("$..b", {"a": {"b": 2}}, [2]),
        ("$..b", {"a": [{"b": 1}, {"b": [2]}]}, [1, [2]]),
        ("$..b", {"a": 2}, []),
        ("$.a..b[*]", {"a": {"b": [1]}}, [1]),
        ("$.a..b[*]", {"a": 2}, []),
        ("$.a[3:]", {"a": [1, 2, 3, 4]}, [4]),
        ("$.a[3:]", {"a": [1]}, []),
        ("$.a[1:].n", {"a": [{"n": 1}, {"n": 2}]}, [2]),
        ("$.a[*].n", {"a": [{"n": 1}]}, [1]),
        ("States.StringToJson($.a)", {"a": '{"b": [1]}'}, {"b": [1]}),
        ("States.JsonToString($.a)", {"a": {"b": 1}}, '{"b":1}'),
        ("States.Format('{}-{}', $.a, $.n)", {"a": "x", "n": 3}, "x-3"),
        ("States.StringSplit($.a, '-')", {"a": "x-y"}, ["x", "y"]),
        ("States.ArrayGetItem($.a, 1)", {"a": [1, 2]}, 2),
        ("States.MathAdd($.n, 1)", {"n": 2}, 3),
        (
            "States.ArrayUnique($.a)",
            {"a": [1, [2], {"b": 1}, [2], True, 1]},
            [1, [2], {"b": 1}, True],
        ),
        ("States.JsonMerge($.a, $.b, false)", {"a": {"x": 1}, "b": {"y": 2}}, {"x": 1, "y": 2}),
    ],
)
def test_paths_and_intrinsics(
    aws: Aws, role: str, expression: str, data: Any, expected: Any
) -> None:
    machine = alone(Type="Pass", Parameters={"v.$": expression})
    assert run(aws, role, machine, data) == ("SUCCEEDED", {"v": expected})


def test_a_choice_reads_one_value_out_of_a_list(aws: Aws, role: str) -> None:
    machine = choice({"Variable": "$.a[0].b", "StringEquals": "Baking"})
    assert run(aws, role, machine, {"a": [{"b": "Baking"}]}) == ("SUCCEEDED", "yes")
    assert run(aws, role, machine, {"a": [{"b": "Creating"}]}) == ("SUCCEEDED", "no")


def test_a_path_through_what_is_missing_fails(aws: Aws, role: str) -> None:
    status, (error, cause) = run(
        aws, role, alone(Type="Pass", Parameters={"v.$": ACCURACY}), {"other": 1}
    )
    assert (status, error) == ("FAILED", "States.Runtime")
    assert "could not be found in the input" in cause


@pytest.mark.parametrize("text", ['{"accuracy": NaN}', "[-Infinity]", "no JSON"])
def test_a_text_that_is_no_json_fails_its_state(aws: Aws, role: str, text: str) -> None:
    machine = alone(Type="Pass", Parameters={"v.$": "States.StringToJson($.a)"})
    assert run(aws, role, machine, {"a": text})[0] == "FAILED"


@pytest.mark.parametrize("text", ['{"accuracy": NaN}', "no JSON"])
def test_a_task_that_is_answered_no_json_catches_it(aws: Aws, role: str, text: str) -> None:
    bucket = aws.bucket(told=text)
    where = {"Bucket": bucket, "Key": "told"}
    caught = {"ErrorEquals": ["States.ALL"], "Next": "S1"}
    read = task("aws-sdk:s3:getObject", where, Catch=[caught], Next="S2")
    read["ResultSelector"] = {"told.$": "States.StringToJson($.Body)"}
    succeed = {"Type": "Succeed"}
    status, output = run(aws, role, chain(read, succeed, succeed), {})
    assert status == "SUCCEEDED"
    assert output["Error"] == "States.IntrinsicFailure"


def test_a_part_of_a_uuid_is_eight_digits(aws: Aws, role: str) -> None:
    expression = "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"
    _, output = run(aws, role, alone(Type="Pass", Parameters={"v.$": expression}), {})
    assert len(output["v"]) == 8
    assert int(output["v"], 16) >= 0


def test_the_start_time_is_text_and_survives_describe(aws: Aws, role: str) -> None:
    machine = alone(Type="Pass", Parameters={"all.$": "$$", "v.$": "$$.Execution.StartTime"})
    status, output = run(aws, role, machine, {})
    assert status == "SUCCEEDED"
    assert output["v"].endswith("Z")
    assert output["all"]["StateMachine"]["Name"].startswith("machine-")


@pytest.mark.parametrize(
    ("rule", "data", "expected"),
    [
        ({"Variable": "$.a[0].b", "NumericEquals": 2}, {"a": [{"b": 2}]}, "yes"),
        ({"Variable": "$.a", "StringMatches": "*not find*"}, {"a": "Could not find it"}, "yes"),
        ({"Variable": "$.a", "StringMatches": "*not find*"}, {"a": "found"}, "no"),
        ({"Variable": "$.a.b", "IsPresent": True}, {}, "no"),
        ({"Variable": "$.a[0]", "IsPresent": True}, {"a": []}, "no"),
        ({"Variable": "$.a[0]", "IsPresent": True}, {"a": [None]}, "yes"),
        ({"Variable": "$.a[0]", "IsNumeric": True}, {"a": ["NaN"]}, "no"),
        ({"Variable": "$.a", "NumericGreaterThanEqualsPath": "$.b"}, {"a": 0.6, "b": 0.6}, "yes"),
        ({"Variable": "$.a", "NumericGreaterThanEqualsPath": "$.b"}, {"a": 0.5, "b": 0.6}, "no"),
        ({"Not": {"Variable": "$.a", "StringEquals": "x"}}, {"a": "y"}, "yes"),
    ],
)
def test_choices(aws: Aws, role: str, rule: dict[str, Any], data: Any, expected: str) -> None:
    assert run(aws, role, choice(rule), data) == ("SUCCEEDED", expected)


def test_a_choice_on_what_is_missing_fails_instead_of_taking_the_default(
    aws: Aws, role: str
) -> None:
    rule = {"Variable": "$.accuracy", "NumericLessThan": 0.6}
    status, (error, cause) = run(aws, role, choice(rule), {})
    assert (status, error) == ("FAILED", "States.Runtime")
    assert "Invalid path '$.accuracy'" in cause


def test_waits_and_limits_can_come_from_the_input(aws: Aws, role: str) -> None:
    began = time.monotonic()
    assert run(aws, role, alone(Type="Wait", SecondsPath="$.s"), {"s": 1})[0] == "SUCCEEDED"
    assert 0.9 < time.monotonic() - began < 60


def test_a_fail_state_can_pass_an_error_on(aws: Aws, role: str) -> None:
    machine = {
        "StartAt": "F",
        "States": {
            "F": {
                "Type": "Fail",
                "ErrorPath": "$.error.Error",
                "CausePath": "States.Format('{}!', $.error.Cause)",
            }
        },
    }
    error = {"error": {"Error": "Quality", "Cause": "0.4"}}
    assert run(aws, role, machine, error) == ("FAILED", ("Quality", "0.4!"))


def test_an_inline_map_keeps_order(aws: Aws, role: str) -> None:
    machine = alone(
        Type="Map",
        ItemsPath="$.items",
        MaxConcurrency=2,
        ItemSelector={"item.$": "$$.Map.Item.Value", "shared.$": "$.shared"},
        ItemProcessor={
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Each",
            "States": {"Each": {"Type": "Pass", "End": True}},
        },
    )
    status, output = run(aws, role, machine, {"items": [1, 2, 3], "shared": 9})
    assert status == "SUCCEEDED"
    assert output == [{"item": n, "shared": 9} for n in (1, 2, 3)]


def test_a_machine_has_a_time_limit(aws: Aws, role: str) -> None:
    machine = alone(Type="Wait", Seconds=30) | {"TimeoutSeconds": 1}
    assert run(aws, role, machine, {})[0] == "TIMED_OUT"


@pytest.mark.parametrize(
    ("error", "caught"),
    [("States.Runtime", False), ("Mine", True)],
)
def test_states_all_does_not_catch_a_runtime_error(
    aws: Aws, role: str, error: str, caught: bool
) -> None:
    """A Map fails with the error of its item."""
    inner: dict[str, Any] = {"Type": "Fail", "Error": error}
    if not caught:
        inner = {"Type": "Pass", "Parameters": {"a.$": "$.absent"}, "End": True}
    many = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Inner",
            "States": {"Inner": inner},
        },
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        "End": True,
    }
    machine = {"StartAt": "Only", "States": {"Only": many, "Caught": {"Type": "Succeed"}}}
    status, told = run(aws, role, machine, {"items": [1]})
    assert (status == "SUCCEEDED") is caught, told
    if not caught:
        assert told[0] == error
