"""What refers to what in a template, and the order that asks for."""

import re
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from local.cfn.form import TemplateError
from local.cfn.template import Template

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
        wanted = {entry["Condition"] for entry in block.values() if "Condition" in entry}
        known(wanted, conditions, "Unresolved condition dependency", section)
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
        argument = value["Fn::Sub"]
        template, own = (argument, {}) if isinstance(argument, str) else argument
        for name in VARIABLE.findall(template):
            if name not in own:
                logical, _, attribute = name.partition(".")
                yield logical, attribute or None
        yield from references(own, conditions)
    elif value.keys() == {"Fn::If"} and conditions is not None:
        condition, yes, no = value["Fn::If"]
        known({condition}, conditions, "Unresolved condition dependency", "Resources")
        yield from references(yes if conditions[condition] else no, conditions)
    else:
        yield from references(list(value.values()), conditions)


def attribute_of(argument: Any) -> tuple[str, Any]:
    logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return logical, attribute


def ordered(needs: dict[str, set[str]], kind: str) -> list[str]:
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = ", ".join(sorted(set(error.args[1])))
        raise TemplateError(f"Circular dependency between {kind}: [{circle}]") from None


def known(names: set[str], known: Mapping[str, Any], problem: str, section: str) -> None:
    for name in sorted(names - known.keys()):
        raise TemplateError(
            f"Template format error: {problem} {name} in the {section} block of the template"
        )


def unresolved(names: set[str], section: str) -> TemplateError:
    return TemplateError(
        f"Template format error: Unresolved resource dependencies [{', '.join(sorted(names))}]"
        f" in the {section} block of the template"
    )
