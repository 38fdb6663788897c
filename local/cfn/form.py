"""The form of a template's entries and functions, before anything is evaluated."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from local.refusals import unsupported

RESOURCE_KEYS = {
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "Metadata",
}
FUNCTIONS = {
    "Fn::GetAtt",
    "Fn::Sub",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::If",
    "Fn::Equals",
    "Fn::Not",
    "Fn::And",
    "Fn::Or",
    "Fn::FindInMap",
    "Fn::Base64",
    "Fn::GetAZs",
}
RULE_FUNCTIONS = FUNCTIONS | {"Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"}
SECTION_FUNCTIONS = {
    "Rules": RULE_FUNCTIONS - {"Fn::GetAtt"},
    "Conditions": FUNCTIONS - {"Fn::If", "Fn::GetAtt"},
}
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


class TemplateError(Exception):
    """What is wrong with a template or its parameters, in one line."""


def check_entry(section: str, name: Any, value: Any) -> None:
    singular = section[:-1]
    if not re.fullmatch(r"[A-Za-z0-9]{1,255}", str(name)):
        raise TemplateError(f"Template format error: {singular} name {name} is non alphanumeric.")
    where = f"[/{section}/{name}]"
    if not isinstance(value, dict):
        raise TemplateError(f"Template format error: {where} must be an object.")
    required = {"Parameters": "Type", "Resources": "Type", "Outputs": "Value"}.get(section)
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
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        if value.get(policy, "Delete") not in ("Delete", "Retain", "RetainExceptOnCreate"):
            raise TemplateError(
                f"Template format error: Unrecognized {policy} {value[policy]} for resource {name}"
            )


def check_functions(value: Any, known: set[str], where: str) -> None:
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
            if not _SHAPES.get(key, _anything)(argument):
                raise TemplateError(
                    f"Template error: {key} in {where} cannot work with the arguments {argument!r}"
                )


def check_conditions(conditions: Any, resources: Any) -> None:
    """Conditions see parameters and each other only."""
    for mapping in mappings(conditions):
        for name in (mapping.get("Ref"), mapping.get("Condition")):
            if not isinstance(name, str | None) or name in resources:
                raise TemplateError(
                    f"Template format error: Unresolved dependencies [{name}]. Cannot reference"
                    " resources in the Conditions block of the template"
                )


def _anything(_: Any) -> bool:
    return True


def _is_get_att(argument: Any) -> bool:
    if isinstance(argument, str):
        return "." in argument
    return isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str)


def _is_sub(argument: Any) -> bool:
    if isinstance(argument, list) and len(argument) == 2:
        return isinstance(argument[0], str) and isinstance(argument[1], dict)
    return isinstance(argument, str)


def _is_if(argument: Any) -> bool:
    return isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)


# the functions whose arguments name things: those are looked at before anything is evaluated
_SHAPES: dict[str, Callable[[Any], bool]] = {
    "Ref": lambda argument: isinstance(argument, str),
    "Fn::GetAtt": _is_get_att,
    "Fn::Sub": _is_sub,
    "Fn::If": _is_if,
}


def mappings(value: Any) -> Iterator[dict[Any, Any]]:
    """Every object in `value`, outermost first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from mappings(item)
