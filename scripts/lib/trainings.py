"""The executions of the training workflow: who asked for each, what came of it, and which jobs it
has made.

Whoever asks while another waits, or has asked before, trains nothing
(templates/workflows/training/door.py): such an execution ends well, and says why.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scripts.lib import asking, jobs, workflow
from scripts.lib.console import plain
from scripts.lib.jobs import BegunJob
from scripts.lib.session import Clients

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions.type_defs import (
        DescribeExecutionOutputTypeDef,
        ExecutionListItemTypeDef,
    )

LOOKED_THROUGH = 50


class TrainingRun:
    """One execution; what it was given and has left is asked for when it is first wanted."""

    def __init__(self, clients: Clients, listed: "ExecutionListItemTypeDef") -> None:
        self._clients = clients
        self.arn, self.status = listed["executionArn"], listed["status"]
        self.started: datetime = listed["startDate"]
        self.stopped: datetime | None = listed.get("stopDate")

    @cached_property
    def _described(self) -> "DescribeExecutionOutputTypeDef":
        return self._clients.stepfunctions.describe_execution(executionArn=self.arn)

    @property
    def given(self) -> Mapping[str, Any]:
        return workflow.parsed(self._described.get("input", ""))

    @property
    def left(self) -> Mapping[str, Any]:
        return workflow.parsed(self._described.get("output", ""))

    @property
    def is_asked(self) -> bool:
        """It came by no run of the pipeline."""
        return asking.takes_newest(self.given)

    @property
    def asked(self) -> str:
        """By whom, in short; an empty text for what the pipeline brought."""
        return asking.SHORT.get(self.kind, plain(self.kind)) if self.is_asked else ""

    @property
    def kind(self) -> str:
        return asking.kind_of(self.given)

    @property
    def nothing(self) -> str:
        """Why it has trained nothing; an empty text where it has, or still may."""
        return plain(str(self.left.get("trained", "")).removeprefix("nothing: "))

    @property
    def commit(self) -> str:
        """In short; an empty text until one that takes the newest images has come to its end."""
        return plain(self.given.get("version") or self.left.get("commit", ""))[:12]


def trainings(clients: Clients, machine: str, most: int = LOOKED_THROUGH) -> list[TrainingRun]:
    """The last executions, the newest first."""
    listed = clients.stepfunctions.list_executions(stateMachineArn=machine, maxResults=most)
    return [TrainingRun(clients, one) for one in listed["executions"]]


def jobs_by_turn(
    runs: Sequence[TrainingRun], made: Sequence[BegunJob]
) -> Mapping[str, Sequence[BegunJob]]:
    """Which run has made which of the jobs. They take turns in the order in which they came: of
    those that have not ended, the first one trains, and the others wait."""
    left, found = list(made), dict[str, Sequence[BegunJob]]()
    for run in reversed(runs):
        found[run.arn] = jobs.created(left, run.started, run.stopped)
        left = [one for one in left if one not in found[run.arn]]
    return found
