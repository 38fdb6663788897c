"""What waits for a person's decision, until when, and how to decide."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from botocore.exceptions import ClientError

from scripts.lib.console import Console
from scripts.lib.packages import Package
from scripts.lib.problems import is_gone, make
from scripts.lib.session import Clients

Status = Literal["Approved", "Rejected"]


def waits_until(clients: Clients, known: Mapping[str, str], one: Package) -> datetime | None:
    """When a version that nobody decides on is rejected: so many days after the workflow that waits
    for that began. None where none waits."""
    arn = execution(known.get("ApprovalWorkflowArn", ""), f"wait-{one.name}")
    try:
        answer = clients.stepfunctions.describe_execution(executionArn=arn)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    if answer["status"] != "RUNNING":
        return None
    return answer["startDate"] + timedelta(days=int(known.get("ApprovalDays", 0)))


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
    without one the workflow is started.

    That execution's name follows from the decision and from what is decided on, so that a decision
    that is sent twice is one.
    """
    if one.number:
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
    seen = hashlib.sha256(one.changed.isoformat().encode()).hexdigest()[:8]
    clients.stepfunctions.start_execution(
        stateMachineArn=known["ApprovalWorkflowArn"],
        name=f"decide-{one.name}-{status}-{seen}",
        input=json.dumps(asked),
    )


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
