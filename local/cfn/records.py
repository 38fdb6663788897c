"""What is known of stacks and change sets: what was asked for, what was made, what happened."""

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.cfn.plan import Plan
from local.context import current
from local.service import AwsError, Records, now

STACK_TYPE = "AWS::CloudFormation::Stack"
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"}


def invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


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
    updated: datetime = field(default_factory=now)


@dataclass
class Stack:
    name: str
    id: str
    plan: Plan
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    on_failure: str = "ROLLBACK"
    retain_except_on_create: bool = False  # what the running deployment was asked for
    protected: bool = False
    created: datetime = field(default_factory=now)
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
        event: dict[str, Any] = {
            "StackId": self.id,
            "StackName": self.name,
            "EventId": str(uuid.uuid4()),
            "LogicalResourceId": resource.logical if resource else self.name,
            "PhysicalResourceId": about.id,
            "ResourceType": resource.type if resource else STACK_TYPE,
            "Timestamp": now(),
            "ResourceStatus": status,
            "ResourceStatusReason": reason or None,
        }
        if resource:
            resource.updated = event["Timestamp"]
        self.events.append(event)


@dataclass
class ChangeSetRecord:
    name: str
    id: str
    stack: Stack
    plan: Plan
    creates: bool
    description: str | None = None
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    on_failure: str | None = None  # OnStackFailure, where it was given
    reason: str | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    created: datetime = field(default_factory=now)


class StackRecords(Records):
    """`lock` is for which stacks there are, and for what one is doing."""

    def __init__(self) -> None:
        super().__init__()
        self.stacks: list[Stack] = []
        self.change_sets: list[ChangeSetRecord] = []

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

    def to_update(self, name: str) -> Stack:
        """The stack. Raises AwsError for one that is not there, or not to be updated now."""
        found = self.existing(name)
        if found is None or found.status == "DELETE_COMPLETE":
            raise invalid(f"Stack [{name}] does not exist")
        if found.status not in UPDATABLE:
            raise invalid(f"Stack:{found.id} is in {found.status} state and can not be updated.")
        return found

    def claim(self, stack: Stack) -> None:
        """Take a stack for an update, holding the lock. Raises AwsError if it is not free."""
        self.to_update(stack.id)
        stack.status, stack.updated = "UPDATE_IN_PROGRESS", now()

    def check_new(self, name: str) -> None:
        """Raises AwsError for a name that is malformed, or taken."""
        pattern = "[a-zA-Z][-a-zA-Z0-9]*"
        if not re.fullmatch(pattern, name) or len(name) > 128:
            raise invalid(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy"
                f" constraint: Member must satisfy regular expression pattern: {pattern}"
            )
        if self.existing(name):
            raise AwsError("AlreadyExistsException", f"Stack [{name}] already exists")

    def change_sets_of(self, stack: Stack) -> list[ChangeSetRecord]:
        return [one for one in self.change_sets if one.stack is stack]

    def outdate(self, stack: Stack) -> None:
        """What was to be changed is no more what is there (API_DescribeChangeSet, "OBSOLETE")."""
        for one in self.change_sets_of(stack):
            if one.execution == "AVAILABLE":
                one.execution = "OBSOLETE"

    def forget(self, stack: Stack, but: ChangeSetRecord | None = None) -> None:
        """Change sets go with their stack; a change set that is executed takes all others with it
        (API_ExecuteChangeSet)."""
        gone = [one for one in self.change_sets_of(stack) if one is not but]
        self.change_sets = [one for one in self.change_sets if one not in gone]

    def change_set(self, name: str, stack: str | None) -> ChangeSetRecord:
        for one in reversed(self.change_sets):
            if one.id == name or (one.name == name and stack in (one.stack.name, one.stack.id)):
                return one
        raise AwsError("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
