"""What looks by itself, at a glance: alarms, looks for drift, and schedules."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from scripts.lib import looks, packages, stacks
from scripts.lib.console import Console, ago, plain
from scripts.lib.problems import make
from scripts.lib.session import Clients

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

# What each parameter starts by itself
SCHEDULES = {"RetrainSchedule": "trains", "DriftSchedule": "looks for drift"}


def show_alarms(clients: Clients, stack: str, console: Console, now: datetime) -> None:
    """Which of the stack's alarms ring, and what each means: while one of a version's own does, an
    update of the endpoint is taken back."""
    held = stacks.resources(clients.cloudformation, stack)
    names = [one.physical for one in held if one.type == "AWS::CloudWatch::Alarm" and one.physical]
    if not names:
        return
    found = clients.cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
    ringing = [one for one in found if one["StateValue"] == "ALARM"]
    if not ringing:
        console.line(f"  None of its {len(names)} alarms rings.")
    for one in ringing:
        since = ago(one["StateUpdatedTimestamp"], now)
        console.line(f"  Alarm {one['AlarmName']} rings since {since} ago:", "red")
        if said := one.get("AlarmDescription"):
            console.paragraph(f"{said}.", 4)
        console.paragraph(one["StateReason"], 4)


def show_drift(
    clients: Clients,
    known: Mapping[str, str],
    stack: "StackTypeDef",
    console: Console,
    now: datetime,
) -> None:
    """When requests were last looked at, and what the last comparison has found."""
    machine = known.get("DriftWorkflowArn")
    if not machine:
        return
    console.line()
    console.line("Drift", "bold")
    listed = clients.stepfunctions.list_executions(stateMachineArn=machine, maxResults=1)
    if not listed["executions"]:
        more = make("drift", stack["StackName"])
        captures = stacks.parameters(stack).get("CapturePercent", "0") != "0"
        why = "has looked yet" if captures else "looks: requests are not kept (CapturePercent)"
        console.paragraph(f"Nobody {why}. {more} says how.")
        return
    last = listed["executions"][0]
    said = looks.found(clients, last["executionArn"], last["status"])
    console.paragraph(f"Last look {ago(last['startDate'], now)} ago: {said}")
    compared = looks.compared(clients, known["ArtifactBucket"])
    words = plain(compared.get("words"))
    if words and words.lower() not in said.lower():
        at = packages.moment(compared.get("at"))
        console.paragraph(f"Last comparison {ago(at, now)} ago: {words}.")
    given = stacks.parameters(stack)
    if given.get("RetrainOnDrift") == "yes":
        days = given.get("DriftCooldownDays")
        console.paragraph(f"Drift trains by itself, from {days} days after the last model on.")


def show_schedules(stack: "StackTypeDef", console: Console) -> None:
    """What begins by itself and when, as the parameters say: EventBridge Scheduler tells no next
    time (GetSchedule, EventBridge Scheduler API Reference)."""
    given = stacks.parameters(stack)
    wanted = {name: given[name] for name in SCHEDULES if given.get(name)}
    if not wanted:
        return
    console.line()
    console.line(f"By itself, in the time of {given.get('ScheduleTimezone', 'UTC')}", "bold")
    for name, expression in wanted.items():
        console.line(f"  {SCHEDULES[name]:<15}  {expression}")
