"""What a deployment would do, before it does it: the content of a change set."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from local.cfn.functions import Scope
from local.cfn.handler import Registry
from local.cfn.stack import Plan, Resource, Stack, check, scope
from local.context import Context

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


class _Anything(defaultdict[str, str]):
    def __contains__(self, key: object) -> bool:
        return True


@dataclass(frozen=True)
class _Coming:
    """A resource that does not exist yet: whatever it will give is not known."""

    id: str = UNKNOWN
    attributes: dict[str, str] = field(default_factory=lambda: _Anything(lambda: UNKNOWN))


def forecast(
    plan: Plan, stack: Stack, context: Context, registry: Registry
) -> tuple[list[dict[str, Any]], bool]:
    """The ResourceChanges that lead from the stack to the plan, and whether anything changes at
    all (outputs, tags). Raises TemplateError and PropertyError."""
    alive = check(plan, stack, context, registry)
    seen = scope(plan, stack, context)
    seen.resources = expected = dict[str, Any](stack.resources)
    changes = []
    for logical, declared in alive.items():
        was = stack.resources.get(logical)
        properties = _properties(logical, declared, seen, plan, registry)
        if was is None:
            changes.append(_change("Add", logical, declared["Type"]))
            expected[logical] = _Coming()
            continue
        details = _details(was, properties, declared, stack, registry)
        if details:
            change = _modify(was, details)
            changes.append(change)
            if change["Replacement"] != "False":
                expected[logical] = _Coming()
    for logical, was in stack.resources.items():
        if logical not in alive:
            changes.append(_change("Remove", logical, was.type, PhysicalResourceId=was.id))
    changed = bool(changes) or seen.outputs() != stack.outputs or plan.tags != stack.plan.tags
    return changes, changed


def _properties(
    logical: str, declared: dict[str, Any], seen: Scope, plan: Plan, registry: Registry
) -> dict[str, Any]:
    wanted = seen.evaluate(declared.get("Properties", {}))
    complete = UNKNOWN not in json.dumps(wanted)
    return registry.properties(logical, declared["Type"], wanted, plan.tags, complete)


def _details(
    was: Resource,
    properties: dict[str, Any],
    declared: dict[str, Any],
    stack: Stack,
    registry: Registry,
) -> list[dict[str, Any]]:
    replacing = registry.replaced_by(was.type, was.properties, properties)
    tags = registry.find(was.type)[1].tag_property
    before = stack.plan.template.resources.get(was.logical, {}).get("Properties", {})
    after = declared.get("Properties", {})
    details = []
    for name in sorted(was.properties.keys() | properties.keys()):
        if was.properties.get(name) == properties.get(name):
            continue
        dynamic = UNKNOWN in json.dumps(properties.get(name))
        recreation = "Conditionally" if dynamic else "Always"
        if before.get(name) != after.get(name):
            source = "DirectModification"
        else:
            source = "ResourceReference" if dynamic else "ParameterReference"
        target = {
            "Attribute": "Tags" if name == tags else "Properties",
            "Name": name,
            "RequiresRecreation": recreation if name in replacing else "Never",
        }
        evaluation = "Dynamic" if dynamic else "Static"
        details.append({"Target": target, "Evaluation": evaluation, "ChangeSource": source})
    policies = {"DeletionPolicy": was.on_delete, "UpdateReplacePolicy": was.on_replace}
    for policy, value in policies.items():
        if declared.get(policy, "Delete") != value:
            target = {"Attribute": policy, "RequiresRecreation": "Never"}
            details.append(
                {"Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification"}
            )
    return details


def _modify(was: Resource, details: list[dict[str, Any]]) -> dict[str, Any]:
    recreation = {detail["Target"]["RequiresRecreation"] for detail in details}
    replacement = "Conditional" if "Conditionally" in recreation else "False"
    return _change(
        "Modify",
        was.logical,
        was.type,
        PhysicalResourceId=was.id,
        Replacement="True" if "Always" in recreation else replacement,
        Scope=sorted({detail["Target"]["Attribute"] for detail in details}),
        Details=details,
    )


def _change(action: str, logical: str, type_name: str, **more: Any) -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": logical, "ResourceType": type_name, **more}
