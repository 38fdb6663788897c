"""Read a template and check its form, as CloudFormation does before it does anything."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from local.refusals import unsupported

SECTIONS = {
    "AWSTemplateFormatVersion": str,
    "Description": str,
    "Metadata": dict,
    "Parameters": dict,
    "Rules": dict,
    "Mappings": dict,
    "Conditions": dict,
    "Resources": dict,
    "Outputs": dict,
}
REQUIRED = {"Parameters": "Type", "Resources": "Type", "Outputs": "Value"}
ENTRY_KINDS: dict[str, Any] = {
    "Type": str,
    "Properties": dict,
    "Condition": str,
    "DependsOn": str | list,
    "DeletionPolicy": str,
    "UpdateReplacePolicy": str,
    "Assertions": list,
    "AllowedValues": list,
    "AllowedPattern": str,
}
RESOURCE_KEYS = {
    *("Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy"),
    "Metadata",
}
POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate"),
    "UpdateReplacePolicy": ("Delete", "Retain"),
}
FUNCTIONS = {
    *("Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::If", "Fn::Equals"),
    *("Fn::Not", "Fn::And", "Fn::Or", "Fn::FindInMap", "Fn::Base64", "Fn::GetAZs"),
}
RULE_FUNCTIONS = FUNCTIONS | {"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"}
SECTION_FUNCTIONS = {
    "Rules": RULE_FUNCTIONS - {"Fn::GetAtt"},
    "Conditions": FUNCTIONS - {"Fn::If", "Fn::GetAtt"},
}
NAMED_IAM = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": None,
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::AccessKey": None,
}


class TemplateError(Exception):
    """What is wrong with a template or its parameters, in one line."""


@dataclass(frozen=True)
class Template:
    """A template whose form is sound; what its names mean is checked when it is evaluated."""

    body: str
    description: str | None
    metadata: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]
    rules: Mapping[str, Mapping[str, Any]]
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    resources: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def types(self) -> list[str]:
        return sorted({resource["Type"] for resource in self.resources.values()})

    def capabilities(self) -> list[str]:
        """The capability that the template's IAM resources ask for (CloudFormation User Guide,
        "Acknowledging IAM resources"): a custom name needs the stronger one."""
        iam = [r for r in self.resources.values() if r["Type"] in NAMED_IAM]
        if any(NAMED_IAM[r["Type"]] in r.get("Properties", {}) for r in iam):
            return ["CAPABILITY_NAMED_IAM"]
        return ["CAPABILITY_IAM"] if iam else []


def malformed(what: str, argument: Any) -> TemplateError:
    """Of a function; the arguments are shown as JSON, as a template has them."""
    shown = json.dumps(argument, default=str)
    return TemplateError(f"Template error: {what} cannot work with the arguments {shown}")


@lru_cache(maxsize=16)
def parse(body: str) -> Template:
    """The template in a JSON or YAML text. Raises TemplateError."""
    loaded = _load(body)
    if not isinstance(loaded, dict):
        raise TemplateError("Template format error: unsupported structure.")
    if "Transform" in loaded:
        raise TemplateError(unsupported("Template error: Transform"))
    if unknown := sorted(map(str, loaded.keys() - SECTIONS.keys())):
        raise TemplateError(f"Invalid template property or properties [{', '.join(unknown)}]")
    for name, kind in SECTIONS.items():
        if not isinstance(loaded.get(name, kind()), kind):
            what = "a string" if kind is str else "an object"
            raise TemplateError(f"Template format error: {name} must be {what}.")
    if not loaded.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    for section in ("Parameters", "Resources", "Outputs", "Rules"):
        for name, value in loaded.get(section, {}).items():
            _check_entry(section, name, value)
    for section, value in loaded.items():
        _check_functions(value, SECTION_FUNCTIONS.get(section, FUNCTIONS), section)
    _check_conditions(loaded.get("Conditions", {}), loaded["Resources"])
    return Template(
        body,
        loaded.get("Description"),
        *(loaded.get(name, {}) for name in list(SECTIONS)[2:]),
    )


def _load(body: str) -> Any:
    if body.lstrip().startswith("{"):
        try:
            return json.loads(body)
        except json.JSONDecodeError as error:
            where = f"(line {error.lineno}, column {error.colno})"
            raise TemplateError(f"Template format error: JSON not well-formed. {where}") from error
        except RecursionError:
            raise TemplateError("Template format error: JSON is nested too deeply.") from None
    try:
        return yaml.load(body, ShortTagLoader)  # noqa: S506 (derives from SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise TemplateError(f"Template format error: YAML not well-formed.{where}") from error
    except RecursionError:
        raise TemplateError("Template format error: YAML is nested too deeply.") from None


def _construct(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
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


class ShortTagLoader(yaml.SafeLoader):
    """Safe YAML with CloudFormation's short tags; a date such as a policy's Version stays text."""

    yaml_multi_constructors = {**yaml.SafeLoader.yaml_multi_constructors, "!": _construct}  # noqa: RUF012
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise TemplateError(
                "Template error: YAML aliases are not allowed in CloudFormation templates"
            )
        return super().compose_node(parent, index)


def _check_entry(section: str, name: Any, value: Any) -> None:
    singular = section[:-1]
    if not re.fullmatch(r"[A-Za-z0-9]{1,255}", str(name)):
        raise TemplateError(f"Template format error: {singular} name {name} is non alphanumeric.")
    where = f"[/{section}/{name}]"
    if not isinstance(value, dict):
        raise TemplateError(f"Template format error: {where} must be an object.")
    required = REQUIRED.get(section)
    if required and required not in value:
        raise TemplateError(
            f"Template format error: {where} Every {section} object must contain a {required}"
            " member."
        )
    for key, kind in ENTRY_KINDS.items():
        if key in value and not isinstance(value[key], kind):
            raise TemplateError(f"Template format error: {where} {key} has the wrong type.")
    if section == "Rules" and not all(
        isinstance(one, dict) and "Assert" in one for one in value.get("Assertions", [])
    ):
        raise TemplateError(f"Template format error: {where} Every assertion needs an Assert.")
    if section == "Outputs" and "Export" in value:
        raise TemplateError(unsupported(f"Template error: {where} Export"))
    if section != "Resources":
        return
    if unknown := sorted(map(str, value.keys() - RESOURCE_KEYS)):
        raise TemplateError(
            f"Template format error: {where} Invalid resource attribute(s) [{', '.join(unknown)}]"
        )
    for policy, known in POLICIES.items():
        if value.get(policy, "Delete") not in known:
            raise TemplateError(
                f"Template format error: Unrecognized {policy} {value[policy]} for resource {name}"
            )


def _check_functions(value: Any, known: set[str], where: str) -> None:
    for mapping in mappings(value):
        for key, argument in mapping.items():
            if argument is None:
                raise TemplateError(
                    f"Template format error: [{where}] 'null' values are not allowed in templates"
                    f" ({key})"
                )
            if str(key).startswith("Fn::") and key not in known:
                what = f"Template error: {key} in {where}"
                if key in RULE_FUNCTIONS:
                    raise TemplateError(f"{what} cannot be used there")
                raise TemplateError(unsupported(what))
            if str(key).startswith("Fn::") and len(mapping) > 1:
                raise TemplateError(
                    f"Template format error: {key} in {where} must be the only key of its object."
                )
        if len(mapping) == 1:
            ((key, argument),) = mapping.items()
            if not _fits(key, argument):
                raise malformed(f"{key} in {where}", argument)


def _check_conditions(conditions: Any, resources: Any) -> None:
    """Conditions see parameters and each other only."""
    for mapping in mappings(conditions):
        for name in (mapping.get("Ref"), mapping.get("Condition")):
            if not isinstance(name, str | None) or name in resources:
                raise TemplateError(
                    f"Template format error: Unresolved dependencies [{name}]. Cannot reference"
                    " resources in the Conditions block of the template"
                )


def _fits(function: str, argument: Any) -> bool:
    """Whether a function that names things does so in its form: those names are looked at before
    anything is evaluated."""
    match function, argument:
        case ("Fn::GetAtt", str()):
            return "." in argument
        case (
            ("Ref", str())
            | ("Fn::GetAtt", [str(), _])
            | ("Fn::Sub", str() | [str(), dict()])
            | ("Fn::If", [str(), _, _])
        ):
            return True
    return function not in ("Ref", "Fn::GetAtt", "Fn::Sub", "Fn::If")


def mappings(value: Any) -> Iterator[dict[Any, Any]]:
    """Every object in `value`, outermost first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from mappings(item)
