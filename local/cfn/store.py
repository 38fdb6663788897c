"""The stacks and change sets of an endpoint, and how a request finds them."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.cfn.stack import Plan, Stack
from local.context import current
from local.service import AwsError, Records

UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


def invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


@dataclass
class ChangeSet:
    name: str
    id: str
    stack: Stack
    plan: Plan
    creates: bool
    description: str | None = None
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    reason: str | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


class StackRecords(Records):
    """`lock` is for which stacks there are, and for what one is doing."""

    def __init__(self) -> None:
        super().__init__()
        self.stacks: list[Stack] = []
        self.change_sets: list[ChangeSet] = []

    def new_id(self, resource: str) -> str:
        return current().arn("cloudformation", f"{resource}/{uuid.uuid4()}")

    def existing(self, name: str) -> Stack | None:
        """By name: the one that is not deleted; by ID: also a deleted one."""
        for stack in self.stacks:
            if stack.id == name or (stack.name == name and stack.status != "DELETE_COMPLETE"):
                return stack
        return None

    def stack(self, name: str) -> Stack:
        found = self.existing(name)
        if found is None:
            raise invalid(f"Stack with id {name} does not exist")
        return found

    def updatable(self, name: str) -> Stack:
        found = self.existing(name)
        if found is None or found.status == "DELETE_COMPLETE":
            raise invalid(f"Stack [{name}] does not exist")
        if found.status not in UPDATABLE:
            raise invalid(f"Stack:{found.id} is in {found.status} state and can not be updated.")
        return found

    def creatable(self, name: str) -> None:
        """Refuse a name that is malformed, or taken."""
        pattern = "[a-zA-Z][-a-zA-Z0-9]*"
        if not re.fullmatch(pattern, name) or len(name) > 128:
            raise invalid(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy"
                f" constraint: Member must satisfy regular expression pattern: {pattern}"
            )
        if self.existing(name):
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")

    def change_set(self, name: str, stack: str | None) -> ChangeSet:
        for one in reversed(self.change_sets):
            if one.id == name or (one.name == name and stack in (one.stack.name, one.stack.id)):
                return one
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
