"""What holds for every workflow."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

import generate
from local.stepfunctions.definitions import faults
from tests.templates.reading import of_type
from tests.templates.workflows.machines import (
    State,
    definitions,
    following,
    levels,
    reached,
    saying_untold,
    substituted,
    tasks,
)

Template = dict[str, Any]
TRAINING, DEPLOYMENT = "TrainingWorkflow", "DeploymentWorkflow"


def levels_of(template: Template, machine: str) -> list[State]:
    return [level["States"] for level in levels(definitions(template)[machine])]


def test_step_functions_takes_every_definition(template: Template) -> None:
    """By the check that the local endpoint makes at CreateStateMachine: transitions, fields, paths,
    intrinsic functions, integrations, and each call's arguments by its service's own model."""
    for name, definition in substituted(template).items():
        assert [str(one) for one in faults(definition)] == [], name


@pytest.mark.parametrize(
    ("machine", "guard", "guarded"),
    [
        (TRAINING, "CheckInput", "Configure"),
        (TRAINING, "HasVerdict TakeBest", "FindServing"),
        (TRAINING, "HasRanges", "Tune"),
        (TRAINING, "HasTuningVerdict", "TakeBest"),
        (TRAINING, "IsTuned", "Train"),
        (TRAINING, "NeedsPreparation", "Train"),
        (TRAINING, "HasPreparationVerdict", "FindPrepared"),
        (TRAINING, "FindPrepared", "IdentifyPrepared"),
        (TRAINING, "FindServing", "Evaluate"),
        (TRAINING, "HasEvaluationVerdict", "ReadSummary"),
        (TRAINING, "IsSummaryWhole", "TakeSummary"),
        (TRAINING, "Judge", "FindGroup"),
        (TRAINING, "ChooseImage", "FindGroup"),
        (TRAINING, "FindGroup", "Register"),
        (TRAINING, "FindGroup", "Deploy"),
        (TRAINING, "IsWanted", "Deploy"),
        (TRAINING, "NameCheckpoints", "Train"),
        (TRAINING, "MayFallBack", "FallBack"),
        (TRAINING, "ChooseImage", "UseServingImage"),
        (TRAINING, "Deploy", "Deployed"),
        (TRAINING, "IsDeployed", "Deployed"),
        (DEPLOYMENT, "TakeTurn", "FindServing"),
        (DEPLOYMENT, "TakeTurn", "CreateModel"),
        (DEPLOYMENT, "IsOtherKind NothingServes TakeConfigName", "CreateModel"),
        (DEPLOYMENT, "AreInstancesSane", "OpenQueue"),
        (DEPLOYMENT, "IsAnythingMade", "DeleteFailedConfig"),
        (DEPLOYMENT, "IsInUse", "DeleteFailedConfig"),
        (DEPLOYMENT, "FindEndpoint", "CreateEndpoint"),
        (DEPLOYMENT, "ChooseAction", "Update"),
        (DEPLOYMENT, "ChooseAction", "UpdateWatched"),
        (DEPLOYMENT, "AreAlarmsSilent", "HowToRollOut"),
        (DEPLOYMENT, "IsOurs", "Deployed"),
        (DEPLOYMENT, "IsOurs", "RemoveVersions"),
    ],
)
def test_nothing_goes_round_its_guard(
    template: Template, machine: str, guard: str, guarded: str
) -> None:
    definition = definitions(template)[machine]
    assert guarded in reached(definition)
    assert guarded not in reached(definition, *guard.split())


def programs(template: Template) -> dict[str, str]:
    """What runs in the image for each job: `train` by SageMaker's convention (Run Your Own Training
    Container), else the entrypoint that the job names."""
    found = {}
    for task in tasks(template):
        if task.integration.startswith("sagemaker:createTrainingJob"):
            found[task.name] = "train"
        elif task.integration.startswith("sagemaker:createProcessingJob"):
            found[task.name] = task.state["Parameters"]["AppSpecification"]["ContainerEntrypoint"][
                0
            ]
    return found


def test_the_program_of_every_job_is_in_the_image(template: Template) -> None:
    """`prepare` is a repository's own, if it has one. Each can be executed, whatever was committed:
    CodeCommit and CodePipeline may forget that."""
    container = Path(generate.__file__).parent / "container"
    copied = re.findall(r"^COPY --chmod=755 (.*) ./$", (container / "Dockerfile").read_text(), re.M)
    patterns = [pattern for line in copied for pattern in line.split()]
    assert programs(template)
    for job, program in programs(template).items():
        assert program == "prepare" or (container / program).is_file(), (
            f"{job} runs container/{program}"
        )
        assert any(fnmatch(program, each) for each in patterns), f"no COPY of {program} for {job}"


def test_the_pattern_of_the_dockerfile_takes_programs_only() -> None:
    container, pattern = Path(generate.__file__).parent / "container", "[sp][er]*e"
    assert f" {pattern} " in (container / "Dockerfile").read_text()
    assert [path.name for path in container.glob(pattern)] == ["serve"]


def test_only_the_deployment_workflow_touches_an_endpoint(template: Template) -> None:
    touching = {
        task.machine
        for task in tasks(template)
        if "Endpoint" in task.integration and ":describe" not in task.integration
    }
    assert touching == {DEPLOYMENT}


def test_every_task_is_bounded_in_time(template: Template) -> None:
    for task in tasks(template):
        limits = task.state.keys() & {"TimeoutSeconds", "TimeoutSecondsPath"}
        assert len(limits) == 1, task.name


def test_every_task_retries_what_may_pass_and_nothing_else(template: Template) -> None:
    for task in tasks(template):
        (rule,) = task.state["Retry"]
        assert rule["MaxAttempts"] >= 5
        assert rule["BackoffRate"] == 2.0
        assert rule["MaxDelaySeconds"] <= 120
        assert rule["JitterStrategy"] == "FULL"
        # States.ALL or States.TaskFailed would run a failed training job again
        assert not [error for error in rule["ErrorEquals"] if error.startswith("States.")]


def test_every_error_is_caught_and_kept(template: Template) -> None:
    for task in tasks(template):
        assert task.state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], task.name
        assert all(rule["ResultPath"] for rule in task.state["Catch"])


def test_no_run_fails_without_telling_somebody(template: Template) -> None:
    """By its own notice, by that of the deployment whose error it takes, or by the rule that hears
    of a notice that failed."""
    for definition in definitions(template).values():
        failures = {n for n, state in definition["States"].items() if state["Type"] == "Fail"}
        assert failures
        silent = failures & reached(
            definition, "Notify", "ExplainDeployment", *saying_untold(definition)
        )
        assert not silent, f"{sorted(silent)}: nobody is told; lead there by EXPLAIN or NOTIFY"


def test_a_failed_message_does_not_hide_the_error(template: Template) -> None:
    for task in tasks(template):
        if task.integration == "sns:publish":
            rule = task.state["Catch"][-1]
            assert task.state["ResultPath"] == rule["ResultPath"] == "$.notification"
            states = next(s for s in levels_of(template, task.machine) if task.name in s)
            if task.name.startswith("Notify"):
                assert states[rule["Next"]]["Next"] == task.state["Next"]
                said = states[rule["Next"]]["Parameters"]["Cause.$"]
                assert said == "States.Format('{}: {}', $.error.Error, $.error.Cause)"
            elif task.name.removesuffix("Again") in ("TellRejected", "TellPending"):
                # Nobody else would say it
                assert rule["Next"] in saying_untold({"States": states})
            else:
                assert rule["Next"] == task.state["Next"]


def test_no_run_fails_with_a_name_that_is_reserved(template: Template) -> None:
    """A Fail state may not give one that begins with `States.`, and a Catch may take one: between
    them somebody has put another name, or has asked for it."""
    asked = {"IsReserved", "HasOwnError"}
    for definition in definitions(template).values():
        for level in levels(definition):
            states = level["States"]
            ahead = [rule["Next"] for s in states.values() for rule in s.get("Catch", [])
                     if rule["ResultPath"] == "$.error"]  # fmt: skip
            seen: set[str] = set()
            while ahead:
                name = ahead.pop()
                named = states[name].get("ResultPath") == "$.error" and (
                    "Error" in states[name].get("Parameters", {})
                )
                if name not in seen and name not in asked and not named:
                    seen.add(name)
                    lost = states[name]["Type"] == "Fail" or name == "Notify"
                    assert not lost, f"{name} may give a reserved name"
                    if states[name]["Type"] != "Task":
                        ahead += following(states[name])


def test_a_failed_run_shows_the_error_it_caught(template: Template) -> None:
    for definition in definitions(template).values():
        for level in levels(definition):
            for state in level["States"].values():
                if state["Type"] == "Fail":
                    assert state["ErrorPath"] == "$.error.Error"
                    assert state["CausePath"] == "$.error.Cause"


def test_every_workflow_logs_everything_encrypted(template: Template) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, machine in of_type(template, "AWS::StepFunctions::StateMachine").items():
        logging = machine["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", True)
        (destination,) = logging["Destinations"]
        group, _ = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"]
        assert groups[group]["KmsKeyId"], name
        assert groups[group]["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")
