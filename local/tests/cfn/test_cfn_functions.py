import json
from typing import Any

import pytest

from local.cfn.dependencies import live
from local.cfn.functions import Scope
from local.cfn.records import Resource
from local.cfn.template import TemplateError, parse

PSEUDO = {"AWS::Region": "eu-west-1", "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "demo"}
TOPIC: dict[str, Any] = {"Type": "AWS::SNS::Topic"}


def scope(**sections: Any) -> Scope:
    template = parse(json.dumps({"Resources": {"Topic": TOPIC}, **sections}))
    bucket = Resource("Bucket", "AWS::S3::Bucket", {}, "demo-bucket", {"Arn": "arn:b", "A.B": "ab"})
    parameters: dict[str, str | list[str]] = {"Name": "x", "Count": "3", "Zones": ["a", "b"]}
    return Scope(template, parameters, PSEUDO, {"Bucket": bucket})


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ({"Ref": "Name"}, "x"),
        ({"Ref": "Zones"}, ["a", "b"]),
        ({"Ref": "Bucket"}, "demo-bucket"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:b"),
        ({"Fn::GetAtt": "Bucket.A.B"}, "ab"),
        (
            {"Fn::Sub": "${Bucket.Arn}/${Name}.${AWS::URLSuffix} ${!Kept}"},
            "arn:b/x.amazonaws.com ${Kept}",
        ),
        ({"Fn::Sub": ["${Own}-${Name}", {"Own": {"Ref": "Count"}}]}, "3-x"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Count"}, True, 1]]}, "a-3-true-1"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::Split": ["/", "a/b"]}, ["a", "b"]),
        ({"Fn::If": ["Small", "s", "l"]}, "s"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "disk"]}, 30),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Fn::If": ["Large", [1], {"Ref": "AWS::NoValue"}], "kept": 1}, None),
        ({"Condition": "Small", "Effect": "Allow"}, {"Condition": "Small", "Effect": "Allow"}),
        ({"Condition": {"Bool": {"x": "y"}}}, {"Condition": {"Bool": {"x": "y"}}}),
    ],
)
def test_a_function_gives_what_cloudformation_gives(expression: Any, result: Any) -> None:
    if result is None:
        with pytest.raises(TemplateError, match="only key"):
            parse(json.dumps({"Resources": {"T": {**TOPIC, "Properties": expression}}}))
        return
    seen = scope(
        Conditions={"Small": {"Fn::Equals": [{"Ref": "Count"}, 3]}},
        Mappings={"Sizes": {"eu-west-1": {"disk": 30}}},
    )
    assert seen.evaluate(expression) == result


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ({"Ref": "Nope"}, r"Unresolved resource dependencies \[Nope\]"),
        ({"Fn::GetAtt": ["Bucket", "Colour"]}, "Bucket does not support attribute type Colour"),
        ({"Fn::Select": [5, ["a"]]}, "cannot select nonexistent value at index 5"),
        ({"Fn::FindInMap": ["Sizes", "mars", "disk"]}, "mapping for Sizes::mars::disk"),
        ({"Fn::Join": ["-"]}, "Fn::Join cannot work with"),
        ({"Fn::Join": ["-", "text"]}, "Fn::Join cannot work with"),
        ({"Fn::Join": ["-", True]}, r'with the arguments \["-", true\]'),
        ({"Fn::If": ["Nope", 1, 2]}, "Unresolved condition dependency Nope"),
    ],
)
def test_a_function_that_cannot_work_says_why(expression: Any, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        scope(Mappings={"Sizes": {"eu-west-1": {"disk": 30}}}).evaluate(expression)


def test_conditions_build_on_each_other() -> None:
    conditions = {
        "Both": {"Fn::And": [{"Condition": "Three"}, {"Fn::Not": [{"Condition": "Off"}]}]},
        "Off": {"Fn::Equals": [{"Ref": "Name"}, "off"]},
        "Three": {"Fn::Or": [{"Condition": "Off"}, {"Fn::Equals": [{"Ref": "Count"}, "3"]}]},
    }
    assert scope(Conditions=conditions).conditions == {"Both": True, "Off": False, "Three": True}


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ({"A": {"Condition": "B"}, "B": {"Condition": "A"}}, r"Circular .* conditions: \[A, B\]"),
        ({"A": {"Condition": "B"}}, "Unresolved condition dependency B in the Conditions block"),
        ({"A": {"Fn::Not": [{"Condition": "B"}]}}, "dependency B in the Conditions"),
        ({"A": "yes"}, "yes is not a condition"),
    ],
)
def test_a_condition_that_cannot_be_decided_is_refused(conditions: Any, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        _ = scope(Conditions=conditions).conditions


def resources(**given: Any) -> dict[str, Any]:
    return {name: {**TOPIC, **entry} for name, entry in given.items()}


def order(conditions: dict[str, bool] | None = None, **sections: Any) -> list[str]:
    declared = {"Conditions": {name: {} for name in conditions or {}}, **sections}
    return list(live(parse(json.dumps(declared)), ["Name"], conditions or {}))


def test_a_resource_comes_after_everything_it_refers_to() -> None:
    made = order(
        Resources=resources(
            D={"DependsOn": ["C"]},
            C={"Properties": {"x": {"Fn::Sub": "${B.Arn}-${Name}"}}},
            B={"Properties": {"x": {"Fn::GetAtt": ["A", "Arn"]}}},
            A={},
        )
    )
    assert made == ["A", "B", "C", "D"]


def test_a_branch_that_is_not_taken_orders_nothing() -> None:
    either = {"x": {"Fn::If": ["On", {"Ref": "Extra"}, {"Ref": "Name"}]}}
    declared = resources(Main={"Properties": either}, Extra={"Condition": "On"})
    assert order({"On": True}, Resources=declared) == ["Extra", "Main"]
    assert order({"On": False}, Resources=declared) == ["Main"]


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        (
            {"Resources": resources(A={"DependsOn": "B"}, B={"Properties": {"x": {"Ref": "A"}}})},
            r"Circular dependency between resources: \[A, B\]",
        ),
        (
            {"Resources": resources(A={"Properties": {"x": {"Fn::Sub": "${Nope.Arn}"}}})},
            r"Unresolved resource dependencies \[Nope\] in the Resources block",
        ),
        (
            {"Resources": resources(A={}), "Outputs": {"O": {"Value": {"Ref": "Nope"}}}},
            r"Unresolved resource dependencies \[Nope\] in the Outputs block",
        ),
        (
            {"Resources": resources(A={"Condition": "Nope"})},
            "Unresolved condition dependency Nope in the Resources block",
        ),
        (
            {"Resources": resources(A={"DependsOn": "Nope"})},
            r"Unresolved resource dependencies \[Nope\]",
        ),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(sections: Any, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        order(**sections)


def test_a_reference_to_a_resource_that_a_condition_takes_away_is_refused() -> None:
    declared = resources(Main={"Properties": {"x": {"Ref": "Extra"}}}, Extra={"Condition": "On"})
    with pytest.raises(TemplateError, match=r"\[Extra\]"):
        order({"On": False}, Resources=declared)


def test_outputs_follow_their_conditions() -> None:
    seen = scope(
        Conditions={"Off": {"Fn::Equals": ["a", "b"]}},
        Outputs={
            "Bucket": {"Value": {"Ref": "Bucket"}, "Description": "where"},
            "Hidden": {"Value": {"Ref": "Extra"}, "Condition": "Off"},
        },
    )
    assert list(seen.outputs().values()) == [
        {"OutputKey": "Bucket", "OutputValue": "demo-bucket", "Description": "where"}
    ]
