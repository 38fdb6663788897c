"""What a template's expressions give, what they refer to, and the order that this asks for."""

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from local.cfn.template import Template, TemplateError, mappings

VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
NO_VALUE = object()  # AWS::NoValue: takes the property or list item that holds it away


class Made(Protocol):
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
    resources: Mapping[str, Made] = field(default_factory=dict)

    @cached_property
    def conditions(self) -> dict[str, bool]:
        """Every condition's verdict. Raises TemplateError for an unknown name or a circle."""
        declared = self.template.conditions
        needs = {
            name: {m["Condition"] for m in mappings(value) if m.keys() == {"Condition"}}
            for name, value in declared.items()
        }
        _known(set().union(*needs.values()), declared, "Conditions")
        found: dict[str, bool] = {}
        for name in _ordered(needs, "conditions"):
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
                    raise _malformed(name, argument) from error
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
                    _known({argument}, found, "Conditions")
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
            raise _malformed(name, argument) from error
        raise TemplateError(f"Template error: {expression} is not a condition")

    def _call(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(argument)
            case "Fn::GetAtt":
                logical, attribute = _attribute_of(argument)
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
                _known({condition}, self.conditions, "Resources")
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
        template, own = _sub_of(argument)
        values = {name: self.evaluate(one) for name, one in own.items()}

        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return text(values[name])
            if "." in name:
                return text(self._attribute(*name.split(".", 1)))
            return text(self._reference(name))

        return VARIABLE.sub(one, template).replace("${!", "${")


def live(
    template: Template, names: Collection[str], conditions: Mapping[str, bool]
) -> dict[str, Mapping[str, Any]]:
    """The resources that the conditions call for, each after those it refers to.

    `names` are those of parameters and pseudo parameters. Raises TemplateError for a name that is
    not defined, or not made, and for a circle."""
    declared = template.resources
    # a name that no condition could make right is refused wherever it stands
    for section, block in (("Resources", declared), ("Outputs", template.outputs)):
        entries = [{**entry, "Metadata": {}} for entry in block.values()]
        if missing := {n for n, _ in references(entries)} - {*declared, *names, "AWS::NoValue"}:
            raise unresolved(missing, section)
        _known(
            {one["Condition"] for one in block.values() if "Condition" in one}, conditions, section
        )
    alive = {k: r for k, r in declared.items() if conditions.get(r.get("Condition", ""), True)}
    needs = {}
    for name, resource in alive.items():
        needed = {n for n, _ in references(resource.get("Properties", {}), conditions)}
        explicit = resource.get("DependsOn", [])
        explicit = {explicit} if isinstance(explicit, str) else set(map(str, explicit))
        gone = needed & declared.keys() - alive.keys()
        if missing := gone | explicit - declared.keys():
            raise unresolved(missing, "Resources")
        needs[name] = (needed | explicit) & alive.keys()
    return {name: alive[name] for name in _ordered(needs, "resources")}


def references(
    value: Any, conditions: Mapping[str, bool] | None = None
) -> Iterator[tuple[str, str | None]]:
    """The names (and attributes) that `value` refers to; with `conditions`, only in the branches
    they choose. An attribute whose name has to be evaluated counts as none."""
    if isinstance(value, list):
        for one in value:
            yield from references(one, conditions)
    if not isinstance(value, dict):
        return
    if value.keys() == {"Ref"}:
        yield str(value["Ref"]), None
    elif value.keys() == {"Fn::GetAtt"}:
        logical, attribute = _attribute_of(value["Fn::GetAtt"])
        yield logical, attribute if isinstance(attribute, str) else None
        yield from references(attribute, conditions)
    elif value.keys() == {"Fn::Sub"}:
        template, own = _sub_of(value["Fn::Sub"])
        for name in VARIABLE.findall(template):
            if name not in own:
                logical, _, attribute = name.partition(".")
                yield logical, attribute or None
        yield from references(own, conditions)
    elif value.keys() == {"Fn::If"} and conditions is not None:
        condition, yes, no = value["Fn::If"]
        _known({condition}, conditions, "Resources")
        yield from references(yes if conditions[condition] else no, conditions)
    else:
        yield from references(list(value.values()), conditions)


def text(value: Any) -> str:
    """How CloudFormation writes a scalar into a string."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def unresolved(names: set[str], section: str) -> TemplateError:
    return TemplateError(
        f"Template format error: Unresolved resource dependencies [{', '.join(sorted(names))}]"
        f" in the {section} block of the template"
    )


def no_attribute(logical: str, attribute: str) -> TemplateError:
    return TemplateError(
        f"Template error: resource {logical} does not support attribute type {attribute} in"
        " Fn::GetAtt"
    )


def _known(names: set[str], conditions: Mapping[str, Any], section: str) -> None:
    for name in sorted(names - conditions.keys()):
        raise TemplateError(
            f"Template format error: Unresolved condition dependency {name} in the {section} block"
            " of the template"
        )


def _ordered(needs: dict[str, set[str]], kind: str) -> list[str]:
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = ", ".join(sorted(set(error.args[1])))
        raise TemplateError(f"Circular dependency between {kind}: [{circle}]") from None


def _malformed(name: str, argument: Any) -> TemplateError:
    return TemplateError(f"Template error: {name} cannot work with the arguments {argument!r}")


def _attribute_of(argument: Any) -> tuple[str, Any]:
    logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return logical, attribute


def _sub_of(argument: Any) -> tuple[str, dict[str, Any]]:
    template, own = (argument, {}) if isinstance(argument, str) else argument
    return template, own


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(value)
    return value
