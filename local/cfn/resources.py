"""The resources of one deployment: brought to their declarations, put back, removed."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.cfn.errors import EXPECTED, is_missing, reason
from local.cfn.form import TemplateError
from local.cfn.functions import Scope
from local.cfn.handler import Registry, Work
from local.cfn.stack import Resource, Stack
from local.context import Context

REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


class Failed(Exception):
    """A deployment cannot go on; the text is the stack's reason."""


@dataclass
class Resources:
    """`client` gives the deployer's client of a service. The journal holds what each resource was
    (None: it was not) and what it became, so that `restore` can undo it."""

    stack: Stack
    registry: Registry
    client: Callable[[str], Any]
    context: Context
    journal: list[tuple[Resource | None, Resource]] = field(default_factory=list)

    def bring(self, logical: str, declared: dict[str, Any], seen: Scope) -> None:
        """Create, replace or update one resource, if it is not yet as declared. Raises Failed."""
        was = self.stack.resources.get(logical)
        now = Resource(
            logical,
            declared["Type"],
            {},
            on_delete=declared.get("DeletionPolicy", "Delete"),
            on_replace=declared.get("UpdateReplacePolicy", "Delete"),
        )
        verb = "UPDATE" if was else "CREATE"
        try:
            wanted, tags = seen.evaluate(declared.get("Properties", {})), self.stack.plan.tags
            now.properties = self.registry.properties(logical, now.type, wanted, tags)
            if was and was.properties == now.properties:
                was.on_delete, was.on_replace = now.on_delete, now.on_replace
                return
            if was and not self._replaces(was, now):
                self._update(was, now)
            else:
                self._create(was, now)
            self.stack.note(f"{verb}_COMPLETE", "", now)
        except Exception as error:
            if not isinstance(error, EXPECTED):
                traceback.print_exc()
            self.stack.resources.setdefault(logical, now)
            if was and not now.id:
                now.id = was.id
            self.stack.note(f"{verb}_FAILED", reason(error), now)
            raise Failed(failed_to(verb.lower(), [logical])) from error

    def replaced(self) -> list[Resource]:
        """The old resources that new ones stand in for."""
        return [was for was, now in self.journal if was and was.id != now.id]

    def restore(self) -> tuple[list[Resource], list[str]]:
        """Undo the journal: updated resources are updated back. Gives the resources that were
        made, still to be removed, and the logical IDs of those that would not go back."""
        made, failed = [], []
        for was, now in reversed(self.journal):
            if was is None:
                made.append(self.stack.resources.pop(now.logical))
                continue
            self.stack.resources[was.logical] = was
            if was.id != now.id:
                made.append(now)
                continue
            self.stack.note("UPDATE_IN_PROGRESS", "", was)
            try:
                self._apply(now, was)
                self.stack.note("UPDATE_COMPLETE", "", was)
            except EXPECTED as error:
                failed.append(was.logical)
                self.stack.note("UPDATE_FAILED", reason(error), was)
        return made, failed

    def remove(
        self, resources: list[Resource], replaced: bool = False, rollback: bool = False
    ) -> list[str]:
        """Delete `resources` as their policies say; the logical IDs of those that would not go."""
        failed = []
        for resource in resources:
            policy = resource.on_replace if replaced else resource.on_delete
            current = self.stack.resources.get(resource.logical) is resource
            spared = policy == "RetainExceptOnCreate" or self.stack.retain_except_on_create
            if policy != "Delete" and not (rollback and spared):
                self.stack.note("DELETE_SKIPPED", "", resource)
            elif resource.id:
                self.stack.note("DELETE_IN_PROGRESS", "", resource)
                try:
                    self.registry.handlers[resource.type].delete(self._work(resource))
                except EXPECTED as error:
                    if not is_missing(error):
                        self.stack.note("DELETE_FAILED", reason(error), resource)
                        failed.append(resource.logical)
                        continue
                self.stack.note("DELETE_COMPLETE", "", resource)
            if current:
                del self.stack.resources[resource.logical]
        return failed

    def _replaces(self, was: Resource, now: Resource) -> bool:
        if not self.registry.replaced_by(was.type, was.properties, now.properties):
            return False
        name = self.registry.handlers[now.type].name
        if name in now.properties and now.properties[name] == was.properties.get(name):
            raise TemplateError(
                "CloudFormation cannot update a stack when a custom-named resource requires"
                f" replacing. Rename {now.properties[name]} and update the stack again."
            )
        return True

    def _create(self, was: Resource | None, now: Resource) -> None:
        if was:
            self.stack.note("UPDATE_IN_PROGRESS", REPLACING, now)
        else:
            self.stack.note("CREATE_IN_PROGRESS", "", now)
        work = self._work(now)
        try:
            self.registry.handlers[now.type].create(work)
        finally:
            now.id, now.attributes = work.id, work.attributes
            if work.id:  # it exists, even if what came after failed
                self.journal.append((was, now))
                self.stack.resources[now.logical] = now

    def _update(self, was: Resource, now: Resource) -> None:
        now.id, now.attributes = was.id, was.attributes
        self.journal.append((was, now))
        self.stack.resources[now.logical] = now
        self.stack.note("UPDATE_IN_PROGRESS", "", now)
        self._apply(was, now)

    def _apply(self, before: Resource, after: Resource) -> None:
        update = self.registry.handlers[after.type].update
        assert update, after.type
        work = self._work(after)
        work.previous = before.properties
        update(work)
        after.attributes = work.attributes

    def _work(self, resource: Resource) -> Work:
        return Work(
            resource.logical,
            self.stack.name,
            resource.properties,
            self.client,
            self.context,
            resource.id,
            dict(resource.attributes),
        )


def failed_to(verb: str, names: list[str]) -> str:
    return f"The following resource(s) failed to {verb}: [{', '.join(names)}]."
