"""What waits for a person's decision, until when, and how to decide."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from scripts.lib.console import Console
from scripts.lib.packages import APPROVED, PENDING, REJECTED, Package
from scripts.lib.problems import error_code, is_gone, make
from scripts.lib.serving import served
from scripts.lib.session import Clients
from scripts.lib.workflow import parsed

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

Status = Literal["Approved", "Rejected"]
FIRST_EVENTS = 20  # of a workflow that waits; the first day's count of days is among them


def waits_until(clients: Clients, known: Mapping[str, str], one: Package) -> datetime | None:
    """When a version that nobody decides on is rejected: so many days after the workflow that waits
    for that began. None where none waits."""
    arn = execution(known.get("ApprovalWorkflowArn", ""), f"wait-{one.name}")
    found = begun(clients, arn)
    if found is None or found[0] != "RUNNING":
        return None
    return found[1] + timedelta(
        days=days_of(clients.stepfunctions, arn) or int(known.get("ApprovalDays", 0))
    )


def days_of(stepfunctions: "SFNClient", arn: str) -> int:
    """For how many days a workflow waits: those of the stack when it began, not those of today. 0
    where it has not come so far."""
    found = stepfunctions.get_execution_history(executionArn=arn, maxResults=FIRST_EVENTS)
    for event in found["events"]:
        waited = parsed(event.get("stateExitedEventDetails", {}).get("output", "")).get("waited")
        if isinstance(waited, dict) and isinstance(waited.get("most"), int):
            return int(waited["most"])
    return 0


def begun(clients: Clients, arn: str) -> tuple[str, datetime] | None:
    """An execution's status and since when it is; None where there is none."""
    try:
        answer = clients.stepfunctions.describe_execution(executionArn=arn)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return answer["status"], answer["startDate"]


def execution(machine: str, name: str) -> str:
    """The ARN of a state machine's execution."""
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"


def decide(
    clients: Clients,
    known: Mapping[str, str],
    one: Package,
    status: Status,
    reason: str,
    now: datetime,
) -> None:
    """Write the decision where the approval workflow hears of it: a registry sends an event, and
    without one the workflow is started."""
    if one.number:
        if one.status == status:
            # Only what is changed is named in the event (Model package state change, Automating
            # Amazon SageMaker AI with EventBridge)
            other: Status = REJECTED if status == APPROVED else APPROVED
            clients.sagemaker.update_model_package(
                ModelPackageArn=one.id,
                ModelApprovalStatus=other,
                ApprovalDescription="To be decided anew",
            )
        clients.sagemaker.update_model_package(
            ModelPackageArn=one.id, ModelApprovalStatus=status, ApprovalDescription=reason
        )
        return
    asked = {
        "record": one.id.split("/", 3)[3],
        "ModelApprovalStatus": status,
        "by": clients.sts.get_caller_identity()["Arn"],
        "reason": reason,
        "LastModifiedTime": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    start(clients, known["ApprovalWorkflowArn"], one, status, json.dumps(asked))


def start(clients: Clients, machine: str, one: Package, status: Status, asked: str) -> None:
    """Start the approval workflow under a name that follows from the decision and from what is
    decided on, so that a decision that is sent twice is one. One that came to nothing has used its
    name up, for 90 days (StartExecution, Step Functions API Reference): the next try has another.
    """
    for number in count():
        what = f"{one.changed.isoformat()}{f' again {number}' if number else ''}"
        seen = hashlib.sha256(what.encode()).hexdigest()[:8]
        name = f"decide-{one.name}-{status}-{seen}"
        try:
            clients.stepfunctions.start_execution(stateMachineArn=machine, name=name, input=asked)
            return
        except ClientError as error:
            if error_code(error) != "ExecutionAlreadyExists":
                raise
            before = begun(clients, execution(machine, name))
            if before is None or before[0] in ("RUNNING", "SUCCEEDED"):
                raise


def tell_undeployed(
    clients: Clients, known: Mapping[str, str], one: Package | None, console: Console, indent: int
) -> None:
    """What became of a version that a training left to a person's decision."""
    if one is None:
        console.paragraph("It was good enough; its version was removed since.", indent)
    elif one.status == PENDING:
        console.paragraph("It is good enough, and is not deployed yet.", indent)
    else:
        by = one.metadata.get("decided-by", "")
        why = f": {one.reason}" if one.reason else ""
        said = f"Version {one.label} was {one.status.lower()}{f' by {by}' if by else ''}{why}."
        serving = served(clients, known["EndpointName"])
        if serving and serving.is_of(one):
            said += f" Endpoint {known['EndpointName']} serves it."
        elif one.status == APPROVED:
            said += f" Endpoint {known['EndpointName']} serves another or none."
        console.paragraph(said, indent)


def tell_waiting(
    clients: Clients, known: Mapping[str, str], one: Package, stack: str, console: Console
) -> None:
    """What waits, how good it is, until when, and how to decide."""
    until = waits_until(clients, known, one)
    date = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    console.line(f"  Version {one.label} waits for approval{date}:", "yellow")
    console.paragraph(one.description, 4)
    version = f"VERSION={one.short}"
    console.line(f"    {make('report', stack, version)} shows its evaluation,")
    console.line(f"    {make('approve', stack, version)} deploys it,")
    console.line(f"    {make('reject', stack, version + ' REASON=…')} does not.")
