"""What is remembered of a stack: its resources, its events, and what was asked for."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.cfn.form import TemplateError
from local.cfn.functions import Scope
from local.cfn.handler import Registry
from local.cfn.parameters import check_rules, complete, values
from local.cfn.references import live, references
from local.cfn.template import Template
from local.context import Context

STACK_TYPE = "AWS::CloudFormation::Stack"


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


@dataclass
class Resource:
    """One resource of a stack; `id` is its physical ID."""

    logical: str
    type: str
    properties: dict[str, Any]
    id: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    on_delete: str = "Delete"
    on_replace: str = "Delete"
    status: str = ""
    reason: str = ""
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Plan:
    """What a deployment is asked to reach. `parameters` are texts, defaults included."""

    template: Template
    parameters: Mapping[str, str]
    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    role: str | None = None

    @classmethod
    def of(cls, template: Template, given: Mapping[str, str], **rest: Any) -> "Plan":
        return cls(template, complete(template, given), **rest)


@dataclass
class Stack:
    name: str
    id: str
    plan: Plan
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False
    protected: bool = False
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime | None = None
    deleted: datetime | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def busy(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"

    def note(self, status: str, reason: str = "", resource: Resource | None = None) -> None:
        """Record a new status, of the stack itself or of one of its resources."""
        about = resource or self
        about.status, about.reason = status, reason
        now = datetime.now(UTC)
        if resource:
            resource.updated = now
        event = {
            "StackId": self.id,
            "StackName": self.name,
            "EventId": str(uuid.uuid4()),
            "LogicalResourceId": resource.logical if resource else self.name,
            "PhysicalResourceId": about.id,
            "ResourceType": resource.type if resource else STACK_TYPE,
            "Timestamp": now,
            "ResourceStatus": status,
            "ResourceStatusReason": reason or None,
        }
        self.events.append(event)


def scope(plan: Plan, stack: Stack, context: Context) -> Scope:
    """What the plan's expressions see; the stack's resources as they are when it is asked."""
    pseudo = pseudo_parameters(context, stack.name, stack.id)
    return Scope(plan.template, values(plan.template, plan.parameters), pseudo, stack.resources)


def check(plan: Plan, stack: Stack, context: Context, registry: Registry) -> dict[str, Any]:
    """The live resources' declarations in the order to make them, once everything that
    CloudFormation checks before it starts has been checked. Raises TemplateError."""
    seen = scope(plan, stack, context)
    check_rules(seen)
    alive = live(plan.template, {*seen.parameters, *seen.pseudo}, seen.conditions)
    registry.check(plan.template.types(), {one["Type"] for one in alive.values()})
    wanted_outputs = [
        output["Value"]
        for output in plan.template.outputs.values()
        if seen.conditions.get(output.get("Condition", ""), True)
    ]
    for entry in [*(one.get("Properties", {}) for one in alive.values()), wanted_outputs]:
        for logical, attribute in references(entry, seen.conditions):
            if logical in plan.template.resources and logical not in alive:
                raise TemplateError(
                    f"Template format error: Unresolved resource dependencies [{logical}] in the"
                    " Outputs block of the template"
                )
            if attribute and logical in alive:
                _check_attribute(logical, alive[logical]["Type"], attribute, registry)
    changed = [n for n, r in stack.resources.items() if n in alive and alive[n]["Type"] != r.type]
    if changed:
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of"
            f" the following resources: [{', '.join(changed)}]"
        )
    return alive


def _check_attribute(logical: str, type_name: str, attribute: str, registry: Registry) -> None:
    schema = registry.schema(type_name)
    if schema and attribute not in schema.attributes:
        raise TemplateError(
            f"Template error: resource {logical} does not support attribute type {attribute} in"
            " Fn::GetAtt"
        )
