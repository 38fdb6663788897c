"""Logs are followed from where the run is, to its end, without a line twice."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.stub import Stubber

from scripts import logs
from scripts.lib.console import Console
from scripts.lib.jobs import BegunJob
from scripts.lib.pipeline import PipelineRun, PipelineStep
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
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
    found = logs.jobs_of(clients, "p-1", step("Train", status))
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
    in_turn(stub, RUN)
    none: dict[str, list[str]] = {"actionExecutionDetails": []}
    stub["codepipeline"].add_response("list_action_executions", none)
    look(stub, "InProgress")
    in_turn(stub, RUN, EARLIER)
    stub["codepipeline"].add_response("list_action_executions", none)
    look(stub, "Stopped")
    stub["sagemaker"].add_client_error("describe_endpoint", "ValidationException", "not find")
    logs.follow_run(clients, KNOWN, console, once=False)
    said = page.getvalue()
    assert "waiting for an earlier run to end: c0ffee 0000, between two steps" in said


def test_a_build_that_only_waits_does_not_cut_the_jobs_logs(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    """In China the Train stage is a build that looks again and again, and says so."""
    for _ in range(2):
        stub["sagemaker"].add_response("list_training_jobs", {"TrainingJobSummaries": []})
    stub["sagemaker"].add_response("list_processing_jobs", {"ProcessingJobSummaries": []})
    waiting = replace(step("Train", "InProgress"), external="mlops-train:1")
    assert logs.sources(clients, KNOWN, waiting) == []


def test_the_endpoints_log_is_printed(memory: Clients, console: Console, page: io.StringIO) -> None:
    group = "/aws/sagemaker/Endpoints/mlops"
    memory.logs.create_log_group(logGroupName=group)
    memory.logs.create_log_stream(logGroupName=group, logStreamName="main/i-1")
    write_log(memory, group, "main/i-1", "ready")
    logs.follow_endpoint(memory, "mlops", console, once=True)
    assert page.getvalue().splitlines() == ["--- Endpoint mlops", "ready"]
