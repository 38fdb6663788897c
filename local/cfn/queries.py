"""CloudFormation's operations that only tell (AWS CloudFormation API Reference)."""

from typing import Any

from moto.core.responses import ActionResult

from local.cfn import views
from local.cfn.deployment import registry
from local.cfn.references import live
from local.cfn.request import Requests, validated
from local.cfn.stack import pseudo_parameters
from local.cfn.store import invalid
from local.context import current


class Queries(Requests):
    def describe_stacks(self) -> ActionResult:
        name = self.get("StackName")
        with self.store.lock:
            alive = [one for one in self.store.stacks if one.status != "DELETE_COMPLETE"]
        found = [self.store.stack(name)] if name else alive
        return ActionResult({"Stacks": [views.stack_view(one) for one in found]})

    def list_stacks(self) -> ActionResult:
        wanted = self.get("StackStatusFilter")
        with self.store.lock:
            found = [one for one in self.store.stacks if not wanted or one.status in wanted]
        return ActionResult({"StackSummaries": [views.summary(one) for one in found]})

    def describe_stack_events(self) -> ActionResult:
        events = self.store.stack(self.get("StackName")).events
        return ActionResult({"StackEvents": events[::-1]})

    def describe_stack_resource(self) -> ActionResult:
        name = self.get("LogicalResourceId")
        found = [one for one in self._resources() if one["LogicalResourceId"] == name]
        if not found:
            raise invalid(f"Resource {name} does not exist for stack {self.get('StackName')}")
        return ActionResult({"StackResourceDetail": found[0]})

    def describe_stack_resources(self) -> ActionResult:
        return ActionResult({"StackResources": self._resources()})

    def list_stack_resources(self) -> ActionResult:
        return ActionResult({"StackResourceSummaries": self._resources()})

    def get_template(self) -> ActionResult:
        if change_set := self.get("ChangeSetName"):
            plan = self.store.change_set(change_set, self.get("StackName")).plan
        else:
            plan = self.store.stack(self.get("StackName")).plan
        stages = ["Original", "Processed"]
        return ActionResult({"TemplateBody": plan.template.body, "StagesAvailable": stages})

    def get_template_summary(self) -> ActionResult:
        if name := self.get("StackName"):
            return ActionResult(views.template_view(self.store.stack(name).plan.template))
        with validated():
            return ActionResult(views.template_view(self.template(None)))

    def validate_template(self) -> ActionResult:
        with validated():
            template = self.template(None)
            # which branch will be taken depends on parameters: every name has to be right
            names = [*template.parameters, *pseudo_parameters(current(), "", "")]
            live(template, names, dict.fromkeys(template.conditions, True))
            registry().check(template.types(), [])
        view = views.template_view(template)
        keys = ("Description", "Parameters", "Capabilities", "CapabilitiesReason")
        return ActionResult({key: view[key] for key in keys})

    def _resources(self) -> list[dict[str, Any]]:
        stack = self.store.stack(self.get("StackName"))
        return [views.resource_view(stack, one) for one in list(stack.resources.values())]
