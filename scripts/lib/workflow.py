"""A workflow execution: where it is, where it failed and why."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.lib import asking, jobs
from scripts.lib.console import Pace, plain
from scripts.lib.problems import is_gone
from scripts.lib.session import Clients

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import (
        DescribeExecutionOutputTypeDef,
        HistoryEventTypeDef,
    )


# What the answer to a task's first call calls that which the task waits for
AWAITED = (
    *("ExecutionArn", "TrainingJobArn", "ProcessingJobArn", "HyperParameterTuningJobArn"),
    "TransformJobArn",
)
# The states of a queue in which an execution waits (templates/workflows/queue.py)
IN_LINE = ("DescribeFirst", "IsFirstRunning", "WaitForTurn", "CountTurn")


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


def describe(
    stepfunctions: "SFNClient", execution: str, seconds: float = 10
) -> "DescribeExecutionOutputTypeDef":
    """Of an execution that was started just now, which for a moment may not be seen yet: the answer
    is eventually consistent (DescribeExecution, AWS Step Functions API Reference)."""
    until, pace = time.monotonic() + seconds, Pace()
    while True:
        try:
            return stepfunctions.describe_execution(executionArn=execution)
        except ClientError as error:
            if not is_gone(error) or time.monotonic() > until:
                raise
        pace.wait()


def follow(
    clients: Clients, execution: str, tell: Callable[[str, bool], object]
) -> "DescribeExecutionOutputTypeDef":
    """How an execution ended, once it has. `tell` is told where it is at each look, and whether
    that is news."""
    pace, before = Pace(), ""
    while True:
        answer = describe(clients.stepfunctions, execution)
        if answer["status"] != "RUNNING":
            return answer
        now = where(clients, execution)
        tell(now, now != before)
        pace.wait(news=now != before)
        before = now


def started_by(stepfunctions: "SFNClient", machine: str, build: str) -> str:
    """The machine's execution that a build has started, or an empty text: its name is the build's
    (buildspec/train.yml)."""
    name = re.sub(r"[^A-Za-z0-9-]", "-", build)
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
    try:
        return stepfunctions.describe_execution(executionArn=arn)["executionArn"]
    except ClientError as error:
        if is_gone(error):
            return ""
        raise


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


def latest(stepfunctions: "SFNClient", execution: str) -> "list[HistoryEventTypeDef]":
    """The last state that an execution has entered and what came after, oldest first: the end of
    its history alone, which may be long."""
    found: list[HistoryEventTypeDef] = []
    pages = stepfunctions.get_paginator("get_execution_history").paginate(
        executionArn=execution, reverseOrder=True, PaginationConfig={"PageSize": 10}
    )
    for event in (one for page in pages for one in page["events"]):
        found.insert(0, event)
        if "stateEnteredEventDetails" in event:
            break
    return found


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
    """The state an execution is in, and the state of the workflow or the job it waits for; of one
    that stands in a queue, behind what."""
    events = latest(clients.stepfunctions, execution)
    state, arn = current_state(events), awaited(events)
    if ":execution:" in arn:
        inner = latest(clients.stepfunctions, arn)
        return f"{state} > {in_line(clients, inner) or current_state(inner)}"
    if arn:
        return f"{state} > {jobs.doing(clients, arn)}"
    return in_line(clients, events) or state


def in_line(clients: Clients, events: "Iterable[HistoryEventTypeDef]") -> str:
    """That an execution waits for its turn, and what is first; or an empty text."""
    entered = [one for one in events if "stateEnteredEventDetails" in one]
    if not entered or entered[-1]["stateEnteredEventDetails"]["name"] not in IN_LINE:
        return ""
    queue = parsed(entered[-1]["stateEnteredEventDetails"].get("input", "")).get("queue")
    line = queue.get("line") if isinstance(queue, dict) else None
    if not isinstance(line, list) or not line:
        return "waits for its turn"
    return f"waits for its turn: first is {about(clients, str(line[0]))}"


def about(clients: Clients, execution: str) -> str:
    """What an execution is about; its name where that is not known any more."""
    name = execution.rpartition(":")[2]
    try:
        answer = clients.stepfunctions.describe_execution(executionArn=execution)
    except ClientError as error:
        if is_gone(error):
            return name
        raise
    return plain(asking.about(parsed(answer.get("input", "")), name))


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
