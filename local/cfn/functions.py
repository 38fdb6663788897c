"""What a template's expressions give."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from local.cfn.dependencies import (
    VARIABLE,
    attribute_of,
    check_conditions,
    ordered,
    substitution,
    unresolved,
)
from local.cfn.template import Template, TemplateError, malformed, mappings

NO_VALUE = object()  # AWS::NoValue: takes the property or list item that holds it away


class Existing(Protocol):
    """What a reference needs of a resource that exists."""

    @property
    def id(self) -> str: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass
class Scope:
    """Everything that a template's expressions can see.

    `pseudo` holds the AWS:: parameters; `resources` those that exist so far, by logical ID."""

    template: Template
    parameters: Mapping[str, str | list[str]]
    pseudo: Mapping[str, Any]
    resources: Mapping[str, Existing] = field(default_factory=dict)

    @cached_property
    def conditions(self) -> dict[str, bool]:
        """Every condition's verdict. Raises TemplateError for an unknown name or a circle."""
        declared = self.template.conditions
        needs = {
            name: {m["Condition"] for m in mappings(value) if m.keys() == {"Condition"}}
            for name, value in declared.items()
        }
        check_conditions(set().union(*needs.values()), declared, "Conditions")
        found: dict[str, bool] = {}
        for name in ordered(needs, "conditions"):
            found[name] = self._verdict(declared[name], found)
        return found

    def decide(self, expression: Any) -> bool:
        """The verdict of a rule's expression."""
        return self._verdict(expression, self.conditions)

    def calls_for(self, entry: Mapping[str, Any]) -> bool:
        """Whether the condition of a resource or output, if it has one, holds."""
        return self.conditions.get(entry.get("Condition", ""), True)

    def evaluate(self, value: Any) -> Any:
        """`value` with every function replaced by what it gives. Raises TemplateError."""
        if isinstance(value, list):
            return [one for one in map(self.evaluate, value) if one is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                try:
                    return self._call(name, argument)
                except (TypeError, ValueError, AttributeError) as error:
                    raise malformed(name, argument) from error
        evaluated = ((key, self.evaluate(one)) for key, one in value.items())
        return {key: one for key, one in evaluated if one is not NO_VALUE}

    def outputs(self) -> dict[str, dict[str, str]]:
        """OutputValue (and Description) by name, of the outputs that the conditions call for."""
        found = {}
        for name, output in self.template.outputs.items():
            if not self.calls_for(output):
                continue
            value = self.evaluate(output["Value"])
            if isinstance(value, list | dict):
                raise TemplateError(
                    "Template format error: The Value field of every Outputs member must evaluate"
                    f" to a String. ({name})"
                )
            described = {"Description": output["Description"]} if "Description" in output else {}
            found[name] = {"OutputKey": name, "OutputValue": text(value), **described}
        return found

    def _verdict(self, expression: Any, found: Mapping[str, bool]) -> bool:
        """Of one expression, given the conditions `found` so far."""
        if not isinstance(expression, dict) or len(expression) != 1:
            raise TemplateError(f"Template error: {expression} is not a condition")
        ((name, argument),) = expression.items()
        try:
            match name:
                case "Condition":
                    check_conditions({argument}, found, "Conditions")
                    return found[argument]
                case "Fn::Not":
                    (one,) = argument
                    return not self._verdict(one, found)
                case "Fn::And":
                    return all(self._verdict(one, found) for one in argument)
                case "Fn::Or":
                    return any(self._verdict(one, found) for one in argument)
                case "Fn::Equals":
                    left, right = map(self.evaluate, argument)
                    return text(left) == text(right)
                case "Fn::Contains":
                    many, one = map(self.evaluate, argument)
                    return one in many
                case "Fn::EachMemberEquals":
                    many, one = map(self.evaluate, argument)
                    return all(item == one for item in many)
                case "Fn::EachMemberIn":
                    many, allowed = map(self.evaluate, argument)
                    return all(item in allowed for item in many)
        except (TypeError, ValueError) as error:
            raise malformed(name, argument) from error
        raise TemplateError(f"Template error: {expression} is not a condition")

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(argument)
            case "Fn::GetAtt":
                logical, attribute = attribute_of(argument)
                return self._attribute(logical, self.evaluate(attribute))
            case "Fn::Sub":
                return self._substitute(argument)
            case "Fn::Join":
                separator, parts = argument
                return separator.join(map(text, _list(self.evaluate(parts))))
            case "Fn::Split":
                separator, joined = argument
                return self.evaluate(joined).split(separator)
            case "Fn::Select":
                index, many = map(self.evaluate, argument)
                if not 0 <= int(index) < len(_list(many)):
                    problem = f"cannot select nonexistent value at index {index}"
                    raise TemplateError(f"Template error: Fn::Select {problem}")
                return many[int(index)]
            case "Fn::If":
                condition, yes, no = argument
                check_conditions({condition}, self.conditions, "Resources")
                return self.evaluate(yes if self.conditions[condition] else no)
            case "Fn::FindInMap":
                keys = [text(self.evaluate(key)) for key in argument]
                found: Any = self.template.mappings
                for key in keys:
                    if not isinstance(found, dict) or key not in found:
                        raise TemplateError(
                            f"Template error: Unable to get mapping for {'::'.join(keys)}"
                        )
                    found = found[key]
                return found
            case "Fn::Base64":
                return base64.b64encode(self.evaluate(argument).encode()).decode()
            case "Fn::GetAZs":
                region = self.evaluate(argument) or self.pseudo["AWS::Region"]
                return [region + zone for zone in "abc"]
        return self.decide({name: argument})

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        for given in (self.pseudo, self.parameters):
            if name in given:
                return given[name]
        if name in self.resources:
            return self.resources[name].id
        raise unresolved({name}, "Resources")

    def _attribute(self, logical: str, attribute: str) -> Any:
        if logical not in self.resources:
            raise unresolved({logical}, "Resources")
        attributes = self.resources[logical].attributes
        if attribute not in attributes:
            raise no_attribute(logical, attribute)
        return attributes[attribute]

    def _substitute(self, argument: Any) -> str:
        template, own = substitution(argument)
        values = {name: self.evaluate(one) for name, one in own.items()}

        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return text(values[name])
            if "." in name:
                return text(self._attribute(*name.split(".", 1)))
            return text(self._reference(name))

        return VARIABLE.sub(one, template).replace("${!", "${")


def text(value: Any) -> str:
    """How CloudFormation writes a scalar into a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def no_attribute(logical: str, attribute: str) -> TemplateError:
    return TemplateError(
        f"Template error: resource {logical} does not support attribute type {attribute} in"
        " Fn::GetAtt"
    )


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value
