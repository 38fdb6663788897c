"""Reads an emitted template back, as CloudFormation would: short tags become `Fn::` mappings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """In C: the template is large, and each worker of the tests reads it."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.SequenceNode):
        value: Any = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        assert isinstance(node, yaml.ScalarNode)
        value = loader.construct_scalar(node)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)


def read(text: str) -> dict[str, Any]:
    """The template as plain data, with long function names."""
    document: dict[str, Any] = yaml.load(text, _Loader)
    return document


def walk(value: Any) -> Iterator[Any]:
    """Every mapping, list and scalar inside `value`, itself first."""
    yield value
    if isinstance(value, dict):
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type, by logical id."""
    resources = template["Resources"].items()
    return {name: item["Properties"] for name, item in resources if item["Type"] == kind}


@dataclass(frozen=True)
class Grant:
    """An identity statement and where it stands."""

    role: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    condition: dict[str, Any]


def grants(template: dict[str, Any]) -> list[Grant]:
    """Every statement of every role, both sides of a condition included."""
    found = []
    for role, properties in of_type(template, "AWS::IAM::Role").items():
        for item in walk(properties["Policies"]):
            if isinstance(item, dict) and "Effect" in item:
                assert item["Effect"] == "Allow"
                actions, resources = tuple(item["Action"]), tuple(item["Resource"])
                condition = item.get("Condition", {})
                found.append(Grant(role, item["Sid"], actions, resources, condition))
    return found


def tokens(value: Any) -> set[str]:
    """The ${names} that Fn::Sub looks up outside its own variables, inside `value`."""
    names: set[str] = set()
    for item in walk(value):
        if isinstance(item, dict) and "Fn::Sub" in item:
            argument = item["Fn::Sub"]
            text, own = argument if isinstance(argument, list) else (argument, {})
            names |= set(re.findall(r"\$\{([^!][^}]*)\}", text)) - own.keys()
    return names
