"""A stack's parameters and the rules over them."""

import re
from collections.abc import Mapping
from typing import Any

from local.cfn.conditions import text
from local.cfn.form import TemplateError
from local.cfn.functions import Scope
from local.cfn.template import Template
from local.refusals import unsupported


def complete(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Every parameter's text: what was given, else the default. Raises TemplateError."""
    if extra := sorted(given.keys() - template.parameters.keys()):
        raise TemplateError(f"Parameters: [{', '.join(extra)}] do not exist in the template")
    declared = {
        name: given.get(name, text(parameter["Default"]) if "Default" in parameter else None)
        for name, parameter in template.parameters.items()
    }
    values = {name: value for name, value in declared.items() if value is not None}
    if missing := [name for name in declared if name not in values]:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    return values


def values(template: Template, texts: Mapping[str, str]) -> dict[str, str | list[str]]:
    """What Ref gives for every parameter, checked. Raises TemplateError."""
    return {name: _value(name, template.parameters[name], one) for name, one in texts.items()}


def check_rules(scope: Scope) -> None:
    """Raises TemplateError with the assertion's own words for the first that does not hold."""
    for name, rule in scope.template.rules.items():
        if "RuleCondition" in rule and not scope.decide(rule["RuleCondition"]):
            continue
        for assertion in rule.get("Assertions", []):
            if not scope.decide(assertion["Assert"]):
                why = assertion.get("AssertDescription", "the assertion does not hold")
                raise TemplateError(f"Template rule {name} failed: {why}")


def _value(name: str, parameter: Mapping[str, Any], given: str) -> str | list[str]:
    kind = parameter["Type"]
    if kind.startswith("AWS::SSM::Parameter::"):
        raise TemplateError(unsupported(f"Parameter '{name}': the type {kind}"))
    many = kind == "CommaDelimitedList" or kind.startswith("List<")
    if not many and kind not in ("String", "Number") and not kind.startswith("AWS::"):
        raise TemplateError(f"Template format error: Unrecognized parameter type: {kind} ({name})")
    items = [item.strip() for item in given.split(",")] if many else [given]
    for item in items if given or not many else []:
        problem = _problem(parameter, kind, item)
        if problem and "ConstraintDescription" in parameter:
            why = parameter["ConstraintDescription"]
            raise TemplateError(f"Parameter {name} failed to satisfy constraint: {why}")
        if problem:
            raise TemplateError(f"Parameter '{name}' {problem}")
    return (items if given else []) if many else given


def _problem(parameter: Mapping[str, Any], kind: str, value: str) -> str | None:
    if "AllowedValues" in parameter and value not in map(text, parameter["AllowedValues"]):
        return "must be one of AllowedValues"
    if "AllowedPattern" in parameter:
        pattern = parameter["AllowedPattern"]
        try:
            matches = re.fullmatch(pattern, value)
        except re.error as error:
            return f"has an AllowedPattern that is not a regular expression: {error}"
        if not matches:
            return f"must match pattern {pattern}"
    if len(value) < int(parameter.get("MinLength", 0)):
        return f"must contain at least {parameter['MinLength']} characters"
    if len(value) > int(parameter.get("MaxLength", len(value))):
        return f"must contain at most {parameter['MaxLength']} characters"
    if kind in ("Number", "List<Number>"):
        if not re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", value):
            return "must be a number"
        if float(value) < float(parameter.get("MinValue", value)):
            return f"must be a number not less than {parameter['MinValue']}"
        if float(value) > float(parameter.get("MaxValue", value)):
            return f"must be a number not greater than {parameter['MaxValue']}"
    return None
