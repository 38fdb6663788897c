"""Why a step of the pipeline failed, and what a running one is doing."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts import workflow
from scripts.clients import Clients
from scripts.pipeline import Step

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef

SHOWN_LINES = 6


def execution_of(clients: Clients, step: Step, machine: str) -> str:
    """The workflow execution behind a step, or an empty text.

    Where CodePipeline cannot start a workflow (China), the Train stage is a build that does.
    """
    if step.provider == "StepFunctions":
        return step.external
    if step.stage == "Train" and machine:
        return workflow.started_since(clients.stepfunctions, machine, step.started)
    return ""


def reason(clients: Clients, step: Step, machine: str) -> list[str]:
    """Lines that say why the step failed, the most telling first."""
    execution = execution_of(clients, step, machine)
    if execution:
        return [str(workflow.failure(clients.stepfunctions, execution))]
    build = build_of(clients, step)
    if build:
        return [*build_failure(build), *log_gist(clients, build)]
    return [step.message or "no reason given"]


def doing(clients: Clients, step: Step, machine: str) -> str:
    """What a running step is at."""
    execution = execution_of(clients, step, machine)
    if execution:
        return workflow.where(clients, execution)
    build = build_of(clients, step)
    return build.get("currentPhase", "").lower() if build else ""


def build_of(clients: Clients, step: Step) -> "BuildTypeDef | None":
    """The build behind a step; its ID is `project:uuid`."""
    if step.provider != "CodeBuild" or not step.external:
        return None
    found = clients.codebuild.batch_get_builds(ids=[step.external])["builds"]
    return found[0] if found else None


def build_failure(build: "BuildTypeDef") -> list[str]:
    """The phases that failed, with what CodeBuild says of them."""
    lines = []
    for phase in build.get("phases", []):
        if phase.get("phaseStatus") not in (None, "SUCCEEDED"):
            said = [one["message"] for one in phase.get("contexts", []) if one.get("message")]
            head = f"phase {phase.get('phaseType')} {phase['phaseStatus']}"
            lines.append(": ".join([head, *said]))
    return lines or [f"build {build.get('buildStatus', 'FAILED')}"]


def log_gist(clients: Clients, build: "BuildTypeDef") -> list[str]:
    """What the build's commands printed last, without CodeBuild's own; of tests, what failed."""
    logs = build.get("logs", {})
    if not logs.get("groupName") or not logs.get("streamName"):
        return []
    try:
        events = clients.logs.get_log_events(
            logGroupName=logs["groupName"], logStreamName=logs["streamName"], limit=200
        )["events"]
    except ClientError:
        return []  # the phase's own message stands; a log may be gone by its retention
    lines = [one.get("message", "").rstrip() for one in events]
    said = [one for one in lines if one and not one.startswith("[Container]")]
    telling = [one for one in said if one.startswith(("E ", "FAILED"))]
    plain = [one for one in said if not one.startswith("====")]
    return [f"| {one}" for one in (telling or plain)[-SHOWN_LINES:]]
