"""Which execution of the training workflow has made which jobs, and what its line says."""

import io
import json
from datetime import datetime, timedelta
from typing import Any

from scripts import status
from scripts.lib import trainings
from scripts.lib.console import Console
from scripts.lib.jobs import BegunJob
from scripts.lib.session import Clients
from tests.scripts.answers import START
from tests.scripts.conftest import Stubs
from tests.scripts.versions import KNOWN, PREFIX

MACHINE = KNOWN["TrainingWorkflowArn"]
BY_SCHEDULE = "arn:aws:scheduler:eu-west-1:1:schedule/default/mlops-retraining"


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def ran(name: str, begin: int, end: int | None = None, status: str = "SUCCEEDED") -> dict[str, Any]:
    """An execution, as it is listed; without an end it still runs."""
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{name}"
    listed = {"executionArn": arn, "stateMachineArn": MACHINE, "name": name}
    if end is None:
        return listed | {"status": "RUNNING", "startDate": at(begin)}
    return listed | {"status": status, "startDate": at(begin), "stopDate": at(end)}


def listing(stub: Stubs, *runs: dict[str, Any]) -> None:
    """The newest first."""
    stub["stepfunctions"].add_response("list_executions", {"executions": list(runs)})


def describes(stub: Stubs, run: dict[str, Any], given: Any, left: Any = None) -> None:
    answer = {**run, "input": json.dumps(given)}
    if left is not None:
        answer["output"] = json.dumps(left)
    asked = {"executionArn": run["executionArn"]}
    stub["stepfunctions"].add_response("describe_execution", answer, asked)


def asks(kind: str, by: str = "somebody") -> dict[str, Any]:
    return {"trigger": {"kind": kind, "by": by, "id": "1"}}


def pushed(version: str) -> dict[str, Any]:
    return {"version": version, "trainingImage": "x", "trigger": {"kind": "push", "by": "jo"}}


def test_who_waits_is_not_given_the_job_of_the_one_that_trains(
    clients: Clients, stub: Stubs
) -> None:
    first, second = ran("first", 0, 10), ran("second", 2)
    listing(stub, second, first)
    found = trainings.trainings(clients, MACHINE)
    its = BegunJob("Training", f"{PREFIX}-a-0", at(5))
    made = trainings.jobs_by_turn(found, [its])
    assert made == {first["executionArn"]: [its], second["executionArn"]: []}
    own = BegunJob("Training", f"{PREFIX}-b-0", at(11))
    made = trainings.jobs_by_turn(found, [own, its])
    assert made == {first["executionArn"]: [its], second["executionArn"]: [own]}


def test_who_asked_for_nothing_new_takes_no_line_from_a_training(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    needless = [ran(f"data-{number}", 60 + number, 61 + number) for number in reversed(range(8))]
    scheduled, push = ran("scheduled", 30, 40), ran("pushed", 0, 10)
    listing(stub, *needless, scheduled, push)
    stub["sagemaker"].add_response("list_training_jobs", {"TrainingJobSummaries": []})
    same = {"trained": "nothing: the data is what the last model of this commit was trained on"}
    for one in needless:
        describes(stub, one, asks("data"), same)
    left = {"commit": "0123456789abcdef", "name": "v2", "serves": "v2"}
    for _ in range(2):  # what it was given, and whether it has deployed
        describes(stub, scheduled, asks("schedule", BY_SCHEDULE), left)
    describes(stub, push, pushed("ba9876543210"), {"name": "v1"})
    status.show_workflow(clients, KNOWN, console, at(70), told=False)
    assert page.getvalue().splitlines()[1:] == [
        "Training workflow",
        "  SUCCEEDED    40 min  0123456789ab, for a schedule",
        "  SUCCEEDED       1 h  ba9876543210",
        "  8 more asked, and had nothing trained; the last 3 min ago, for new data: the",
        "  data is what the last model of this commit was trained on.",
    ]


def test_what_waits_says_for_whom_and_behind_what(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    push, waiting = ran("pushed", 0), ran("waiting", 5)
    listing(stub, waiting, push)
    stub["sagemaker"].add_response("list_training_jobs", {"TrainingJobSummaries": []})
    describes(stub, waiting, asks("drift"))
    queue = {"queue": {"line": [push["executionArn"], waiting["executionArn"]]}}
    details = {"name": "WaitForTurn", "input": json.dumps(queue)}
    event = {"id": 1, "timestamp": START, "type": "WaitStateEntered"}
    stub["stepfunctions"].add_response(
        "get_execution_history", {"events": [event | {"stateEnteredEventDetails": details}]}
    )
    for _ in range(2):  # what is first in the queue, and the line below
        describes(stub, push, pushed("ba9876543210"))
    status.show_workflow(clients, KNOWN, console, at(10), told=False)
    assert page.getvalue().splitlines()[2:] == [
        "  RUNNING       5 min  for drift",
        "    Now: waits for its turn: first is commit ba9876543210",
        "  RUNNING      10 min  ba9876543210",
    ]
