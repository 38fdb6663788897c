"""What a deployment is asked to reach: a template with its parameters, which have to be right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.cfn.functions import Scope, text
from local.cfn.template import Template, TemplateError
from local.refusals import unsupported

LONGEST_VALUE = 4096  # bytes ("Understand CloudFormation quotas", CloudFormation User Guide)


@dataclass(frozen=True)
class Plan:
    """`parameters` are texts, defaults included."""

    template: Template
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    role: str | None = None

    @classmethod
    def of(cls, template: Template, given: Mapping[str, str], **rest: Any) -> "Plan":
        """With every parameter that is not given at its default. Raises TemplateError."""
        if extra := sorted(given.keys() - template.parameters.keys()):
            raise TemplateError(f"Parameters: [{', '.join(extra)}] do not exist in the template")
        defaults = {k: text(p["Default"]) for k, p in template.parameters.items() if "Default" in p}
        texts = {**defaults, **given}
        if missing := [name for name in template.parameters if name not in texts]:
            raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
        return cls(template, {name: texts[name] for name in template.parameters}, **rest)

    def values(self) -> dict[str, str | list[str]]:
        """What Ref gives for every parameter, checked. Raises TemplateError."""
        declared = self.template.parameters
        return {
            name: _value(name, declared[name], given) for name, given in self.parameters.items()
        }


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
    if len(value.encode()) > LONGEST_VALUE:
        return f"must contain at most {LONGEST_VALUE} bytes"
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
