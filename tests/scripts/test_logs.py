"""Logs are followed from where the run is, to its end, without a line twice."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from scripts import logs
from scripts.clients import Clients
from scripts.console import Console
from scripts.logstreams import Tail, streams
from scripts.pipeline import Run, Step
from scripts.session import Problem

START = datetime(2026, 1, 1, tzinfo=UTC)


def step(stage: str, status: str, minute: int = 0) -> Step:
    when = START + timedelta(minutes=minute)
    return Step(stage, stage, "CodeBuild", status, when, when + timedelta(minutes=1), "", "")


def write(clients: Clients, group: str, stream: str, *lines: str) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    events = [{"timestamp": now, "message": line} for line in lines]
    clients.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)  # type: ignore[arg-type]


def test_a_tail_gives_each_line_once(memory: Clients) -> None:
    memory.logs.create_log_group(logGroupName="g")
    memory.logs.create_log_stream(logGroupName="g", logStreamName="s")
    tail = Tail(memory.logs, "g", "s")
    write(memory, "g", "s", "one", "two")
    assert tail.more() == ["one", "two"]
    assert tail.more() == []
    write(memory, "g", "s", "three")
    assert tail.more() == ["three"]


def test_a_log_that_does_not_exist_yet_is_empty(memory: Clients) -> None:
    assert Tail(memory.logs, "none", "none").more() == []
    assert streams(memory.logs, "none", "x") == []


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
    run = Run("id", "InProgress", "", "", None, None)
    assert logs.shown_step(found, run) is found[shown]


def test_a_run_that_has_not_begun_says_so() -> None:
    with pytest.raises(Problem, match="has not begun"):
        logs.shown_step([], Run("id", "InProgress", "", "", None, None))


def test_a_finished_step_shows_its_own_training_job_only(clients: Clients) -> None:
    jobs = [
        {
            "TrainingJobName": name,
            "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/x",
            "CreationTime": START + timedelta(minutes=minute),
            "TrainingJobStatus": "Completed",
        }
        for name, minute in (("p-later", 30), ("p-mine", 0), ("p-earlier", -9), ("other-p-1", 0))
    ]
    with Stubber(clients.sagemaker) as stub:
        stub.add_response("list_training_jobs", {"TrainingJobSummaries": jobs})
        assert logs.jobs_of(clients, "p", step("Train", "Failed")) == ["p-mine"]


def test_the_log_of_a_job_tells_that_it_took_the_place_of_a_spot_job(clients: Clients) -> None:
    names = ["p-1-2-spot-0", "p-1-2-0"]
    titles = [logs.training_source(clients, name, names).title for name in names]
    assert titles == [
        "Train: job p-1-2-spot-0",
        "Train: job p-1-2-0, on demand as there was no spot capacity",
    ]
    assert logs.training_source(clients, "p-1-2-0", ["p-9-9-spot-0"]).title == "Train: job p-1-2-0"


def test_the_endpoints_log_is_printed(memory: Clients, console: Console, page: io.StringIO) -> None:
    group = "/aws/sagemaker/Endpoints/mlops"
    memory.logs.create_log_group(logGroupName=group)
    memory.logs.create_log_stream(logGroupName=group, logStreamName="main/i-1")
    write(memory, group, "main/i-1", "ready")
    logs.follow_endpoint(memory, "mlops", console, once=True)
    assert page.getvalue().splitlines() == ["--- Endpoint mlops", "ready"]
