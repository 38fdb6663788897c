"""What no template may hold: told as what is wrong with it, whatever it is."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.cfn.changes import forecast
from local.cfn.plan import Plan
from local.cfn.records import Stack
from local.cfn.schema import PropertyError
from local.cfn.template import TemplateError, parse
from local.tests.cfn.cloud import Cloud

TOPIC = {"Type": "AWS::SNS::Topic"}


def many(number: int, each: Any) -> dict[str, Any]:
    return {f"N{index}": each for index in range(number)}


@pytest.mark.parametrize(
    ("section", "most", "each"),
    [
        ("Resources", 500, TOPIC),
        ("Parameters", 200, {"Type": "String"}),
        ("Outputs", 200, {"Value": "x"}),
        ("Mappings", 200, {"a": {"b": "c"}}),
    ],
)
def test_a_section_has_as_many_entries_as_aws_takes(section: str, most: int, each: Any) -> None:
    rest = {} if section == "Resources" else {"Resources": {"T": TOPIC}}
    parse(json.dumps({**rest, section: many(most, each)}))
    told = f"Number of {section.lower()}, {most + 1}, is greater than maximum allowed, {most}"
    with pytest.raises(TemplateError, match=told):
        parse(json.dumps({**rest, section: many(most + 1, each)}))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"Resources": {"T" * 256: TOPIC}}, "is longer than 255 characters"),
        ({"Description": "é" * 513, "Resources": {"T": TOPIC}}, "'Description' length is greater"),
    ],
)
def test_a_name_and_the_description_are_as_long_as_aws_takes(body: Any, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        parse(json.dumps(body))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("!!int abc", r"YAML not well-formed. \(line 3, column 20\)"),
        ("!!float abc", "YAML not well-formed"),
        ("!!bool abc", "YAML not well-formed"),
        ("!!timestamp abc", "YAML not well-formed"),
        ("!!timestamp 2026-01-01", "is of a type that templates do not have"),
        ("!!binary eA==", "is of a type that templates do not have"),
        ("!!set {a, b}", "is of a type that templates do not have"),
        ("!!omap [a: b]", "is of a type that templates do not have"),
        ("9" * 5000, "YAML not well-formed"),
        (".nan", "nan is not a number"),
        (".inf", "inf is not a number"),
        ("{a: b, a: c}", "the name a stands twice in one object"),
        ("{? [a] : b}", "YAML not well-formed"),
        ("[null]", "'null' values are not allowed"),
    ],
)
def test_a_value_of_yaml_that_is_none_is_told_with_its_place(value: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        parse(f"Resources:\n  A:\n    {{Metadata: {{X: {value}}}, Type: 'AWS::SNS::Topic'}}\n")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("NaN", "nan is not a number"),
        ("-Infinity", "inf is not a number"),
        ("1e400", "inf is not a number"),
        ("9" * 5000, "a number has 5000 digits"),
        ('{"a": 1, "a": 2}', "the name a stands twice in one object"),
    ],
)
def test_a_value_of_json_that_is_none_is_told(value: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        parse(
            f'{{"Resources": {{"A": {{"Type": "AWS::SNS::Topic", "Metadata": {{"X": {value}}}}}}}}}'
        )


def test_an_accounts_number_is_a_name_of_a_mapping() -> None:
    body = "Mappings: {A: {012345678901: {x: y}}}\nResources: {A: {Type: 'AWS::SNS::Topic'}}\n"
    assert parse(body).mappings == {"A": {"012345678901": {"x": "y"}}}


WHOLE: dict[str, Any] = {
    "Description": "d",
    "Metadata": {"M": "m"},
    "Parameters": {
        "P": {
            "Type": "String",
            "Default": "p",
            "AllowedValues": ["p"],
            "AllowedPattern": "p",
            "MinLength": 1,
            "MaxLength": 2,
            "NoEcho": True,
            "Description": "d",
            "ConstraintDescription": "c",
        },
        "N": {"Type": "Number", "Default": 1, "MinValue": 1, "MaxValue": 2},
        "L": {"Type": "CommaDelimitedList", "Default": "a,b"},
    },
    "Rules": {
        "R": {
            "RuleCondition": {"Fn::Equals": ["a", "b"]},
            "Assertions": [{"Assert": {"Fn::Equals": ["a", "a"]}, "AssertDescription": "a"}],
        }
    },
    "Mappings": {"A": {"b": {"c": "d"}}},
    "Conditions": {
        "C": {"Fn::And": [{"Fn::Equals": ["a", {"Ref": "P"}]}, {"Fn::Not": [{"Condition": "D"}]}]},
        "D": {"Fn::Or": [{"Fn::Equals": ["a", "a"]}, {"Fn::Equals": ["a", "b"]}]},
    },
    "Resources": {
        "T": {
            "Type": "Test::Thing",
            "Condition": "D",
            "DependsOn": ["U"],
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Metadata": {"a": "b"},
            "Properties": {
                "Name": {"Fn::Sub": ["${x}-${P}", {"x": {"Fn::FindInMap": ["A", "b", "c"]}}]},
                "Color": {"Fn::Join": ["", [{"Fn::Select": [0, {"Ref": "L"}]}, "a"]]},
                "Tags": [{"Key": "k", "Value": {"Fn::If": ["C", "a", {"Ref": "N"}]}}],
            },
        },
        "U": {"Type": "Test::Thing"},
    },
    "Outputs": {"O": {"Value": {"Fn::GetAtt": ["T", "Arn"]}, "Description": "d", "Condition": "C"}},
}
STRANGE: list[Any] = [
    None, "", "x", -1, 1.5, True, [], [[]], [1], {}, {"a": "b"}, {"Ref": "Nope"}, {"Ref": ["P"]},
    {"Fn::Sub": "${"}, {"Fn::GetAtt": "T"}, {"Fn::If": ["C", "a"]}, {"Fn::Select": ["x", "y"]},
    {"Fn::Join": [1, 2]}, {"Fn::Base64": 1}, {"Fn::Transform": {}}, {"Ref": "T"}, "[", "a" * 5000,
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(each, (*path, key))


@pytest.mark.parametrize("strange", STRANGE, ids=lambda each: json.dumps(each)[:20])
def test_whatever_stands_anywhere_in_a_template_it_is_told(strange: Any) -> None:
    types, wrong = Cloud().types(), []
    for path in places(WHOLE):
        body = copy.deepcopy(WHOLE)
        inner = body
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = strange
        try:
            made = Plan.of(parse(json.dumps(body)), {})
            forecast(made, Stack("s", "arn:s", made), types)
        except (TemplateError, PropertyError):
            continue
        except Exception as error:
            wrong.append(f"{'/'.join(map(str, path))}: {error!r}")
    assert wrong == []
