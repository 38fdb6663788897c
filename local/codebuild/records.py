"""Builds as the API describes them, from what StartBuild makes of a project to their end."""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local import events
from local.artifacts import Handover
from local.cloudwatch.metrics import record
from local.codebuild.reports import ReportGroups
from local.context import current
from local.service import Records


class BuildFailure(Exception):
    """Ends a phase: `code` and message become the phase's context."""

    def __init__(self, code: str, message: str, status: str = "FAILED") -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass
class BuildRun:
    """A build; `record` is what BatchGetBuilds gives."""

    record: dict[str, Any]
    project: Mapping[str, Any]
    variables: list[dict[str, str]]
    handover: Handover | None
    deadline: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Record a phase around the work in it; BuildFailure and whatever else fails it."""
        entry: dict[str, Any] = {
            "phaseType": name,
            "phaseStatus": "IN_PROGRESS",
            "startTime": datetime.now(UTC),
        }
        self.record["phases"].append(entry)
        self.record["currentPhase"] = name
        status, context_entry = "SUCCEEDED", {"statusCode": "", "message": ""}
        try:
            yield
        except BuildFailure as failure:
            status = failure.status
            context_entry = {"statusCode": failure.code, "message": str(failure)}
            raise
        except Exception as error:
            status, context_entry = "FAILED", {"statusCode": "CLIENT_ERROR", "message": str(error)}
            raise BuildFailure("CLIENT_ERROR", str(error)) from error
        finally:
            now = datetime.now(UTC)
            seconds = int((now - entry["startTime"]).total_seconds())
            entry |= {
                "phaseStatus": status,
                "endTime": now,
                "durationInSeconds": seconds,
                "contexts": [context_entry],
            }
            self.announce_phase(entry)

    def check(self) -> None:
        """Raises BuildFailure if the build must end now."""
        if self.stop.is_set():
            raise BuildFailure("", "", "STOPPED")
        if time.monotonic() > self.deadline:
            raise BuildFailure("BUILD_TIMED_OUT", "Build has timed out. ", "TIMED_OUT")

    def complete(self, status: str) -> None:
        now = datetime.now(UTC)
        self.record["phases"].append({"phaseType": "COMPLETED", "startTime": now})
        self.record |= {
            "buildStatus": status,
            "currentPhase": "COMPLETED",
            "endTime": now,
            "buildComplete": True,
        }
        self.announce()
        self._measure(status)

    def _measure(self, status: str) -> None:
        """Of a project ("CodeBuild CloudWatch metrics", CodeBuild User Guide). What was stopped has
        neither succeeded nor failed."""
        project = {"ProjectName": self.record["projectName"]}
        took = (self.record["endTime"] - self.record["startTime"]).total_seconds()
        ends = {"SUCCEEDED": ["SucceededBuilds"], "STOPPED": []}
        for name in ("Builds", *ends.get(status, ["FailedBuilds"])):
            record("AWS/CodeBuild", name, project, 1, "Count")
        record("AWS/CodeBuild", "Duration", project, took, "Seconds")

    def announce(self) -> None:
        current = {"current-phase": self.record["currentPhase"]}
        self._emit("State", {"build-status": self.record["buildStatus"], **current})

    def announce_phase(self, phase: Mapping[str, Any]) -> None:
        said = [f"{each['statusCode']}: {each['message']}" for each in phase["contexts"]]
        self._emit(
            "Phase",
            {
                "completed-phase": phase["phaseType"],
                "completed-phase-status": phase["phaseStatus"],
                "completed-phase-context": f"[{', '.join(said)}]",
                "completed-phase-duration-seconds": phase["durationInSeconds"],
                "completed-phase-start": _moment(phase["startTime"]),
                "completed-phase-end": _moment(phase["endTime"]),
            },
        )

    def _emit(self, what: str, detail: dict[str, Any]) -> None:
        """The events of "Build notifications input format reference"."""
        detail |= {
            "project-name": self.record["projectName"],
            "build-id": self.record["arn"],
            "additional-information": {
                "initiator": self.record["initiator"],
                "build-complete": self.record["buildComplete"],
            },
            "version": "1",
        }
        events.emit("aws.codebuild", f"CodeBuild Build {what} Change", [self.record["arn"]], detail)


def _moment(time: datetime) -> str:
    return time.strftime("%b %-d, %Y %-I:%M:%S %p")


class BuildRecords(Records):
    def __init__(self) -> None:
        super().__init__()
        self.projects: dict[str, dict[str, Any]] = {}
        self.builds: dict[str, BuildRun] = {}
        self.numbers: dict[str, int] = {}
        self.reports = ReportGroups()

    def submit(
        self,
        project: Mapping[str, Any],
        initiator: str,
        start: Mapping[str, Any],
        handover: Handover | None,
    ) -> BuildRun:
        """A build about to run; `start` holds StartBuild's parameters."""
        name = project["name"]
        with self.lock:
            number = self.numbers[name] = self.numbers.get(name, 0) + 1
            record = _record(project, number, start) | {"initiator": initiator}
            if handover:
                record |= _source(handover)
            variables = start.get("environmentVariablesOverride", [])
            build = BuildRun(record, project, variables, handover)
            self.builds[build.id] = build
        return build

    def unfinished_before(self, build: BuildRun) -> int:
        """How many builds of the same project were started earlier and have not ended."""
        record = build.record
        return sum(
            other["projectName"] == record["projectName"]
            and not other["buildComplete"]
            and other["buildNumber"] < record["buildNumber"]
            for other in [each.record for each in list(self.builds.values())]
        )


def _record(project: Mapping[str, Any], number: int, start: Mapping[str, Any]) -> dict[str, Any]:
    name, unique = project["name"], str(uuid.uuid4())
    spec = {"buildspec": start["buildspecOverride"]} if "buildspecOverride" in start else {}
    version = {"sourceVersion": start["sourceVersion"]} if "sourceVersion" in start else {}
    return version | {
        "id": f"{name}:{unique}",
        "arn": current().arn("codebuild", f"build/{name}:{unique}"),
        "buildNumber": number,
        "startTime": datetime.now(UTC),
        "currentPhase": "QUEUED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "projectName": name,
        "phases": [],
        "source": project["source"] | spec,
        "environment": project["environment"],
        "serviceRole": project["serviceRole"],
        "timeoutInMinutes": start.get("timeoutInMinutesOverride") or project["timeoutInMinutes"],
        "queuedTimeoutInMinutes": project["queuedTimeoutInMinutes"],
        "encryptionKey": project["encryptionKey"],
        "logs": _logs(project, unique),
        "artifacts": {"location": ""},
        "cache": {"type": "NO_CACHE"},
        "exportedEnvironmentVariables": [],
        "reportArns": [],
    }


def _source(handover: Handover) -> dict[str, str]:
    """The source of a build that a pipeline starts: an artifact, of a commit if one is known."""
    revision = {"resolvedSourceVersion": handover.revision} if handover.revision else {}
    return {"sourceVersion": handover.inputs[0].arn} | revision


def _logs(project: Mapping[str, Any], unique: str) -> dict[str, Any]:
    config = project.get("logsConfig", {}).get("cloudWatchLogs", {"status": "ENABLED"})
    if config["status"] == "DISABLED":
        return {"cloudWatchLogs": config}
    group = config.get("groupName") or f"/aws/codebuild/{project['name']}"
    stream = f"{config['streamName']}/{unique}" if config.get("streamName") else unique
    arn = current().arn("logs", f"log-group:{group}:log-stream:{stream}")
    return {
        "groupName": group,
        "streamName": stream,
        "cloudWatchLogsArn": arn,
        "cloudWatchLogs": config,
    }
