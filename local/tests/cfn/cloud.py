"""A small cloud in memory: one resource type whose things have a name, a size and a colour."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cfn.plan import Plan
from local.cfn.records import Resource, Stack
from local.cfn.resource_type import AlreadyExists, ResourceType, ResourceTypes, ResourceWork
from local.cfn.schema import Schema
from local.cfn.template import Template, parse
from local.cfn.work import StackDeployment
from local.context import Context

CONTEXT = Context("eu-west-1", 0, Path("unused"))
THING = Schema(
    {
        "typeName": "Test::Thing",
        "properties": {
            "Name": {"type": "string"},
            "Size": {"type": "integer"},
            "Color": {"type": "string"},
            "Fixed": {"type": "string"},
            "Unheard": {"type": "string"},
            "Tags": {"type": "array", "items": {"type": "object"}},
        },
        "additionalProperties": False,
        "createOnlyProperties": ["/properties/Name", "/properties/Fixed"],
        "readOnlyProperties": ["/properties/Arn"],
        "tagging": {"taggable": True, "tagProperty": "/properties/Tags"},
    }
)


@dataclass
class Cloud:
    """Things by name. One whose Color is "broken" fails halfway; one that is "stuck" stays."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def types(self) -> ResourceTypes:
        applied = frozenset({"Name", "Size", "Color", "Fixed", "Tags"})
        thing = ResourceType(applied, self._create, self._delete, self._update, name="Name")
        schemas = {"Test::Thing": THING, "Test::Unbuilt": THING}
        return ResourceTypes({"Test::Thing": thing}, schemas.get, CONTEXT)

    def _create(self, work: ResourceWork) -> None:
        name = work.name("Name")
        if name in self.things:
            raise AlreadyExists(name)
        self.things[name] = {}
        work.made(name, Arn=f"arn:{name}")
        self._fill(work, "create")

    def _update(self, work: ResourceWork) -> None:
        self._fill(work, "update")

    def _fill(self, work: ResourceWork, verb: str) -> None:
        self.calls.append(f"{verb} {work.logical}")
        self.things[work.id] = dict(work.properties)
        if work.properties.get("Color") == "broken":
            raise RuntimeError("the paint is off")

    def _delete(self, work: ResourceWork) -> None:
        if self.things[work.id].get("Color") == "stuck":
            raise AlreadyExists("a lock")
        self.calls.append(f"delete {work.logical}")
        del self.things[work.id]


def thing(**properties: Any) -> dict[str, Any]:
    """A declaration; `_` before a name makes it an attribute of the resource."""
    attributes = {k[1:]: properties.pop(k) for k in list(properties) if k.startswith("_")}
    return {"Type": "Test::Thing", "Properties": properties, **attributes}


def template(resources: dict[str, Any], **sections: Any) -> Template:
    return parse(json.dumps({"Resources": resources, **sections}))


def plan(resources: dict[str, Any], given: dict[str, str] | None = None, **sections: Any) -> Plan:
    return Plan.of(template(resources, **sections), given or {})


@dataclass
class Deployed:
    cloud: Cloud
    stack: Stack

    def deployment(self) -> StackDeployment:
        return StackDeployment(self.stack, self.cloud.types(), lambda service: None)

    def update(self, resources: dict[str, Any], **sections: Any) -> None:
        self.deployment().update(plan(resources, **sections))

    def statuses(self) -> list[str]:
        """What happened, as `<logical ID> <status>`, oldest first."""
        return [f"{e['LogicalResourceId']} {e['ResourceStatus']}" for e in self.stack.events]

    def reason(self, status: str) -> str:
        """The reason of the last event with this status."""
        found = [e for e in self.stack.events if e["ResourceStatus"] == status]
        return str(found[-1]["ResourceStatusReason"])

    def resource(self, name: str) -> Resource:
        return self.stack.resources[name]


def deploy(wanted: Plan, cloud: Cloud | None = None, on_failure: str = "ROLLBACK") -> Deployed:
    stack = Stack("demo", "arn:aws:cloudformation:eu-west-1:111122223333:stack/demo/1", wanted)
    stack.on_failure = on_failure
    deployed = Deployed(cloud or Cloud(), stack)
    deployed.deployment().create()
    return deployed
