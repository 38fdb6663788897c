"""Read a template and check its form, as CloudFormation does before it does anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from local.cfn.form import (
    FUNCTIONS,
    SECTION_FUNCTIONS,
    TemplateError,
    check_conditions,
    check_entry,
    check_functions,
)
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
NAMED_IAM = {
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": None,
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::AccessKey": None,
}


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


class _Loader(yaml.SafeLoader):
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
            check_entry(section, name, value)
    for section, value in loaded.items():
        check_functions(value, SECTION_FUNCTIONS.get(section, FUNCTIONS), section)
    check_conditions(loaded.get("Conditions", {}), loaded["Resources"])
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
        return yaml.load(body, _Loader)  # noqa: S506 (derives from SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise TemplateError(f"Template format error: YAML not well-formed.{where}") from error
    except RecursionError:
        raise TemplateError("Template format error: YAML is nested too deeply.") from None
