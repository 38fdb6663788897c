"""Pipelines, their executions and action executions: the state behind the API, and its events."""

import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local import events
from local.artifacts import Location
from local.context import current
from local.service import Records, now

_VARIABLE = re.compile(r"#\{([\w@-]+)\.([\w@-]+)\}")


class ActionFailure(Exception):
    """Fails an action; `code` is one of ErrorDetails' codes (JobFailed, ConfigurationError …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class ActionRun:
    """One execution of one action."""

    stage: str
    declaration: Mapping[str, Any]
    inputs: list[Location]
    outputs: list[Location]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    started: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    configuration: Mapping[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    external_id: str | None = None
    summary: str | None = None
    error: dict[str, str] | None = None
    token: str | None = None
    approval: Mapping[str, str] | None = None
    updated_by: str | None = None

    @property
    def name(self) -> str:
        return str(self.declaration["name"])


@dataclass
class Execution:
    definition: Mapping[str, Any]
    trigger: Mapping[str, str]
    variables: Mapping[str, str]
    wanted_revisions: Mapping[str, str]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    started: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    attempt: int = 1
    stop: str | None = None
    stop_reason: str = ""
    stages: dict[str, str] = field(default_factory=dict)
    entered: dict[str, datetime] = field(default_factory=dict)
    actions: list[ActionRun] = field(default_factory=list)
    artifacts: dict[str, Location] = field(default_factory=dict)
    namespaces: dict[str, Mapping[str, str]] = field(default_factory=dict)
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.namespaces["codepipeline"] = {"PipelineExecutionId": self.id}
        self.namespaces["variables"] = self.variables

    def resolve(self, text: str) -> str:
        """`text` with #{namespace.name} replaced ("Variables reference")."""

        def value(match: re.Match[str]) -> str:
            known = self.namespaces.get(match[1], {})
            if match[2] not in known:
                raise ActionFailure(
                    "ConfigurationError", f"The variable {match[0]} cannot be resolved"
                )
            return known[match[2]]

        return _VARIABLE.sub(value, text)

    def announce(self, state: str, **more: Any) -> None:
        self._emit("Pipeline", self.started, {"state": state} | more)

    def end(self, status: str) -> None:
        self.status, self.updated = status, now()
        self.announce(status.upper())

    def request_stop(self, how: str, reason: str) -> None:
        """`how`: wait for the actions under way, or abandon them."""
        self.stop, self.stop_reason = how, reason
        self.status, self.updated = "Stopping", now()
        self.announce("STOPPING", **{"stop-execution-comments": reason})
        for stage, status in self.stages.items():
            if status == "InProgress":
                self._announce_stage(stage, "STOPPING")

    def enter(self, stage: str, state: str) -> None:
        """`state` is STARTED, or RESUMED where a person retries the stage."""
        self.updated = self.entered[stage] = now()
        self.stages[stage] = "InProgress"
        self._announce_stage(stage, state)

    def leave(self, stage: str, status: str) -> None:
        self.stages[stage] = status
        self._announce_stage(stage, status.upper())

    def _announce_stage(self, stage: str, state: str) -> None:
        self._emit("Stage", self.entered[stage], {"stage": stage, "state": state})

    def announce_action(self, run: ActionRun) -> None:
        error, made = run.error or {}, run.outputs if run.status == "Succeeded" else []
        result = {
            "external-execution-id": run.external_id,
            "external-execution-summary": error.get("message", run.summary),
            "error-code": error.get("code"),
        }
        detail = {
            "stage": run.stage,
            "action": run.name,
            "action-execution-id": run.id,
            "state": "STARTED" if run.status == "InProgress" else run.status.upper(),
            "region": current().region,
            "type": run.declaration["actionTypeId"],
            "input-artifacts": [each.described() for each in run.inputs],
            "output-artifacts": [each.described() for each in made],
            "execution-result": {key: value for key, value in result.items() if value},
        }
        self._emit("Action", run.started, {key: value for key, value in detail.items() if value})

    def _emit(self, level: str, started: datetime, detail: dict[str, Any]) -> None:
        """An event of "Monitoring CodePipeline events" (CodePipeline User Guide)."""
        name = self.definition["name"]
        events.emit(
            "aws.codepipeline",
            f"CodePipeline {level} Execution State Change",
            [current().arn("codepipeline", name)],
            {
                "pipeline": name,
                "execution-id": self.id,
                "start-time": started.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
                "version": float(self.definition["version"]),
                "pipeline-execution-attempt": float(self.attempt),
            }
            | detail,
        )


@dataclass
class StageRecord:
    """Who is in a stage and who waits in front of it; `latest` entered it last."""

    holder: Execution | None = None
    queue: list[Execution] = field(default_factory=list)
    latest: Execution | None = None


@dataclass
class Pipeline:
    definition: Mapping[str, Any]
    tags: dict[str, str]
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    executions: list[Execution] = field(default_factory=list)
    stages: dict[str, StageRecord] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return current().arn("codepipeline", self.definition["name"])

    def stage(self, name: str) -> StageRecord:
        return self.stages.setdefault(name, StageRecord())

    def find(self, identifier: str) -> Execution | None:
        return next((each for each in self.executions if each.id == identifier), None)


class PipelineRecords(Records):
    """`changed` holds the lock too, and wakes whoever waits for a stage, an action or a stop."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition(self.lock)
        self.pipelines: dict[str, Pipeline] = {}
