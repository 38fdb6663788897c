"""From a template's text, JSON or YAML, to plain data: objects, lists, texts, numbers, truths."""

import json
import math
from collections.abc import Hashable
from typing import Any

import yaml
from yaml._yaml import CParser
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

ALIASES = "Template error: YAML aliases are not allowed in CloudFormation templates"
FORMAT = "Template format error: "
# What PyYAML lets through of a text that is no value of its tag: `!!int abc`, 5,000 digits …
NO_VALUE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class BadText(Exception):
    """A text that is no template: CloudFormation's sentence."""


def load(body: str) -> Any:
    """Raises BadText."""
    kind = "JSON" if body.lstrip().startswith("{") else "YAML"
    try:
        loaded = _json(body) if kind == "JSON" else _yaml(body)
        _check(loaded)
        return loaded
    except RecursionError:
        raise BadText(f"{FORMAT}{kind} is nested too deeply.") from None


def _json(body: str) -> Any:
    try:
        return json.loads(body, object_pairs_hook=_once, parse_int=_whole)
    except json.JSONDecodeError as error:
        where = f"(line {error.lineno}, column {error.colno})"
        raise BadText(f"{FORMAT}JSON not well-formed. {where}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        raise _twice(next(name for name in names if names.count(name) > 1))
    return made


def _whole(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise BadText(f"{FORMAT}a number has {len(digits)} digits.") from None


def _twice(name: str, where: str = "") -> BadText:
    """AWS would take one of the two, and lose the other without a word."""
    return BadText(f"{FORMAT}the name {name} stands twice in one object.{where}")


def _yaml(body: str) -> Any:
    try:
        return ShortTagLoader(body).get_single_data()
    except (yaml.YAMLError, UnicodeEncodeError) as error:  # half a character is none
        where = _place(getattr(error, "problem_mark", None))
        raise BadText(f"{FORMAT}YAML not well-formed.{where}") from error


def _place(mark: yaml.Mark | None) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""


def _construct(loader: "ShortTagLoader", tag: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if tag == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


class ShortTagLoader(Composer, CParser, SafeConstructor, Resolver):
    """Safe YAML with CloudFormation's short tags; a date such as a policy's Version stays text,
    and so does a name, an account's number among them.

    The parser is the one in C, a quarter as slow. What it composes by itself it composes by
    recursion without an end, which a text of brackets alone ends the program with.
    """

    yaml_multi_constructors = {**yaml.SafeLoader.yaml_multi_constructors, "!": _construct}  # noqa: RUF012
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        CParser.__init__(self, stream)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise BadText(ALIASES)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except NO_VALUE as error:
            raise yaml.constructor.ConstructorError(problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        made: dict[Hashable, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(problem_mark=key.start_mark)
            if key.value in made:
                raise _twice(key.value, _place(key.start_mark))
            made[key.value] = self.construct_object(value, deep=deep)
        return made


def _check(value: Any, where: str = "") -> None:
    """Only what JSON has too: no set or bytes of a YAML tag, no number that is none; no null."""
    match value:
        case dict():
            for key, each in value.items():
                _check(each, f"{where}/{key}")
        case list():
            for index, each in enumerate(value):
                _check(each, f"{where}/{index}")
        case None if where:
            raise BadText(f"{FORMAT}[{where}] 'null' values are not allowed in templates")
        case float() if not math.isfinite(value):
            raise BadText(f"{FORMAT}{value} is not a number.")
        case str() | int() | float() | None:
            return
        case _:
            raise BadText(f"{FORMAT}[{where}] is of a type that templates do not have.")
