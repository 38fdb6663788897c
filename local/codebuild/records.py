"""Projects and builds as the API describes them, and the state they live in."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local import events
from local.artifacts import Handover
from local.codebuild.reports import Groups
from local.service import Records


class BuildFailure(Exception):
    """Ends a phase: `code` and message become the phase's context."""

    def __init__(self, code: str, message: str, status: str = "FAILED") -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass
class Build:
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

    def interruption(self) -> BuildFailure | None:
        """Why the build must end now, if it must."""
        if self.stop.is_set():
            return BuildFailure("", "", "STOPPED")
        if time.monotonic() > self.deadline:
            return BuildFailure("BUILD_TIMED_OUT", "Build has timed out. ", "TIMED_OUT")
        return None

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

    def announce(self) -> None:
        """The event of "Build notifications input format reference"."""
        detail = {
            "build-status": self.record["buildStatus"],
            "project-name": self.record["projectName"],
            "build-id": self.record["arn"],
            "current-phase": self.record["currentPhase"],
            "additional-information": {
                "initiator": self.record["initiator"],
                "build-complete": self.record["buildComplete"],
            },
            "version": "1",
        }
        events.emit("aws.codebuild", "CodeBuild Build State Change", [self.record["arn"]], detail)


class BuildRecords(Records):
    def __init__(self) -> None:
        super().__init__()
        self.projects: dict[str, dict[str, Any]] = {}
        self.builds: dict[str, Build] = {}
        self.numbers: dict[str, int] = {}
        self.reports = Groups()

    def unfinished_before(self, build: Build) -> int:
        """How many builds of the same project were started earlier and have not ended."""
        record = build.record
        return sum(
            other["projectName"] == record["projectName"]
            and not other["buildComplete"]
            and other["buildNumber"] < record["buildNumber"]
            for other in [each.record for each in list(self.builds.values())]
        )
