"""Bring a stack to a plan: create, update and delete its resources, and roll back what fails."""

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.background import background
from local.cfn import types
from local.cfn.changes import checked_resources, scope
from local.cfn.functions import Scope
from local.cfn.plan import Plan
from local.cfn.records import Resource, Stack
from local.cfn.resource_type import AlreadyExists, ResourceTypes, ResourceWork, is_missing
from local.cfn.schema import PropertyError
from local.cfn.template import TemplateError
from local.credentials import Credentials
from local.memory import give_back

# the CLI's waiters look again only after 30 s: an answer waits for a deployment that is soon done
ANSWER_WITHIN_SECONDS = 20
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."
MESSAGE_LIMIT = 1024  # characters (API_RecordHandlerProgress, "StatusMessage")

# what a deployment may meet; anything else is a fault of ours and is printed with its traceback
EXPECTED = (ClientError, BotoCoreError, TemplateError, PropertyError, AlreadyExists)

# CloudFormation CLI User Guide, "Handler error codes"
HANDLER_ERRORS = (
    (r"AlreadyExists|AlreadyOwned|NameExists|InUse|EntityAlreadyExists", "AlreadyExists"),
    (r"NotFound|NoSuch|DoesNotExist", "NotFound"),
    (r"AccessDenied|NotAuthorized|Unauthorized", "AccessDenied"),
    (r"Throttl|TooManyRequests", "Throttling"),
    (r"LimitExceeded", "ServiceLimitExceeded"),
    (r"Internal|ServiceUnavailable", "ServiceInternalError"),
)


class ResourcesFailed(Exception):
    """A deployment cannot go on; the text is the stack's reason."""


def deploy(stack: Stack, deployer: Credentials, work: Callable[["StackDeployment"], None]) -> None:
    """Do the work with the deployer's permissions; return when it is done, or after a while."""
    deployment = StackDeployment(stack, types.here(), deployer.client)

    def run() -> None:
        try:
            work(deployment)
        except Exception as error:  # a fault of ours must not leave the stack in progress
            traceback.print_exc()
            stack.note(stack.status.replace("IN_PROGRESS", "FAILED"), reason(error))

    background(run).join(ANSWER_WITHIN_SECONDS)


@dataclass
class StackDeployment:
    """One deployment of one stack; `client` gives the deployer's client of a service.

    The journal holds what each resource was (None: it was not) and what it became, so that
    `_restore` can undo it."""

    stack: Stack
    types: ResourceTypes
    client: Callable[[str], Any]
    journal: list[tuple[Resource | None, Resource]] = field(default_factory=list)

    def create(self) -> None:
        """Create the stack of its plan; on failure do what its `on_failure` says."""
        stack = self.stack
        stack.note("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self._reach(stack.plan)
        except ResourcesFailed as failure:
            if stack.on_failure == "DO_NOTHING":
                stack.note("CREATE_FAILED", str(failure))
                return
            stack.note("ROLLBACK_IN_PROGRESS", f"{failure} Rollback requested by user.")
            failed = self._remove(list(stack.resources.values())[::-1], rollback=True)
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
        except ResourcesFailed as failure:
            stack.note("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            stack.plan, stack.outputs = before, outputs
            made, failed = self._restore()
            if failed:
                stack.note("UPDATE_ROLLBACK_FAILED", failed_to("update", failed))
                return
            stack.note("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
            self._remove(made, rollback=True)
            stack.resources = {name: one for name, one in stack.resources.items() if one.id}
            stack.note("UPDATE_ROLLBACK_COMPLETE")
            return
        stack.note("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        dropped = [one for name, one in stack.resources.items() if name not in alive]
        replaced = [was for was, now in self.journal if was and was.id != now.id]
        self._remove(replaced[::-1], replaced=True)
        self._remove(dropped[::-1])
        stack.resources = {name: stack.resources[name] for name in alive}
        stack.note("UPDATE_COMPLETE")

    def delete(self, retain: frozenset[str] = frozenset()) -> None:
        """Delete everything but what is to be retained, in reverse order of creation."""
        stack = self.stack
        stack.note("DELETE_IN_PROGRESS", "User Initiated")
        for name in retain & stack.resources.keys():
            stack.resources[name].on_delete = "Retain"
        failed = self._remove(list(stack.resources.values())[::-1])
        if failed:
            stack.note("DELETE_FAILED", failed_to("delete", failed))
            return
        stack.deleted = datetime.now(UTC)
        stack.note("DELETE_COMPLETE")
        background(give_back)

    def _reach(self, plan: Plan) -> dict[str, Any]:
        try:
            alive = checked_resources(plan, self.stack, self.types)
            seen = scope(plan, self.stack, self.types.context)
            for logical, declared in alive.items():
                self._bring(logical, declared, seen)
            self.stack.outputs = seen.outputs()
        except TemplateError as error:
            raise ResourcesFailed(str(error)) from error
        return alive

    def _bring(self, logical: str, declared: dict[str, Any], seen: Scope) -> None:
        """Create, replace or update one resource, if it is not yet as declared."""
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
            now.properties = self.types.properties(logical, now.type, wanted, tags)
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
            raise ResourcesFailed(failed_to(verb.lower(), [logical])) from error

    def _replaces(self, was: Resource, now: Resource) -> bool:
        if not self.types.replaced_by(was.type, was.properties, now.properties):
            return False
        name = self.types.supported[now.type].name
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
            self.types.supported[now.type].create(work)
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
        update = self.types.supported[after.type].update
        assert update, after.type
        work = self._work(after)
        work.previous = before.properties
        update(work)
        after.attributes = work.attributes

    def _restore(self) -> tuple[list[Resource], list[str]]:
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

    def _remove(
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
                    self.types.supported[resource.type].delete(self._work(resource))
                except EXPECTED as error:
                    if not is_missing(error):
                        self.stack.note("DELETE_FAILED", reason(error), resource)
                        failed.append(resource.logical)
                        continue
                self.stack.note("DELETE_COMPLETE", "", resource)
            if current:
                del self.stack.resources[resource.logical]
        return failed

    def _work(self, resource: Resource) -> ResourceWork:
        return ResourceWork(
            resource.logical,
            self.stack.name,
            resource.properties,
            self.client,
            self.types.context,
            resource.id,
            dict(resource.attributes),
        )


def failed_to(verb: str, names: list[str]) -> str:
    return f"The following resource(s) failed to {verb}: [{', '.join(names)}]."


def reason(error: Exception) -> str:
    """An error as a stack event words it: one line, and no longer than a handler may say."""
    if isinstance(error, AlreadyExists):
        return f"{error} already exists"
    message, kind = str(error), "InvalidRequest"
    if isinstance(error, ClientError):
        told, meta = error.response["Error"], error.response["ResponseMetadata"]
        kind = next((k for p, k in HANDLER_ERRORS if re.search(p, told["Code"])), kind)
        code = f" ({told['Code']}; Status Code: {meta['HTTPStatusCode']})"
        message = _short(told["Message"], MESSAGE_LIMIT - len(code)) + code
    message = _short(message, MESSAGE_LIMIT)
    if isinstance(error, ClientError | BotoCoreError):
        return f'Resource handler returned message: "{message}" (HandlerErrorCode: {kind})'
    if isinstance(error, EXPECTED):
        return message
    return f"Internal Failure: {type(error).__name__}: {message}"


def _short(message: str, limit: int) -> str:
    line = " ".join(message.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
