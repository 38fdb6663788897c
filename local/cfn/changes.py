"""What a deployment would do, checked before it does it: the content of a change set."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from local.cfn.dependencies import live, references, unresolved
from local.cfn.functions import Scope, no_attribute
from local.cfn.plan import Plan, check_rules
from local.cfn.records import Resource, Stack
from local.cfn.resource_type import ResourceTypes
from local.cfn.template import TemplateError
from local.context import Context

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


def pseudo_parameters(context: Context, name: str, stack_id: str) -> dict[str, Any]:
    return {
        "AWS::AccountId": context.account,
        "AWS::Region": context.region,
        "AWS::Partition": context.partition,
        "AWS::URLSuffix": context.url_suffix,
        "AWS::StackName": name,
        "AWS::StackId": stack_id,
        "AWS::NotificationARNs": [],
    }


def scope(plan: Plan, stack: Stack, context: Context) -> Scope:
    """What the plan's expressions see; the stack's resources as they are when it is asked."""
    pseudo = pseudo_parameters(context, stack.name, stack.id)
    return Scope(plan.template, plan.values(), pseudo, stack.resources)


def checked_resources(plan: Plan, stack: Stack, types: ResourceTypes) -> dict[str, Any]:
    """The live resources' declarations in the order to make them, once everything that
    CloudFormation checks before it starts has been checked. Raises TemplateError."""
    seen = scope(plan, stack, types.context)
    check_rules(seen)
    alive = live(plan.template, {*seen.parameters, *seen.pseudo}, seen.conditions)
    types.check(plan.template.types(), {one["Type"] for one in alive.values()})
    outputs = [one["Value"] for one in plan.template.outputs.values() if seen.calls_for(one)]
    for entry in [*(one.get("Properties", {}) for one in alive.values()), outputs]:
        for logical, attribute in references(entry, seen.conditions):
            if logical in plan.template.resources and logical not in alive:
                raise unresolved({logical}, "Outputs")
            if attribute and logical in alive:
                schema = types.schema(alive[logical]["Type"])
                if schema and attribute not in schema.attributes:
                    raise no_attribute(logical, attribute)
    changed = [n for n, r in stack.resources.items() if n in alive and alive[n]["Type"] != r.type]
    if changed:
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of"
            f" the following resources: [{', '.join(changed)}]"
        )
    return alive


class _Anything(defaultdict[str, str]):
    def __contains__(self, key: object) -> bool:
        return True


@dataclass(frozen=True)
class _Coming:
    """A resource that does not exist yet: whatever it will give is not known."""

    id: str = UNKNOWN
    attributes: dict[str, str] = field(default_factory=lambda: _Anything(lambda: UNKNOWN))


def forecast(plan: Plan, stack: Stack, types: ResourceTypes) -> tuple[list[dict[str, Any]], bool]:
    """The ResourceChanges that lead from the stack to the plan, and whether anything changes at
    all (outputs, tags). Raises TemplateError and PropertyError."""
    alive = checked_resources(plan, stack, types)
    seen = scope(plan, stack, types.context)
    seen.resources = expected = dict[str, Any](stack.resources)
    changes = []
    for logical, declared in alive.items():
        was = stack.resources.get(logical)
        wanted = seen.evaluate(declared.get("Properties", {}))
        complete = UNKNOWN not in json.dumps(wanted)
        properties = types.properties(logical, declared["Type"], wanted, plan.tags, complete)
        if was is None:
            changes.append(_change("Add", logical, declared["Type"]))
            expected[logical] = _Coming()
        elif details := _details(was, properties, declared, stack, types):
            change = _modify(was, details)
            changes.append(change)
            if change["Replacement"] != "False":
                expected[logical] = _Coming()
    for logical, was in stack.resources.items():
        if logical not in alive:
            kept = "Delete" if was.on_delete == "Delete" else "Retain"
            removal = {"PhysicalResourceId": was.id, "PolicyAction": kept}
            changes.append(_change("Remove", logical, was.type, **removal))
    changed = bool(changes) or seen.outputs() != stack.outputs or plan.tags != stack.plan.tags
    return changes, changed


def _details(
    was: Resource,
    properties: dict[str, Any],
    declared: dict[str, Any],
    stack: Stack,
    types: ResourceTypes,
) -> list[dict[str, Any]]:
    replacing = types.replaced_by(was.type, was.properties, properties)
    tags = types.find(was.type)[1].tag_property
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
    if "Always" in recreation:
        replacement = "True"
    replaced = {"PolicyAction": "ReplaceAnd" + was.on_replace} if replacement != "False" else {}
    return _change(
        "Modify",
        was.logical,
        was.type,
        PhysicalResourceId=was.id,
        Replacement=replacement,
        Scope=sorted({detail["Target"]["Attribute"] for detail in details}),
        Details=details,
        **replaced,
    )


def _change(action: str, logical: str, type_name: str, **more: Any) -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": logical, "ResourceType": type_name, **more}
