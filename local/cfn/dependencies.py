"""What a template's expressions refer to, and the order of creation that this asks for."""

import re
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from local.cfn.template import Template, TemplateError

VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


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
        check_conditions(
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
    return {name: alive[name] for name in ordered(needs, "resources")}


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
        logical, attribute = attribute_of(value["Fn::GetAtt"])
        yield logical, attribute if isinstance(attribute, str) else None
        yield from references(attribute, conditions)
    elif value.keys() == {"Fn::Sub"}:
        template, own = substitution(value["Fn::Sub"])
        for name in VARIABLE.findall(template):
            if name not in own:
                logical, _, attribute = name.partition(".")
                yield logical, attribute or None
        yield from references(own, conditions)
    elif value.keys() == {"Fn::If"} and conditions is not None:
        condition, yes, no = value["Fn::If"]
        check_conditions({condition}, conditions, "Resources")
        yield from references(yes if conditions[condition] else no, conditions)
    else:
        yield from references(list(value.values()), conditions)


def ordered(needs: dict[str, set[str]], kind: str) -> list[str]:
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = ", ".join(sorted(set(error.args[1])))
        raise TemplateError(f"Circular dependency between {kind}: [{circle}]") from None


def unresolved(names: set[str], section: str) -> TemplateError:
    return TemplateError(
        f"Template format error: Unresolved resource dependencies [{', '.join(sorted(names))}]"
        f" in the {section} block of the template"
    )


def check_conditions(names: set[str], conditions: Mapping[str, Any], section: str) -> None:
    for name in sorted(names - conditions.keys()):
        raise TemplateError(
            f"Template format error: Unresolved condition dependency {name} in the {section} block"
            " of the template"
        )


def attribute_of(argument: Any) -> tuple[str, Any]:
    logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return logical, attribute


def substitution(argument: Any) -> tuple[str, dict[str, Any]]:
    template, own = (argument, {}) if isinstance(argument, str) else argument
    return template, own
