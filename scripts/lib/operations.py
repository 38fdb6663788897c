"""Operations on a stack: begun, waited for and followed event by event, to the first failure."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scripts.lib import stacks
from scripts.lib.changes import Proposal
from scripts.lib.console import Console, Pace, clock
from scripts.lib.problems import FAILED, Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

# States in which a stack can only be deleted (AWS: Stack status codes)
DEAD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
# What CloudFormation says of the bystanders of another resource's failure
BYSTANDER = ("creation cancelled", "update cancelled", "deletion cancelled")


@dataclass
class StackWatch:
    """Where a reader of a stack's events stands: what it has seen, and the first failure."""

    cloudformation: "CloudFormationClient"
    stack_id: str
    seen: set[str] = field(default_factory=set)
    failure: "StackEventTypeDef | None" = None

    def news(self) -> "list[StackEventTypeDef]":
        """Events not seen yet, oldest first."""
        fresh: list[StackEventTypeDef] = []
        pages = self.cloudformation.get_paginator("describe_stack_events")
        for page in pages.paginate(StackName=self.stack_id):
            new = [one for one in page["StackEvents"] if one["EventId"] not in self.seen]
            fresh += new
            if len(new) < len(page["StackEvents"]):
                break
        self.seen |= {one["EventId"] for one in fresh}
        return fresh[::-1]


def settle(
    cloudformation: "CloudFormationClient", stack: str, console: Console, yes: bool
) -> "StackTypeDef | None":
    """The stack to update, or None when one is to be created.

    Waits for a running operation; deletes what a failed creation left, once that is agreed to.
    """
    found = idle(cloudformation, stack, console)
    if not found or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    if found["StackStatus"] == "UPDATE_ROLLBACK_FAILED":
        raise Problem(
            f"stack {stack} is UPDATE_ROLLBACK_FAILED: repair what its last event names, then run "
            f"`aws cloudformation continue-update-rollback --stack-name {stack}`",
            FAILED,
        )
    if found["StackStatus"] in DEAD:
        clear(cloudformation, found, console, yes)
        return None
    return found


def idle(
    cloudformation: "CloudFormationClient", stack: str, console: Console
) -> "StackTypeDef | None":
    """The stack once no operation runs on it, or None."""
    found = stacks.describe(cloudformation, stack)
    while found and found["StackStatus"].endswith("_IN_PROGRESS"):
        # What a change set for a new stack makes: nothing runs on it
        if found["StackStatus"] == "REVIEW_IN_PROGRESS":
            return found
        console.line(f"Stack {stack} is {found['StackStatus']}: waiting for that to end")
        watch = StackWatch(cloudformation, found["StackId"])
        watch.news()
        # Asked again after the old events are read: the end may have been among them
        found = stacks.describe(cloudformation, found["StackId"])
        if found and found["StackStatus"].endswith("_IN_PROGRESS"):
            follow(watch, console)
        found = stacks.describe(cloudformation, stack)
    return found


def clear(
    cloudformation: "CloudFormationClient", found: "StackTypeDef", console: Console, yes: bool
) -> None:
    """Delete a stack that can no longer be updated."""
    name, status = found["StackName"], found["StackStatus"]
    console.line(f"Stack {name} is {status}: an earlier try failed, and AWS only lets it go.")
    if not yes:
        answer = console.ask("Delete it and start afresh? [y/N] ", "--yes (make: YES=1)")
        if answer.lower() not in ("y", "yes"):
            raise Problem(f"stack {name} is left as it is ({status})")
    delete(cloudformation, found, console)


def delete(cloudformation: "CloudFormationClient", found: "StackTypeDef", console: Console) -> None:
    """Delete a stack on which nothing runs, and follow that."""
    watch = StackWatch(cloudformation, found["StackId"])
    watch.news()
    cloudformation.delete_stack(StackName=found["StackId"])
    if follow(watch, console) != "DELETE_COMPLETE":
        name = found["StackName"]
        raise Problem(
            f"stack {name} could not be deleted: {cause(watch)}; repair that and repeat", FAILED
        )


def run(
    cloudformation: "CloudFormationClient", change: Proposal, console: Console
) -> tuple[str, StackWatch]:
    """Execute a change set and follow it; answers the stack's last status and what was seen."""
    watch = StackWatch(cloudformation, change.stack_id)
    watch.news()
    cloudformation.execute_change_set(ChangeSetName=change.arn)
    return follow(watch, console), watch


def cause(watch: StackWatch) -> str:
    """The first failure as one line."""
    if watch.failure is None:
        return "the stack's events name no failed resource"
    reason = " ".join(watch.failure.get("ResourceStatusReason", "no reason given").split())
    return f"{watch.failure.get('LogicalResourceId', '')}: {reason}"


def follow(watch: StackWatch, console: Console) -> str:
    """Print events until the stack's operation ends; answers the stack's last status."""
    pace, busy = Pace(), set[str]()
    while True:
        fresh = watch.news()
        for event in fresh:
            status, name = event.get("ResourceStatus", ""), event.get("LogicalResourceId", "")
            if event.get("PhysicalResourceId") == watch.stack_id:
                if not status.endswith("_IN_PROGRESS"):
                    console.line(f"  {clock(console.elapsed)}  {status}  {name}", tone(status))
                    return status
                continue
            (busy.add if status.endswith("_IN_PROGRESS") else busy.discard)(name)
            if watch.failure is None and is_cause(event):
                watch.failure = event
            if not status.endswith("_IN_PROGRESS"):
                show(console, event)
        if console.terminal and busy:
            console.live(f"working on {', '.join(sorted(busy))}")
        pace.wait(news=bool(fresh))


def is_cause(event: "StackEventTypeDef") -> bool:
    """Whether a resource failed by itself, not because another one did."""
    reason = event.get("ResourceStatusReason", "")
    failed = event.get("ResourceStatus", "").endswith("_FAILED")
    return failed and not any(words in reason for words in BYSTANDER)


def tone(status: str) -> str | None:
    """The colour of a stack status."""
    if "FAILED" in status or "ROLLBACK" in status:
        return "red"
    return "green" if status.endswith("_COMPLETE") else None


def show(console: Console, event: "StackEventTypeDef") -> None:
    """One resource event, with its reason when it failed."""
    status = event.get("ResourceStatus", "")
    kind = event.get("ResourceType", "").removeprefix("AWS::")
    text = f"  {clock(console.elapsed)}  {status:<16} {event.get('LogicalResourceId', '')}  {kind}"
    console.line(text, "red" if status.endswith("_FAILED") else None)
    if status.endswith("_FAILED") and event.get("ResourceStatusReason"):
        console.paragraph(event["ResourceStatusReason"], 8)
