"""An execution of the pipeline: its steps, what a running one is at, and why one failed."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts.lib import workflow
from scripts.lib.console import plain
from scripts.lib.problems import Problem
from scripts.lib.session import Clients

if TYPE_CHECKING:
    from mypy_boto3_codebuild.type_defs import BuildTypeDef
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        PipelineExecutionSummaryTypeDef,
    )

SHOWN_LINES = 6
ENDED = ("Succeeded", "Failed", "Stopped", "Cancelled", "Superseded")


@dataclass(frozen=True)
class PipelineStep:
    """One action of one execution; `external` is the build ID or the workflow execution's ARN."""

    stage: str
    action: str
    provider: str
    status: str
    started: datetime
    updated: datetime
    external: str
    message: str


@dataclass(frozen=True)
class PipelineRun:
    """One execution of the pipeline and the commit it is about."""

    id: str
    status: str
    commit: str
    message: str
    started: datetime | None
    updated: datetime | None


def runs(codepipeline: "CodePipelineClient", pipeline: str, most: int = 20) -> list[PipelineRun]:
    """The pipeline's executions, newest first."""
    found = codepipeline.list_pipeline_executions(pipelineName=pipeline, maxResults=most)
    return [read_run(one) for one in found["pipelineExecutionSummaries"]]


def read_run(summary: "PipelineExecutionSummaryTypeDef") -> PipelineRun:
    """One summary; the commit is unknown until Source has run."""
    revisions = summary.get("sourceRevisions") or [{"actionName": ""}]
    message = revisions[0].get("revisionSummary", "")
    return PipelineRun(
        summary.get("pipelineExecutionId", ""),
        summary.get("status", "InProgress"),
        revisions[0].get("revisionId", "")[:12],
        plain(message.splitlines()[0]) if message else "",
        summary.get("startTime"),
        summary.get("lastUpdateTime"),
    )


def latest(codepipeline: "CodePipelineClient", pipeline: str) -> PipelineRun:
    """The newest execution; a Problem where there is none yet."""
    found = runs(codepipeline, pipeline, 1)
    if not found:
        raise Problem(f"pipeline {pipeline} has not run yet: a push to its branch starts it")
    return found[0]


def steps(codepipeline: "CodePipelineClient", pipeline: str, execution: str) -> list[PipelineStep]:
    """The execution's actions in the order in which they began; of a retried one, the last try."""
    pages = codepipeline.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    details = [one for page in pages for one in page["actionExecutionDetails"]]
    oldest_first = sorted((read_step(one) for one in details), key=lambda one: one.started)
    return list({(one.stage, one.action): one for one in oldest_first}.values())


def read_step(detail: "ActionExecutionDetailTypeDef") -> PipelineStep:
    """One action execution."""
    result = detail.get("output", {}).get("executionResult", {})
    return PipelineStep(
        detail.get("stageName", ""),
        detail.get("actionName", ""),
        detail.get("input", {}).get("actionTypeId", {}).get("provider", ""),
        detail.get("status", "InProgress"),
        detail["startTime"],
        detail.get("lastUpdateTime", detail["startTime"]),
        result.get("externalExecutionId", ""),
        plain(
            result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary")
        ),
    )


def execution_of(clients: Clients, step: PipelineStep, machine: str) -> str:
    """The workflow execution behind a step, or an empty text.

    Where CodePipeline cannot start a workflow (China), the Train stage is a build that does.
    """
    if step.provider == "StepFunctions":
        return step.external
    if step.stage == "Train" and machine and step.external:
        return workflow.started_by(clients.stepfunctions, machine, step.external)
    return ""


def reason(clients: Clients, step: PipelineStep, machine: str) -> list[str]:
    """Lines that say why the step failed, the most telling first."""
    execution = execution_of(clients, step, machine)
    if execution:
        return [str(workflow.failure(clients.stepfunctions, execution))]
    build = build_of(clients, step)
    if build:
        return [*build_failure(build), *log_gist(clients, build)]
    return [step.message or "no reason given"]


def undeployed(clients: Clients, step: PipelineStep, machine: str) -> workflow.Undeployed | None:
    """Why a step that ended well has deployed nothing, if so."""
    execution = execution_of(clients, step, machine)
    return workflow.undeployed(clients.stepfunctions, execution) if execution else None


def doing(clients: Clients, step: PipelineStep, machine: str) -> str:
    """A running step and what it is at."""
    execution = execution_of(clients, step, machine)
    if execution:
        return f"{step.stage}: {workflow.where(clients, execution)}"
    build = build_of(clients, step)
    phase = build.get("currentPhase", "").lower() if build else ""
    return step.stage + (f": {phase}" if phase else "")


def build_of(clients: Clients, step: PipelineStep) -> "BuildTypeDef | None":
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
    rest = [one for one in said if not one.startswith("====")]
    return [f"| {one}" for one in (telling or rest)[-SHOWN_LINES:]]
