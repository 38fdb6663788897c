"""Pipeline executions as plain data."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from scripts.session import Problem

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_codepipeline.type_defs import (
        ActionExecutionDetailTypeDef,
        PipelineExecutionSummaryTypeDef,
    )

ENDED = ("Succeeded", "Failed", "Stopped", "Cancelled", "Superseded")


@dataclass(frozen=True)
class Step:
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
class Run:
    """One execution of the pipeline and the commit it is about."""

    id: str
    status: str
    commit: str
    message: str
    started: datetime | None
    updated: datetime | None


def runs(codepipeline: "CodePipelineClient", pipeline: str, most: int = 20) -> list[Run]:
    """The pipeline's executions, newest first."""
    found = codepipeline.list_pipeline_executions(pipelineName=pipeline, maxResults=most)
    return [read_run(one) for one in found["pipelineExecutionSummaries"]]


def read_run(summary: "PipelineExecutionSummaryTypeDef") -> Run:
    """One summary; the commit is unknown until Source has run."""
    revisions = summary.get("sourceRevisions") or [{"actionName": ""}]
    message = revisions[0].get("revisionSummary", "")
    return Run(
        summary.get("pipelineExecutionId", ""),
        summary.get("status", "InProgress"),
        revisions[0].get("revisionId", "")[:12],
        message.splitlines()[0] if message else "",
        summary.get("startTime"),
        summary.get("lastUpdateTime"),
    )


def latest(codepipeline: "CodePipelineClient", pipeline: str) -> Run:
    """The newest execution; a Problem where there is none yet."""
    found = runs(codepipeline, pipeline, 1)
    if not found:
        raise Problem(f"pipeline {pipeline} has not run yet: `make train` or a push starts it")
    return found[0]


def steps(codepipeline: "CodePipelineClient", pipeline: str, execution: str) -> list[Step]:
    """The execution's actions in the order in which they began; of a retried one, the last try."""
    pages = codepipeline.get_paginator("list_action_executions").paginate(
        pipelineName=pipeline, filter={"pipelineExecutionId": execution}
    )
    details = [one for page in pages for one in page["actionExecutionDetails"]]
    oldest_first = sorted((read_step(one) for one in details), key=lambda one: one.started)
    return list({(one.stage, one.action): one for one in oldest_first}.values())


def read_step(detail: "ActionExecutionDetailTypeDef") -> Step:
    """One action execution."""
    result = detail.get("output", {}).get("executionResult", {})
    return Step(
        detail.get("stageName", ""),
        detail.get("actionName", ""),
        detail.get("input", {}).get("actionTypeId", {}).get("provider", ""),
        detail.get("status", "InProgress"),
        detail["startTime"],
        detail.get("lastUpdateTime", detail["startTime"]),
        result.get("externalExecutionId", ""),
        result.get("errorDetails", {}).get("message", "")
        or result.get("externalExecutionSummary", ""),
    )
