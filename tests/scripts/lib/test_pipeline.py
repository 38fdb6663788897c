"""An execution of the pipeline tells what each of its steps is at."""

import pytest
from botocore.stub import Stubber

from scripts.lib import pipeline
from scripts.lib.problems import Problem
from scripts.lib.session import Clients
from tests.scripts.answers import RUN, action


def test_of_a_retried_action_only_the_last_try_counts(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    tries = [
        action("Build", "Succeeded", "CodeBuild", "b:2", 5),
        action("Build", "Failed", "CodeBuild", "b:1", 1),
    ]
    stub["codepipeline"].add_response("list_action_executions", {"actionExecutionDetails": tries})
    found = pipeline.steps(clients.codepipeline, "mlops", RUN)
    assert [(one.status, one.external) for one in found] == [("Succeeded", "b:2")]


@pytest.mark.parametrize(("build", "told"), [("t:1", "Test: install"), ("", "Test")])
def test_a_running_build_tells_its_phase_once_it_has_one(
    clients: Clients, stub: dict[str, Stubber], build: str, told: str
) -> None:
    running = [action("Test", "InProgress", "CodeBuild", build)]
    stub["codepipeline"].add_response("list_action_executions", {"actionExecutionDetails": running})
    if build:
        builds = [{"currentPhase": "INSTALL"}]
        stub["codebuild"].add_response("batch_get_builds", {"builds": builds}, {"ids": [build]})
    [step] = pipeline.steps(clients.codepipeline, "mlops", RUN)
    assert pipeline.doing(clients, step, "") == told


def test_a_pipeline_that_never_ran_says_what_starts_it(
    clients: Clients, stub: dict[str, Stubber]
) -> None:
    stub["codepipeline"].add_response(
        "list_pipeline_executions", {"pipelineExecutionSummaries": []}
    )
    with pytest.raises(Problem, match="a push to its branch starts it"):
        pipeline.latest(clients.codepipeline, "mlops")
