"""A stack's events while it changes, and the first one that went wrong."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scripts.console import Console, Pace, clock

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackEventTypeDef

# What CloudFormation says of the bystanders of another resource's failure
BYSTANDER = ("creation cancelled", "update cancelled", "deletion cancelled")


@dataclass
class Watch:
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


def follow(watch: Watch, console: Console) -> str:
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
