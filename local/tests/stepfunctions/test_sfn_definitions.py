"""Definitions with one mistake each: Step Functions takes none of them. No endpoint is needed."""

from typing import Any

import pytest

from local.stepfunctions.definitions import faults
from local.tests.machines import alone, chain, task

END = {"Type": "Succeed"}
FAIL = {"Type": "Fail"}
DESCRIBE = "aws-sdk:sagemaker:describeEndpoint"


def told(machine: Any) -> list[str]:
    return [str(one) for one in faults(machine)]


def nested(depth: int) -> str:
    return "States.MathAdd(" * depth + "1" + ", 1)" * depth


def rule(**comparison: Any) -> dict[str, Any]:
    choice = {"Type": "Choice", "Choices": [{**comparison, "Next": "B"}], "Default": "B"}
    return {"StartAt": "A", "States": {"A": choice, "B": END}}


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ([], "a definition must be a JSON object"),
        ({"StartAt": "A"}, 'The field "States" is required'),
        ({"StartAt": "A", "States": {}}, "with one state at least"),
        ({"StartAt": "B", "States": {"A": END}}, 'Missing "StartAt" target: B'),
        ({"States": {"A": END}}, 'Missing "StartAt" target: None'),
        ({"StartAt": "A", "States": {"A": END}, "Steps": {}}, 'Field "Steps" is not supported'),
        # transitions
        (chain({"Type": "Pass", "Next": "Gone"}), 'Missing "Next" target: Gone'),
        (chain(END, END), 'State "S1" is not reachable'),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "Exactly one of"),
        (alone(Type="Pass", Next="Only"), "Exactly one of"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": False}}}, "must be true"),
        ({"StartAt": "A", "States": {"A": {**FAIL, "Next": "A"}}}, 'Field "Next" is not'),
        (alone(Type="Choice", Choices=[]), 'Field "End" is not supported in a Choice state'),
        ({"StartAt": "N" * 81, "States": {"N" * 81: END}}, "at most 80 characters"),
        (
            chain(
                {
                    "Type": "Map",
                    "ItemProcessor": {"StartAt": "S0", "States": {"S0": {**END}}},
                }
            ),
            'Duplicate state name: "S0"',
        ),
        # fields
        (alone(Type="Paas"), 'The field "Type" must be one of'),
        (alone(Type="Pass", Nxt="Only"), 'Field "Nxt" is not supported in a Pass state'),
        (alone(Type="Pass", Catch=[]), 'Field "Catch" is not supported in a Pass state'),
        (alone(Type="Wait"), "Exactly one of Seconds"),
        (alone(Type="Wait", Seconds=1, SecondsPath="$.s"), "Exactly one of Seconds"),
        (alone(Type="Wait", Seconds="30"), "must be a whole number from 0"),
        (alone(**task(DESCRIBE, {"EndpointName": "e"}), TimeoutSeconds=0), "from 1 to"),
        (alone(Type="Parallel", Branches=[]), 'The field "Branches" is required'),
        (alone(Type="Map"), "Exactly one of ItemProcessor, Iterator"),
        (alone(Type="Pass", QueryLanguage="JSONata"), "is not supported by the local endpoint"),
        # what reads from the data
        (alone(Type="Pass", InputPath="a.b"), "is no path: a path begins with $"),
        (alone(Type="Pass", InputPath="$.a["), "is no path: it cannot be read"),
        (alone(Type="Pass", Parameters={"a.$": "$.a["}), "is no path: it cannot be read"),
        (alone(Type="Pass", Parameters={"a": [{"b.$": "hello"}]}), "neither a path nor"),
        (alone(Type="Pass", Parameters={"a.$": 3}), "must be a path as text"),
        (alone(Type="Pass", ResultPath="$.a[*]"), "is no reference path"),
        (alone(Type="Pass", Parameters={"a.$": nested(11)}), "nests more than 10"),
        (alone(Type="Pass", Parameters={"a.$": "States.Foo($.a)"}), "is no intrinsic function"),
        (alone(Type="Pass", Parameters={"a.$": "States.UUID(1)"}), "takes 0 arguments, not 1"),
        (alone(Type="Pass", Parameters={"a.$": "States.Format()"}), "at least 1 arguments"),
        (alone(Type="Pass", Parameters={"a.$": "States.Format('{}'"}), 'cannot be read at ""'),
        (alone(Type="Pass", Parameters={"a.$": "States.UUID() + 1"}), "nothing may follow"),
        (alone(Type="Pass", Parameters={"a.$": "States.Format('{}' $.a)"}), "cannot be read at"),
        (alone(Type="Pass", Parameters={"a.$": 'States.Format("{}", $.a)'}), "cannot be read at"),
        # choices
        (rule(Variable="$.a"), "exactly one comparison"),
        (rule(StringEquals="a"), "exactly one comparison"),
        (rule(Variable="$.a", StringEquals="a", IsPresent=True), "exactly one comparison"),
        (rule(Variable="$.a", StringEqual="a"), "exactly one comparison"),
        (rule(Variable="$.a", NumericEquals="1"), "must be of the type Numeric"),
        (rule(Variable="$.a", NumericEquals=True), "must be of the type Numeric"),
        (rule(Variable="$.a", IsPresent="yes"), "must be of the type Boolean"),
        (rule(Variable="a", IsPresent=True), "a path begins with $"),
        (rule(Variable="$.a", StringEqualsPath="b"), "a path begins with $"),
        (rule(And=[]), "with one rule at least"),
        (rule(Not={"Variable": "$.a"}), "exactly one comparison"),
        ({"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": []}}}, "one rule at least"),
        # errors
        (alone(Type="Pass", Retry=[]), 'Field "Retry" is not supported'),
        (alone(**task(DESCRIBE, {"EndpointName": "e"}), Retry=[{}]), "one error at least"),
        (
            alone(
                **task(DESCRIBE, {"EndpointName": "e"}),
                Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["E"]}],
            ),
            "must stand alone, in the last rule",
        ),
        (
            alone(
                **task(DESCRIBE, {"EndpointName": "e"}),
                Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}],
            ),
            "must be a number from 1",
        ),
        (
            alone(
                **task(DESCRIBE, {"EndpointName": "e"}),
                Retry=[{"ErrorEquals": ["E"], "JitterStrategy": "HALF"}],
            ),
            "must be FULL or NONE",
        ),
        (
            alone(
                **task(DESCRIBE, {"EndpointName": "e"}),
                Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Gone"}],
            ),
            'Missing "Next" target: Gone at /States/Only/Catch[0]/Next',
        ),
        (
            alone(**task(DESCRIBE, {"EndpointName": "e"}), Catch=[{"ErrorEquals": ["E"]}]),
            'The field "Next" is required',
        ),
        # calls
        (alone(Type="Task"), 'The field "Resource" is required'),
        (alone(**task("aws-sdk:s3:getObjekt", {})), "names no action of s3"),
        (alone(**task("aws-sdk:s3:GetObject", {})), "names no action of s3"),
        (
            alone(**task(DESCRIBE, {"EndpointNam": "e", "EndpointName": "e"})),
            'The field "EndpointNam" is not supported by Step Functions',
        ),
        (alone(**task(DESCRIBE, {})), 'The field "EndpointName" is required but was missing'),
        (
            alone(**task(DESCRIBE, {"EndpointName": 1})),
            'The field "EndpointName" must be a string',
        ),
        (
            alone(**task("sagemaker:createModel", {"ModelName.$": "$.a", "Tags": [{"Key": "k"}]})),
            'The field "Tags.Value" is required but was missing',
        ),
        (
            alone(
                **task("aws-sdk:sagemaker:listModels", {"SortOrder": "Up"}),
            ),
            'The field "SortOrder" must be one of Ascending, Descending',
        ),
    ],
)
def test_one_mistake_is_found_and_told(machine: Any, words: str) -> None:
    found = told(machine)
    assert any(words in each for each in found), found


@pytest.mark.parametrize(
    "value",
    [
        "$",
        "$$",
        "$.a.b",
        "$['a b'].c",
        "$.a[0]",
        "$.a[-1]",
        "$.a[3:]",
        "$.a[*].n",
        "$..n",
        "$$.Execution.Id",
        "$$.Map.Item.Value",
        "$.m[?(@.MetricName == 'eval:accuracy')].Value",
        "$name.a",
        "States.Format('it\\'s {}, {}', $.a, $.m[?(@.n == 'x, y')].v)",
        "States.Array()",
        "States.Array(1, -2.5, 'a', true, null, $.a)",
        nested(10),
        "States.JsonMerge($.a, $.b, false)",
    ],
)
def test_what_the_language_can_say_is_let_through(value: str) -> None:
    assert told(alone(Type="Pass", Parameters={"v.$": value})) == []


def test_arguments_that_are_known_only_at_run_time_are_taken_to_be_right() -> None:
    asked = {"StateMachineArn": "m", "Input": {"a.$": "$.a"}, "Name.$": "$.n"}
    assert told(alone(**task("states:startExecution.sync:2", asked))) == []
    assert told(alone(Type="Task", Resource="arn:aws:states:::sagemaker:createModel")) == []
    assert told(alone(**task("sns:publish", {"TopicArn": "t", "Message": {"a": 1}}))) == []
