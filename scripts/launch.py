"""Running a change set, and what to do with a stack that an earlier try left behind."""

from typing import TYPE_CHECKING

from scripts import changes, stacks
from scripts.console import Console
from scripts.events import Watch, follow
from scripts.session import FAILED, Problem

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

# States in which a stack can only be deleted (AWS: Stack status codes)
DEAD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")


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
        watch = Watch(cloudformation, found["StackId"])
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
    watch = Watch(cloudformation, found["StackId"])
    watch.news()
    cloudformation.delete_stack(StackName=found["StackId"])
    if follow(watch, console) != "DELETE_COMPLETE":
        name = found["StackName"]
        raise Problem(
            f"stack {name} could not be deleted: {cause(watch)}; repair that and repeat", FAILED
        )


def run(
    cloudformation: "CloudFormationClient", change: changes.ChangeSet, console: Console
) -> tuple[str, Watch]:
    """Execute a change set and follow it; answers the stack's last status and what was seen."""
    watch = Watch(cloudformation, change.stack_id)
    watch.news()
    # Retain protects what is in use. What this very operation makes is empty, so a rollback may
    # take it away: otherwise the second try would collide with the first one's repositories
    cloudformation.execute_change_set(ChangeSetName=change.arn)
    return follow(watch, console), watch


def cause(watch: Watch) -> str:
    """The first failure as one line."""
    if watch.failure is None:
        return "the stack's events name no failed resource"
    reason = " ".join(watch.failure.get("ResourceStatusReason", "no reason given").split())
    return f"{watch.failure.get('LogicalResourceId', '')}: {reason}"
