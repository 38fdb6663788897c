"""Change sets: what an update would do, told before it is done."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypedDict

from scripts.lib.console import Console, Pace
from scripts.lib.problems import FAILED, Problem
from scripts.lib.stacks import STATEFUL

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        ParameterTypeDef,
    )

NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")


class TemplateSource(TypedDict, total=False):
    """Where CloudFormation reads a template: one of the two."""

    TemplateURL: str
    TemplateBody: str


class Worker(TypedDict, total=False):
    """Whose permissions make the resources: nothing is the caller, or the stack's own role."""

    RoleARN: str


@dataclass(frozen=True)
class ProposedChange:
    """One resource's change; `replacement` is True, False, Conditional or empty."""

    action: str
    logical: str
    type: str
    replacement: str
    policy: str

    @property
    def loses_data(self) -> bool:
        """Whether a resource that holds data would be replaced, or deleted without Retain."""
        replaced = self.replacement == "True"
        deleted = self.action == "Remove" and self.policy != "Retain"
        return self.type in STATEFUL and (replaced or deleted)


@dataclass(frozen=True)
class Proposal:
    """A change set that can be executed; `new` where it creates its stack."""

    arn: str
    stack_id: str
    new: bool
    changes: list[ProposedChange]


def prepare(
    cloudformation: "CloudFormationClient",
    stack: str,
    create: bool,
    source: TemplateSource,
    parameters: "list[ParameterTypeDef]",
    role: str = "",
) -> Proposal | None:
    """Make a change set and wait for it; None when there is nothing to change.

    With a `role`, CloudFormation works with it from then on, also where none is given later (AWS:
    CreateChangeSet, RoleARN).
    """
    summary = cloudformation.get_template_summary(**source)
    capabilities: Sequence[CapabilityType] = summary.get("Capabilities", [])
    kind: Literal["CREATE", "UPDATE"] = "CREATE" if create else "UPDATE"
    worker: Worker = {"RoleARN": role} if role else {}
    made = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=f"change-{uuid.uuid4().hex[:12]}",
        ChangeSetType=kind,
        Parameters=parameters,
        Capabilities=capabilities,
        **source,
        **worker,
    )
    answer = settled(cloudformation, made["Id"])
    good = answer["Status"] == "CREATE_COMPLETE"
    changes = read_changes(cloudformation, made["Id"]) if good else []
    proposal = Proposal(made["Id"], answer["StackId"], create, changes)
    if good:
        return proposal
    discard(cloudformation, proposal)
    reason = answer.get("StatusReason", answer["Status"])
    if any(words in reason for words in NOTHING_TO_DO):
        return None
    raise Problem(f"the change set of {stack} was refused: {' '.join(reason.split())}", FAILED)


def settled(
    cloudformation: "CloudFormationClient", change_set: str
) -> "DescribeChangeSetOutputTypeDef":
    """The change set once CloudFormation has worked it out."""
    pace = Pace()
    while True:
        answer = cloudformation.describe_change_set(ChangeSetName=change_set)
        if answer["Status"] not in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            return answer
        pace.wait()


def read_changes(cloudformation: "CloudFormationClient", change_set: str) -> list[ProposedChange]:
    """All changes, over all pages."""
    pages = cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
    found = [one["ResourceChange"] for page in pages for one in page.get("Changes", [])]
    return [
        ProposedChange(
            one["Action"],
            one["LogicalResourceId"],
            one["ResourceType"],
            one.get("Replacement", ""),
            one.get("PolicyAction", ""),
        )
        for one in found
    ]


def discard(cloudformation: "CloudFormationClient", change: Proposal) -> None:
    """Delete a change set that will not run, with the empty stack that a first one makes."""
    cloudformation.delete_change_set(ChangeSetName=change.arn)
    if change.new:
        cloudformation.delete_stack(StackName=change.stack_id)


def show(console: Console, changes: list[ProposedChange]) -> None:
    """The changes as a table, and loudly what would lose data."""
    words = {"True": "REPLACED", "Conditional": "maybe replaced", "False": "in place", "": "-"}
    rows = [
        (one.action, one.logical, one.type.removeprefix("AWS::"), words[one.replacement])
        for one in sorted(changes, key=lambda one: (one.action, one.logical))
    ]
    console.table(("Action", "Logical ID", "Type", "Replacement"), rows)
    for one in changes:
        if one.loses_data:
            verb = "deleted" if one.action == "Remove" else "replaced by an empty one"
            console.line(f"  DATA: {one.logical} ({one.type}) would be {verb}", "red")
