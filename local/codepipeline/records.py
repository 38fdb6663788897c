"""Pipelines, their executions and action executions: the state behind the API."""

import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local import context, events
from local.artifacts import Location
from local.service import Records

_VARIABLE = re.compile(r"#\{([\w@-]+)\.([\w@-]+)\}")


class ActionFailure(Exception):
    """Fails an action; `code` is one of ErrorDetails' codes (JobFailed, ConfigurationError …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class ActionRun:
    """One execution of one action."""

    stage: str
    declaration: Mapping[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    started: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)
    configuration: Mapping[str, str] = field(default_factory=dict)
    inputs: list[Location] = field(default_factory=list)
    outputs: list[Location] = field(default_factory=list)
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
    stop: str | None = None
    stop_reason: str = ""
    stages: dict[str, str] = field(default_factory=dict)
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

    def end(self, status: str) -> None:
        self.status, self.updated = status, now()
        self.announce(status.upper())

    def announce(self, state: str) -> None:
        """The event of "Monitoring CodePipeline events"."""
        name = self.definition["name"]
        events.emit(
            "aws.codepipeline",
            "CodePipeline Pipeline Execution State Change",
            [context.current().arn("codepipeline", name)],
            {
                "pipeline": name,
                "execution-id": self.id,
                "state": state,
                "start-time": self.started.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
                "version": float(self.definition["version"]),
                "execution-trigger": {
                    "trigger-type": self.trigger["triggerType"],
                    "trigger-detail": self.trigger["triggerDetail"],
                },
            },
        )


@dataclass
class Stage:
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
    stages: dict[str, Stage] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return context.current().arn("codepipeline", self.definition["name"])

    def stage(self, name: str) -> Stage:
        return self.stages.setdefault(name, Stage())

    def find(self, identifier: str) -> Execution | None:
        return next((each for each in self.executions if each.id == identifier), None)


class PipelineRecords(Records):
    """`changed` holds the lock too, and wakes whoever waits for a stage, an action or a stop."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition(self.lock)
        self.pipelines: dict[str, Pipeline] = {}
