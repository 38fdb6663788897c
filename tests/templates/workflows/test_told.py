"""Whatever ends a run tells somebody, once: the story itself, or a rule.

The ways in which an execution can end are read from the graph; that nothing catches States.Runtime,
and that errors without a Catch end an execution under their own name, is said in Error handling
(Step Functions Developer Guide). Whether a rule hears of an end is asked of its pattern.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto.events.models import EventPattern

from templates.workflows.transient import PASSING, TRANSIENT
from tests.templates.reading import of_type, walk
from tests.templates.workflows.machines import (
    State,
    definitions,
    following,
    levels,
    reached,
    saying_untold,
    tasks,
)

Template = dict[str, Any]
# An error of a call that has its own name, and one that a story fails with
OF_A_CALL, OF_A_STORY = "SageMaker.AmazonSageMakerException", "TrainingFailed"
# Who tells in a story: its notice, and the notice of the deployment whose error it takes
TELLERS = {
    "TrainingWorkflow": ("Notify", "ExplainDeployment"),
    "DeploymentWorkflow": ("Notify",),
    "ApprovalWorkflow": ("Notify", "ExplainDeployment"),
    "BatchWorkflow": ("Notify",),
    "DriftWorkflow": ("Notify",),
}
STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"
# What stands for the prefix of this stack's versions, and the name of an execution that is none
PREFIX, BY_HAND = "mlops-0a1b2c3d", "f0f8e3a2-7a58-4bfc-b1a0-0a1b2c3d4e5f"


@dataclass(frozen=True)
class Ending:
    """One way in which an execution can end badly; `told` by its own story."""

    machine: str
    how: str
    status: str
    error: str | None
    told: bool = False


def endings(template: Template) -> Iterator[Ending]:
    for machine, definition in definitions(template).items():
        for status in ("ABORTED", "TIMED_OUT"):
            yield Ending(machine, status, status, None)
            yield Ending(machine, f"{status} with words", status, "Superseded")
        # Who says that a notice failed, which the rule hears
        saying = saying_untold(definition)
        yield from (Ending(machine, name, "FAILED", "NotTold") for name in saying)
        untold = reached(definition, *TELLERS.get(machine, ()), *saying)
        for name, state in definition["States"].items():
            # Of what stands inside a Map, a run ends with what the Map does not catch
            for error in errors(state):
                yield Ending(machine, f"{error} in {name}", "FAILED", error)
            if notice := state.get("Catch") if name.startswith("Notify") else None:
                # A notice that failed: what the run's error is from there on
                (after,) = {rule["Next"] for rule in notice if "States.ALL" in rule["ErrorEquals"]}
                put = definition["States"][after].get("Parameters", {})
                assert "Failed" in reached({**definition, "StartAt": after})
                yield Ending(machine, f"{name} failed", "FAILED", put.get("Error", OF_A_STORY))
            if state["Type"] == "Fail":
                yield Ending(machine, name, "FAILED", OF_A_STORY, told=name not in untold)


def errors(state: State) -> set[str]:
    """What can end a run in a state, because nothing there catches it."""
    found = {"States.Runtime"}
    if state["Type"] == "Choice" and "Default" not in state:
        found |= {"States.NoChoiceMatched"}
    if state["Type"] == "Task":
        found |= {OF_A_CALL, "States.Timeout"}
    for inner in state.get("ItemProcessor", {}).get("States", {}).values():
        found |= errors(inner) | ({OF_A_STORY} if inner["Type"] == "Fail" else set())
    catches = [error for rule in state.get("Catch", []) for error in rule["ErrorEquals"]]
    return {"States.Runtime"} if "States.ALL" in catches else found


def heard(template: Template, source: str, kind: str, detail: dict[str, Any]) -> list[str]:
    """The rules that tell of an event."""
    event: Any = {"source": source, "detail-type": kind, "detail": detail}
    found = []
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        pattern = json.loads(json.dumps(rule["EventPattern"], default=str))
        if EventPattern(None, named(pattern)).matches_event(event):
            assert [each["Id"] for each in rule["Targets"]] == ["Topic"], name
            found.append(name)
    return found


def named(value: Any) -> Any:
    """A pattern with a resource's logical ID in the place of its name or ARN."""
    if isinstance(value, dict):
        if value.keys() == {"Ref"}:
            return value["Ref"]
        if isinstance(value.get("Fn::Sub"), str):
            return value["Fn::Sub"].replace("${ProjectName}", "mlops")
        if value.keys() == {"Fn::Sub"}:
            assert value["Fn::Sub"][0] == "${ProjectName}-${Digits}"
            return PREFIX
        return {key: named(item) for key, item in value.items()}
    return [named(item) for item in value] if isinstance(value, list) else value


def ended(
    template: Template, ending: Ending, given: dict[str, Any], name: str = BY_HAND
) -> list[str]:
    """The rules that tell of this end of an execution that was started with this input."""
    detail: dict[str, Any] = {
        "stateMachineArn": ending.machine,
        "name": name,
        "status": ending.status,
        "input": json.dumps(given),
        "error": ending.error,
        "cause": None,
    }
    return heard(template, "aws.states", "Step Functions Execution Status Change", detail)


def test_each_end_of_a_run_is_told_once(template: Template) -> None:
    found = list(endings(template))
    assert len(found) > 100
    for ending in found:
        tellers = [*(["its story"] if ending.told else []), *ended(template, ending, {})]
        assert len(tellers) == 1, f"{ending} is told by {tellers or 'nobody'}"


def test_an_end_without_an_error_in_its_event_is_told_twice_rather_than_never(
    template: Template,
) -> None:
    detail = {"stateMachineArn": "TrainingWorkflow", "status": "FAILED", "name": BY_HAND}
    kind = "Step Functions Execution Status Change"
    assert heard(template, "aws.states", kind, detail) == ["WorkflowAlert"]


def test_of_a_good_end_nobody_hears(template: Template) -> None:
    for machine in definitions(template):
        for status in ("RUNNING", "SUCCEEDED"):
            assert ended(template, Ending(machine, "well", status, None), {}) == []


def test_a_deployment_that_somebody_waits_for_is_told_by_who_waits(template: Template) -> None:
    """The rule hears of the training or the approval only, which have a way for each end of their
    deployment."""
    version = f"{PREFIX}-0123456-89abcdef"
    for ending in endings(template):
        assert ended(template, ending, {"name": version}, version) == []
    waiting = [t for t in tasks(template) if t.integration.startswith("states:startExecution.")]
    found = {(task.machine, task.name) for task in waiting}
    machines, names = ("TrainingWorkflow", "ApprovalWorkflow"), ("Deploy", "DeployAgain")
    assert found == {(machine, name) for machine in machines for name in names}
    for task in waiting:
        assert task.state["Parameters"]["Name.$"] == "$.name"
        assert task.state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


def test_what_waits_for_a_decision_is_told_if_it_ends_otherwise(template: Template) -> None:
    """Its name begins with that of no version."""
    waits = [
        task
        for task in tasks(template)
        if task.integration == "states:startExecution" and task.machine != "DriftWorkflow"
    ]
    assert {task.state["Parameters"]["Name.$"] for task in waits} == {
        "States.Format('wait-{}', $.name)"
    }
    name, given = f"wait-{PREFIX}-0123456-89abcdef", {"package": "arn"}
    for how in ("ABORTED", "TIMED_OUT"):
        stopped = Ending("ApprovalWorkflow", how, how, None)
        assert ended(template, stopped, given, name) == ["WorkflowAlert"]


def test_the_versions_name_begins_as_the_rule_knows_it(template: Template) -> None:
    machines = of_type(template, "AWS::StepFunctions::StateMachine")
    prefix = machines["TrainingWorkflow"]["DefinitionSubstitutions"]["VersionPrefix"]
    assert named(prefix) == PREFIX
    configure = definitions(template)["TrainingWorkflow"]["States"]["Configure"]
    assert configure["Parameters"]["name.$"].startswith("States.Format('${VersionPrefix}-")


def test_a_deployment_that_a_person_started_with_the_input_of_another_is_told(
    template: Template,
) -> None:
    """To go back, one copies what a training had given, and changes the name."""
    copied = {STARTED_BY: "arn", "name": f"{PREFIX}-0123456-89abcdef-back"}
    for how in (
        Ending("DeploymentWorkflow", "stopped", "ABORTED", None),
        Ending("DeploymentWorkflow", "late", "TIMED_OUT", None),
        Ending("DeploymentWorkflow", "broke", "FAILED", "States.Runtime"),
        Ending("DeploymentWorkflow", "not told", "FAILED", "NotTold"),
    ):
        assert ended(template, how, copied) == ["WorkflowAlert"], how


def test_a_run_knows_its_commit_when_it_tells(template: Template) -> None:
    """A state that lays something in the place of everything keeps the commit, or the words that
    have it."""
    for title, definition in definitions(template).items():
        kept = "about" if title in ("TrainingWorkflow", "DeploymentWorkflow") else "commit"
        for level in levels(definition):
            for name, state in level["States"].items():
                bare = state["Type"] == "Pass" and "ResultPath" not in state
                if bare and "Notify" in reached({**level, "StartAt": name}):
                    assert f"{kept}.$" in state["Parameters"], name
        for notice in ("Notify", "NotifyAgain"):
            message = definition["States"][notice]["Parameters"]["Message.$"]
            assert f"$.{kept}" in message
            assert "${ExecutionPage}{}" in message


# ---- the pipeline


def action(stage: str, **result: str) -> dict[str, Any]:
    return {
        "pipeline": "ProjectName",
        "stage": stage,
        "state": "FAILED",
        "execution-result": {"external-execution-summary": "why", **result},
    }


ACTION, PHASE = "CodePipeline Action Execution State Change", "CodeBuild Build Phase Change"


@pytest.mark.parametrize("stage", ["Source", "Test", "Build"])
def test_a_stage_that_tells_nothing_is_told(template: Template, stage: str) -> None:
    for detail in (action(stage), action(stage, **{"external-execution-id": "x"})):
        assert heard(template, "aws.codepipeline", ACTION, detail) == ["StageAlert"]


def test_a_training_that_began_tells_itself_and_one_that_did_not_is_told(
    template: Template,
) -> None:
    assert heard(template, "aws.codepipeline", ACTION, action("Train")) == ["StageAlert"]
    began = action("Train", **{"external-execution-id": "x"})
    assert heard(template, "aws.codepipeline", ACTION, began) == []


@pytest.mark.parametrize(
    ("phase", "status", "alerts"),
    [
        ("PROVISIONING", "CLIENT_ERROR", ["StartAlert"]),
        ("QUEUED", "TIMED_OUT", ["StartAlert"]),
        ("DOWNLOAD_SOURCE", "FAILED", ["StartAlert"]),
        ("PRE_BUILD", "FAILED", ["StartAlert"]),
        ("PRE_BUILD", "SUCCEEDED", []),
        ("BUILD", "FAILED", []),  # the workflow failed, and has told
        ("BUILD", "TIMED_OUT", []),  # its last deed is to stop the workflow, which is told
        ("BUILD", "FAULT", ["StartAlert"]),  # its machine is gone, and nobody takes the verdict
        ("BUILD", "SUCCEEDED", []),
    ],
)
def test_in_china_the_build_is_told_where_it_fails_by_itself(
    template: Template, phase: str, status: str, alerts: list[str]
) -> None:
    detail = {
        "project-name": "TrainBuild",
        "completed-phase": phase,
        "completed-phase-status": status,
    }
    assert heard(template, "aws.codebuild", PHASE, detail) == alerts


def test_in_china_the_workflow_begins_in_a_phase_before_the_one_that_waits_for_it(
    buildspecs: dict[str, str],
) -> None:
    started, _, waited = buildspecs["train"].partition("  build:")
    assert "start-execution" in started.partition("  pre_build:")[2]
    assert "start-execution" not in waited


def test_a_notice_of_a_rule_is_json_whatever_the_reason_is(template: Template) -> None:
    """What stands in quotation marks is a name, or a text of the template's; reasons may hold
    quotation marks themselves."""
    safe = {"alarm", "todo", "status", "phase", "pipeline", "stage", "execution", "build"}
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        (todo,) = (text for text in walk(alarm["AlarmDescription"]) if isinstance(text, str))
        assert json.dumps(todo) == f'"{todo}"'
    for name, rule in of_type(template, "AWS::Events::Rule").items():
        for target in rule["Targets"]:
            if target["Id"] == "Topic" and "InputTransformer" in target:
                text, _ = target["InputTransformer"]["InputTemplate"]["Fn::Sub"]
                paths = target["InputTransformer"]["InputPathsMap"]
                assert paths.keys() - safe == {"detail"}, name
                filled = text.replace("<detail>", '{"cause": "she said \\"no\\""}')
                assert json.loads(filled).keys() >= {"what", "look at", "or run"}


# ---- what cannot pass is not tried again

# What was made a second ago may not be found yet (CreateEndpoint, Amazon SageMaker API Reference)
UNSEEN = {
    "CreateConfig": ["*Could not find model*"],
    "CreateConfigForLocalDisk": ["*Could not find model*"],
    "CreateEndpoint": ["*Could not find endpoint configuration*"],
    "UpdateEndpoint": ["*Could not find endpoint configuration*"],
}


def test_of_an_error_without_a_name_the_cause_is_read_before_it_is_tried_again(
    template: Template,
) -> None:
    general = {each.general for each in TRANSIENT.values()}
    machines = definitions(template)
    found = {(task.machine, task.name): task for task in tasks(template)}
    for (machine, name), task in found.items():
        if name.endswith("Again"):
            continue
        assert not general & {e for rule in task.state["Retry"] for e in rule["ErrorEquals"]}, name
        read = task.state["Catch"][0]
        assert read["ErrorEquals"][0] in general, name
        (level,) = [each for each in levels(machines[machine]) if name in each["States"]]
        choice = level["States"][read["Next"]]
        (may_pass,) = choice["Choices"]
        for pattern in (*PASSING, *UNSEEN.get(name, ())):
            assert {"Variable": f"{read['ResultPath']}.Cause", "StringMatches": pattern} in (
                may_pass["And"][1]["Or"]
            )
        again = found[machine, may_pass["Next"]].state
        assert read["ErrorEquals"][0] in again["Retry"][0]["ErrorEquals"]
        assert again["Resource"] == task.state["Resource"]
        assert again["Next"] == task.state["Next"]
        # Whatever else becomes of the second call, it goes where the first one's error goes
        assert choice["Default"] in {rule["Next"] for rule in again["Catch"]}


def test_nothing_reads_a_cause_that_may_not_be_there(template: Template) -> None:
    """A timeout is caught without one, and who reads it then ends the run where nothing catches.
    Between each Catch and each reader somebody has asked for it, or has put one there."""
    for definition in definitions(template).values():
        for level in levels(definition):
            ahead = [
                rule["Next"]
                for state in level["States"].values()
                for rule in state.get("Catch", [])
                if rule["ResultPath"] in ("$.error", "$.lookup")
            ]
            seen: set[str] = set()
            while ahead:
                name = ahead.pop()
                if name not in seen:
                    seen.add(name)
                    ahead += without_cause(name, level["States"][name])


# Of what is looked for; a wrong answer (golden.py) has always one
CAUSE = re.compile(r"\$\.(error|lookup)\.Cause")


def without_cause(name: str, state: State) -> list[str]:
    """Where a run that may have no cause goes on; fails if the state reads it."""
    if state["Type"] == "Choice":
        unasked = [rule for rule in state["Choices"] if not asks(rule)]
        assert not CAUSE.search(str(unasked)), f"{name} reads a cause that may not be there"
        return [rule["Next"] for rule in unasked] + [state["Default"]]
    read = str([state.get("Parameters"), state.get("CausePath")])
    assert not CAUSE.search(read), f"{name} reads a cause that may not be there"
    put = state.get("ResultPath") == "$.error" and "Cause" in str(state.get("Parameters"))
    return [] if put else sorted(following(state))


def asks(rule: dict[str, Any]) -> bool:
    """Whether a rule asks if there is a cause before it reads it; `And` reads no further than to
    the first that does not hold."""
    reads = [each for each in walk(rule) if isinstance(each, dict) and "Variable" in each]
    causes = [each for each in reads if each["Variable"].endswith(".Cause")]
    return bool(causes) and "And" in rule and causes[0].get("IsPresent") is True
