"""Logs are followed from where the run is, to its end, without a line twice."""

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.stub import Stubber

from scripts import logs
from scripts.lib.console import Console
from scripts.lib.jobs import BegunJob
from scripts.lib.pipeline import PipelineRun, PipelineStep
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from scripts.lib.trainings import TrainingRun
from tests.scripts.answers import EARLIER, RUN, START, in_turn, look, write_log

KNOWN = {
    "PipelineName": "mlops",
    "TrainingWorkflowArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-training",
    "EndpointName": "mlops",
    "VersionPrefix": "mlops-0a1b2c3d",
}


def step(stage: str, status: str, minute: int = 0) -> PipelineStep:
    when = START + timedelta(minutes=minute)
    return PipelineStep(
        stage, stage, "CodeBuild", status, when, when + timedelta(minutes=1), "", ""
    )


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (["Succeeded", "InProgress"], 1),
        (["Failed", "Succeeded"], 0),
        (["Failed", "InProgress"], 1),
        (["Succeeded", "Succeeded"], 1),
    ],
)
def test_the_running_step_is_shown_else_the_failed_else_the_last(
    states: list[str], shown: int
) -> None:
    found = [step(str(number), state, number) for number, state in enumerate(states)]
    run = PipelineRun("id", "InProgress", "", "", None, None)
    assert logs.shown_step(found, run) is found[shown]


def test_a_run_that_has_not_begun_says_so() -> None:
    with pytest.raises(Problem, match="has not begun"):
        logs.shown_step([], PipelineRun("id", "InProgress", "", "", None, None))


@pytest.mark.parametrize(("status", "later"), [("Failed", []), ("InProgress", ["p-1-later"])])
def test_a_step_shows_the_jobs_made_while_it_ran(
    clients: Clients, stub: dict[str, Stubber], status: str, later: list[str]
) -> None:
    """Also those of a tuning job, whose names begin with the stack's digits alone."""

    def listing(kind: str, **made: int) -> None:
        found = [
            {
                f"{kind}JobName": name.replace("_", "-"),
                f"{kind}JobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:{kind.lower()}-job/x",
                "CreationTime": START + timedelta(seconds=second),
                f"{kind}JobStatus": "Completed",
            }
            for name, second in made.items()
        ]
        operation = f"list_{kind.lower()}_jobs"
        stub["sagemaker"].add_response(operation, {f"{kind}JobSummaries": found})

    listing("Training", p_1_later=1800, p_1_mine=0, p_1_earlier=-9, other_p_1_x=0)
    listing("Training", **{"1_tuned": 20, "p_1_mine": 0})
    listing("Processing", p_1_evaluate=30)
    found = logs.jobs_of(clients, {**KNOWN, "VersionPrefix": "p-1"}, step("Train", status))
    assert [one.name for one in found] == ["p-1-mine", "1-tuned", "p-1-evaluate", *later]
    groups = [logs.job_source(clients, one, []).group for one in found[1:3]]
    assert groups == ["/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs"]


def test_the_log_of_a_job_tells_that_it_took_the_place_of_a_spot_job(clients: Clients) -> None:
    def title(name: str, others: list[str]) -> str:
        return logs.job_source(clients, BegunJob("Training", name, START), others).title

    names = ["p-1-2-spot-0", "p-1-2-0"]
    titles = [title(name, names) for name in names]
    assert titles == [
        "Train: job p-1-2-spot-0",
        "Train: job p-1-2-0, on demand as there was no spot capacity",
    ]
    assert title("p-1-2-0", ["p-9-9-spot-0"]) == "Train: job p-1-2-0"


def test_a_run_that_waits_for_its_turn_is_followed_and_says_for_which(
    clients: Clients,
    stub: dict[str, Stubber],
    console: Console,
    page: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not silent until the earlier one ends, which may take hours; without a terminal neither."""
    monkeypatch.setattr(logs, "QUIET_SECONDS", 0.0)
    none: dict[str, list[str]] = {"actionExecutionDetails": []}
    stub["codepipeline"].add_response("list_action_executions", none)
    look(stub, "InProgress")
    in_turn(stub, RUN, EARLIER)
    stub["codepipeline"].add_response("list_action_executions", none)
    look(stub, "Stopped")
    stub["sagemaker"].add_client_error("describe_endpoint", "ValidationException", "not find")
    run = PipelineRun(RUN, "InProgress", "", "", None, None)
    logs.follow_run(clients, KNOWN, run, console, once=False)
    said = page.getvalue()
    assert "waiting for an earlier run to end: c0ffee 0000, between two steps" in said


def test_a_build_that_only_waits_does_not_cut_the_jobs_logs(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    """In China the Train stage is a build that looks again and again, and says so."""
    stub["stepfunctions"].add_client_error("describe_execution", "ExecutionDoesNotExist", "gone")
    made(stub)
    waiting = replace(step("Train", "InProgress"), external="mlops-train:1")
    assert logs.sources(clients, KNOWN, waiting) == []


def made(stub: dict[str, Stubber], **trained: int) -> None:
    """The project's training jobs, and the minutes in which they began; the newest first."""
    listed = [
        {
            "TrainingJobName": f"{KNOWN['VersionPrefix']}-{name}-0",
            "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/x",
            "CreationTime": START + timedelta(minutes=minute),
            "TrainingJobStatus": "Completed",
        }
        for name, minute in trained.items()
    ]
    for found in (listed, []):  # and those of tuning jobs
        stub["sagemaker"].add_response("list_training_jobs", {"TrainingJobSummaries": found})
    stub["sagemaker"].add_response("list_processing_jobs", {"ProcessingJobSummaries": []})


def asked(name: str, status: str, minute: int) -> dict[str, Any]:
    """An execution that has no run of the pipeline."""
    arn = f"{KNOWN['TrainingWorkflowArn'].replace('stateMachine', 'execution')}:{name}"
    one = {"executionArn": arn, "stateMachineArn": "x", "name": name, "status": status}
    stopped = {} if status == "RUNNING" else {"stopDate": START + timedelta(minutes=minute + 10)}
    return one | {"startDate": START + timedelta(minutes=minute)} | stopped


def describes(stub: dict[str, Stubber], one: dict[str, Any], left: Any = None) -> None:
    given = {"trigger": {"kind": "schedule", "by": "x", "id": "1"}}
    answer = {**one, "input": json.dumps(given), "output": json.dumps(left or {})}
    stub["stepfunctions"].add_response("describe_execution", answer)


def lists(stub: dict[str, Stubber], *runs: dict[str, Any]) -> None:
    stub["stepfunctions"].add_response("list_executions", {"executions": list(runs)})


def test_the_last_training_that_somebody_asked_for_is_not_one_that_trained_nothing(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    joined, trained = asked("joined", "SUCCEEDED", 9), asked("trained", "SUCCEEDED", 5)
    lists(stub, joined, trained)
    describes(stub, joined, {"trained": "nothing: what waits will see it"})
    describes(stub, trained, {"name": "v"})
    found = logs.last_asked(clients, KNOWN["TrainingWorkflowArn"])
    assert found and found.arn == trained["executionArn"]


def test_of_the_trainings_that_run_the_one_that_began_first_is_not_waiting_for_the_others(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    waits, trains = asked("waits", "RUNNING", 9), asked("trains", "RUNNING", 5)
    lists(stub, waits, trains)
    describes(stub, trains)
    found = logs.last_asked(clients, KNOWN["TrainingWorkflowArn"])
    assert found and found.arn == trains["executionArn"]


@pytest.mark.parametrize(
    ("status", "minute", "pipeline", "later"),
    [
        ("SUCCEEDED", 5, "Succeeded", True),
        ("SUCCEEDED", -5, "Succeeded", False),
        ("RUNNING", -5, "Failed", True),
        ("SUCCEEDED", 5, "InProgress", False),
        ("RUNNING", 5, "InProgress", True),
    ],
)
def test_what_runs_is_shown_else_what_came_last(
    clients: Clients, status: str, minute: int, pipeline: str, later: bool
) -> None:
    run = PipelineRun(RUN, pipeline, "", "", START, START)
    listed: Any = asked("one", status, minute)
    assert logs.is_later(TrainingRun(clients, listed), run) is later


def test_the_log_of_a_training_that_waited_is_its_own(
    clients: Clients, stub: dict[str, Stubber], console: Console, page: io.StringIO
) -> None:
    """Not that of the one whose end it waited for."""
    first, second = asked("first", "SUCCEEDED", 0), asked("second", "SUCCEEDED", 2)
    describes(stub, second)
    lists(stub, second, first)
    made(stub, second=11, first=3)
    streams = {"logStreams": [{"logStreamName": "s"}]}
    stub["logs"].add_response(
        "describe_log_streams",
        streams,
        {
            "logGroupName": "/aws/sagemaker/TrainingJobs",
            "logStreamNamePrefix": f"{KNOWN['VersionPrefix']}-second-0/",
        },
    )
    events = {"events": [{"message": "epoch 1", "timestamp": 1}], "nextForwardToken": "t"}
    stub["logs"].add_response("get_log_events", events)
    stub["logs"].add_response("get_log_events", {"events": [], "nextForwardToken": "t"})
    listed: Any = second
    run = TrainingRun(clients, listed)
    describes(stub, second)
    assert logs.follow_asked(clients, KNOWN, run, console, once=True) == 0
    assert page.getvalue().splitlines() == [
        "--- Train: job mlops-0a1b2c3d-second-0",
        "epoch 1",
        "--- training, for a schedule: SUCCEEDED",
    ]


def test_the_endpoints_log_is_printed(memory: Clients, console: Console, page: io.StringIO) -> None:
    group = "/aws/sagemaker/Endpoints/mlops"
    memory.logs.create_log_group(logGroupName=group)
    memory.logs.create_log_stream(logGroupName=group, logStreamName="main/i-1")
    write_log(memory, group, "main/i-1", "ready")
    logs.follow_endpoint(memory, "mlops", console, once=True)
    assert page.getvalue().splitlines() == ["--- Endpoint mlops", "ready"]
