"""A workflow execution: where it is, where it failed and why."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scripts.lib import jobs
from scripts.lib.console import plain
from scripts.lib.session import Clients

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import HistoryEventTypeDef


# What the answer to a task's first call calls that which the task waits for
AWAITED = (
    *("ExecutionArn", "TrainingJobArn", "ProcessingJobArn", "HyperParameterTuningJobArn"),
    "TransformJobArn",
)


@dataclass(frozen=True)
class Failure:
    """The state that failed, the error's name and its cause in words."""

    state: str
    error: str
    cause: str

    def __str__(self) -> str:
        return f"state {self.state}: {self.error}" + (f": {self.cause}" if self.cause else "")


@dataclass(frozen=True)
class Undeployed:
    """Why a model that is good enough does not serve; `waits` is the version (its ARN, or its
    record's address) that was left to a person's decision, which may have come since."""

    why: str
    waits: str = ""


def started_since(stepfunctions: "SFNClient", machine: str, since: datetime) -> str:
    """The machine's first execution after a time, or an empty text.

    How a build that started a workflow is traced to it, where the pipeline cannot start it itself.
    """
    found = stepfunctions.list_executions(stateMachineArn=machine, maxResults=50)["executions"]
    later = [one for one in found if one["startDate"] >= since]
    return later[-1]["executionArn"] if later else ""


def runs(stepfunctions: "SFNClient", machine: str) -> bool:
    """Whether an execution of the machine is under way."""
    found = stepfunctions.list_executions(
        stateMachineArn=machine, statusFilter="RUNNING", maxResults=1
    )
    return bool(found["executions"])


def history(stepfunctions: "SFNClient", execution: str) -> "list[HistoryEventTypeDef]":
    """All events of an execution, oldest first."""
    pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [one for page in pages for one in page["events"]]


def current_state(events: "Iterable[HistoryEventTypeDef]") -> str:
    """The state an execution is in: the last one entered."""
    entered = [one for one in events if "stateEnteredEventDetails" in one]
    return entered[-1]["stateEnteredEventDetails"]["name"] if entered else "starting"


def awaited(events: "Iterable[HistoryEventTypeDef]") -> str:
    """The ARN of the execution or the job that the current state waits for, or an empty text."""
    for event in reversed(list(events)):
        if "taskSubmittedEventDetails" in event:
            started = parsed(event["taskSubmittedEventDetails"].get("output", ""))
            return next((str(started[name]) for name in AWAITED if started.get(name)), "")
        if "stateEnteredEventDetails" in event:
            break
    return ""


def where(clients: Clients, execution: str) -> str:
    """The state an execution is in, and the state of the workflow or the job it waits for."""
    events = history(clients.stepfunctions, execution)
    state, arn = current_state(events), awaited(events)
    if ":execution:" in arn:
        return f"{state} > {current_state(history(clients.stepfunctions, arn))}"
    return f"{state} > {jobs.doing(clients, arn)}" if arn else state


def failure(stepfunctions: "SFNClient", execution: str) -> Failure:
    """Why an execution did not succeed."""
    answer = stepfunctions.describe_execution(executionArn=execution)
    error = answer.get("error", answer["status"])
    state, inner = failing_state(history(stepfunctions, execution), error)
    if inner:
        state = f"{state} > {failing_state(history(stepfunctions, inner), error)[0]}"
    return Failure(state, error, readable(answer.get("cause", "")))


def undeployed(stepfunctions: "SFNClient", execution: str) -> Undeployed | None:
    """Why a training workflow that ended well has deployed nothing, if so."""
    answer = stepfunctions.describe_execution(executionArn=execution)
    output = parsed(answer.get("output", ""))
    if said := output.get("trained"):
        return Undeployed(f"It trained {said}.")
    if "serves" not in output and output.get("package"):
        return Undeployed("It was left to a person's decision.", str(output["package"]))
    serves = output.get("serves", output.get("name"))
    if serves == output.get("name"):
        return None
    return Undeployed(
        f"It was not deployed: the endpoint serves {serves}, which was asked for later."
    )


def failing_state(events: "Iterable[HistoryEventTypeDef]", error: str) -> tuple[str, str]:
    """The state whose task failed with this error, and the ARN of the child that it waited for.

    The last state entered where no task did: notification and clean-up run after the one that
    failed, so the last is not always it. A child's error is in the cause of the task that waits.
    """
    state, failed, inner = "", "", ""
    for event in events:
        if "stateEnteredEventDetails" in event:
            state = event["stateEnteredEventDetails"]["name"]
        details = event.get("taskFailedEventDetails") or event.get("taskTimedOutEventDetails")
        if details:
            waited = parsed(details.get("cause", ""))
            if error in (details.get("error"), waited.get("Error")):
                failed, inner = state, str(waited.get("ExecutionArn", ""))
    return failed or state, inner


def readable(cause: str) -> str:
    """A cause in words: Step Functions hands on whole job descriptions and child executions."""
    found = parsed(cause)
    for key in ("FailureReason", "Cause", "cause", "errorMessage"):
        if found.get(key):
            return readable(str(found[key]))
    return plain(cause)


def parsed(text: str) -> dict[str, Any]:
    """A JSON object, or an empty dict for anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
