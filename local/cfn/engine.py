"""Bring a stack to a plan: create, update, delete, and roll back what fails."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.cfn.form import TemplateError
from local.cfn.handler import Registry
from local.cfn.resources import Failed, Resources, failed_to
from local.cfn.stack import Plan, Stack, check, scope
from local.context import Context


class Engine:
    """One deployment of one stack; `client` gives the deployer's client of a service."""

    def __init__(
        self, stack: Stack, registry: Registry, client: Callable[[str], Any], context: Context
    ) -> None:
        self.stack = stack
        self.registry = registry
        self.context = context
        self.resources = Resources(stack, registry, client, context)

    def create(self) -> None:
        """Create the stack of its plan; on failure do what its `on_failure` says."""
        stack = self.stack
        stack.note("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self._reach(stack.plan)
        except Failed as failure:
            if stack.on_failure == "DO_NOTHING":
                stack.note("CREATE_FAILED", str(failure))
                return
            stack.note("ROLLBACK_IN_PROGRESS", f"{failure} Rollback requested by user.")
            failed = self.resources.remove(list(stack.resources.values())[::-1], rollback=True)
            if failed:
                stack.note("ROLLBACK_FAILED", failed_to("delete", failed))
                return
            stack.note("ROLLBACK_COMPLETE")
            if stack.on_failure == "DELETE":
                self.delete()
            return
        stack.note("CREATE_COMPLETE")

    def update(self, plan: Plan) -> None:
        """Bring the stack to `plan`, or back to where it was."""
        stack, before, outputs = self.stack, self.stack.plan, self.stack.outputs
        stack.plan = plan
        stack.note("UPDATE_IN_PROGRESS", "User Initiated")
        try:
            alive = self._reach(plan)
        except Failed as failure:
            stack.note("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            stack.plan, stack.outputs = before, outputs
            made, failed = self.resources.restore()
            if failed:
                stack.note("UPDATE_ROLLBACK_FAILED", failed_to("update", failed))
                return
            stack.note("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            self.resources.remove(made, rollback=True)
            stack.resources = {name: one for name, one in stack.resources.items() if one.id}
            stack.note("UPDATE_ROLLBACK_COMPLETE")
            return
        stack.note("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        dropped = [one for name, one in stack.resources.items() if name not in alive]
        self.resources.remove(self.resources.replaced()[::-1], replaced=True)
        self.resources.remove(dropped[::-1])
        stack.resources = {name: stack.resources[name] for name in alive}
        stack.note("UPDATE_COMPLETE")

    def delete(self, retain: frozenset[str] = frozenset()) -> None:
        """Delete everything but what is to be retained, in reverse order of creation."""
        stack = self.stack
        stack.note("DELETE_IN_PROGRESS", "User Initiated")
        for name in retain & stack.resources.keys():
            stack.resources[name].on_delete = "Retain"
        failed = self.resources.remove(list(stack.resources.values())[::-1])
        if failed:
            stack.note("DELETE_FAILED", failed_to("delete", failed))
            return
        stack.deleted = datetime.now(UTC)
        stack.note("DELETE_COMPLETE")

    def _reach(self, plan: Plan) -> dict[str, Any]:
        try:
            alive = check(plan, self.stack, self.context, self.registry)
            seen = scope(plan, self.stack, self.context)
            for logical, declared in alive.items():
                self.resources.bring(logical, declared, seen)
            self.stack.outputs = seen.outputs()
        except TemplateError as error:
            raise Failed(str(error)) from error
        return alive
