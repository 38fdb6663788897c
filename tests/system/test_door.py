"""One door: which runs come of what asks for a model. The template's own workflow, whose jobs are a
few lines of shell."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import unique, wait
from local.tests.remote import Remote
from tests.system.training import (
    DEPLOYED,
    EVALUATE,
    SOMEBODY,
    Project,
    create_project,
    summary,
    writes,
)

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

TRAIN = "cd $SAGEMAKER_BASE_DIR; sleep 3; echo weights > model/weights"


@pytest.fixture
def project(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    aws.enter(monkeypatch)
    image = aws.image(tmp_path, train=TRAIN, evaluate=EVALUATE)
    on_demand = {"TrainingUseSpot": "false", "TrainingMaxRuntimeSeconds": "60"}
    return create_project(aws, image, DEPLOYED, on_demand)


def ask(
    project: Project, kind: str, event: str, name: str = "", by: str = "somebody", **more: Any
) -> str:
    given = {"trigger": {"kind": kind, "by": by, "id": event}, **more}
    started = project.aws.client("stepfunctions").start_execution(
        stateMachineArn=project.machine, name=name or unique("asked"), input=json.dumps(given)
    )
    return str(started["executionArn"])


def named(project: Project, name: str) -> str:
    """The ARN of an execution, before it is there."""
    return project.machine.replace(":stateMachine:", ":execution:") + f":{name}"


def mark(project: Project, key: str, document: dict[str, Any]) -> None:
    project.aws.client("s3").put_object(
        Bucket=project.artifacts, Key=f"retraining/{key}", Body=json.dumps(document).encode()
    )


def waiting(project: Project) -> Any:
    found = project.aws.client("s3").get_object(
        Bucket=project.artifacts, Key="retraining/waiting.json"
    )
    return json.loads(found["Body"].read())


def trained(project: Project, execution: str) -> Any:
    """What a run that ended well says that it has trained: a version, or nothing, and why."""
    told = project.ended(execution)
    assert told["status"] == "SUCCEEDED", told.get("cause")
    output = json.loads(told["output"])
    return output.get("trained", output.get("name"))


def test_before_the_first_push_there_is_nothing_to_train_with(project: Project) -> None:
    assert trained(project, ask(project, "data", "1")) == (
        "nothing: the first push trains on this data"
    )
    told = project.ended(ask(project, "schedule", "1"))
    assert (told["status"], told["error"]) == ("FAILED", "NothingBuilt")
    assert "push a commit" in told["cause"]
    (notice,) = project.mailbox.read(1)
    assert f"(asked for by schedule: somebody): NothingBuilt: {told['cause']}" in notice


def test_what_asks_while_one_waits_is_answered_by_it_and_nothing_is_lost(project: Project) -> None:
    pushed = project.start()
    wait(project.jobs)
    kinds = ("data", "schedule", "drift", "person", "data")
    asked = [ask(project, kind, str(number)) for number, kind in enumerate(kinds)]
    said = [trained(project, each) for each in asked]
    assert said.count("nothing: what waits will see it") == 4
    # The data has not changed; who else asks wants a model all the same
    (version,) = [each for each in said if not each.startswith("nothing")]
    first, second = project.jobs()
    assert second["TrainingJobName"].startswith(version)
    # One after another, with the images of the push
    assert second["CreationTime"] >= first["TrainingEndTime"]
    image = first["AlgorithmSpecification"]["TrainingImage"]
    assert second["AlgorithmSpecification"]["TrainingImage"] == image
    assert trained(project, pushed) in first["TrainingJobName"]
    # Each version says what has asked for it: of those that waited, the first
    registered = [each["CustomerMetadataProperties"] for each in project.packages()]
    triggers = [(each["trigger"], each["triggered-by"]) for each in registered]
    assert triggers[0] == ("person", SOMEBODY)
    assert triggers[1][0] in kinds and triggers[1][1] == "somebody"
    # Whatever comes when nobody waits any more is a run of its own
    again = trained(project, ask(project, "schedule", "6"))
    assert len(project.jobs()) == 3
    assert project.jobs()[-1]["TrainingJobName"].startswith(again)


def test_data_that_was_trained_on_is_not_trained_on_again(project: Project) -> None:
    """What the manifest says that it is: ETags differ each time it is put, and of many files not
    all are listed. Where somebody else's says nothing, or other data came with it, it is."""
    for number in range(101):
        put(project, f"data/{number}")
    by = put(project, "data/manifest.json", sha256="1")
    project.ended(project.start())
    put(project, "data/manifest.json", sha256="1")
    assert trained(project, ask(project, "data", "1", by=by)).startswith("nothing: the data is")
    put(project, "data/manifest.json", sha256="2")
    assert not trained(project, ask(project, "data", "2", by=by)).startswith("nothing")
    assert trained(project, ask(project, "data", "3", by=by)).startswith("nothing: the data is")
    success = put(project, "data/_SUCCESS")
    assert not trained(project, ask(project, "data", "4", by=success)).startswith("nothing")
    put(project, "data/manifest.json")
    assert not trained(project, ask(project, "data", "5", by=by)).startswith("nothing")
    assert len(project.jobs()) == 4


def put(project: Project, key: str, **metadata: str) -> str:
    """An object of the data bucket, and how the event of it names it."""
    place = {"Bucket": project.data, "Key": key}
    project.aws.client("s3").put_object(**place, Body=b"y", Metadata=metadata)
    return f"s3://{project.data}/{key}"


def test_an_event_that_comes_twice_is_one(project: Project) -> None:
    project.ended(project.start())
    assert not trained(project, ask(project, "schedule", "noon")).startswith("nothing")
    assert trained(project, ask(project, "schedule", "noon")) == "nothing: this event came before"
    assert len(project.jobs()) == 2


def test_who_was_stopped_while_it_waited_keeps_nobody_from_waiting(project: Project) -> None:
    pushed = project.start()
    wait(project.jobs)
    stopped = ask(project, "schedule", "1")
    wait(lambda: "WaitForTurn" in states(project, stopped))
    project.aws.client("stepfunctions").stop_execution(executionArn=stopped)
    assert not trained(project, ask(project, "schedule", "2")).startswith("nothing")
    project.ended(pushed)
    assert len(project.jobs()) == 2


def test_a_write_whose_answer_was_lost_is_known_by_whoever_made_it(project: Project) -> None:
    """It is tried again, and refused: what is there is the run's own."""
    project.ended(project.start())
    own = named(project, name := unique("asked"))
    mark(project, "events/data/1", {"execution": own})
    mark(project, "waiting.json", {"execution": own, "must": True})
    asked = trained(project, ask(project, "data", "1", name))
    # That there has to be a model, somebody had said who joined
    assert not asked.startswith("nothing")
    assert waiting(project) == {"execution": "nobody", "must": False}


def test_who_has_its_turn_leaves_the_mark_of_another_alone(project: Project) -> None:
    pushed = project.start()
    wait(project.jobs)
    first = ask(project, "schedule", "1")
    wait(lambda: "WaitForTurn" in states(project, first))
    another = {"execution": named(project, unique("asked")), "must": True}
    mark(project, "waiting.json", another)
    assert not trained(project, first).startswith("nothing")
    assert waiting(project) == another
    project.ended(pushed)


def test_by_itself_the_last_commit_is_trained_that_passed_the_gate(project: Project) -> None:
    good, bad = "0123456789abcdef", "fedcba9876543210"
    project.ended(project.start(commit=good))
    project.evaluate_so(writes(summary(accuracy=0.1)))
    assert project.ended(project.start(commit=bad))["error"] == "ModelRejected"
    project.evaluate_so(writes(summary(accuracy=0.9)))
    for kind, commit in (("schedule", good), ("person", bad)):
        told = project.ended(ask(project, kind, "1"))
        assert json.loads(told["output"])["commit"] == commit


def test_only_who_asks_is_let_in(project: Project) -> None:
    for trigger in ({}, {"kind": "data"}, {"kind": "data", "by": "x"}):
        started = project.aws.client("stepfunctions").start_execution(
            stateMachineArn=project.machine, input=json.dumps({"trigger": trigger})
        )
        told = project.ended(str(started["executionArn"]))
        assert (told["status"], told["error"]) == ("FAILED", "InvalidInput")
        assert "trigger.kind, trigger.by, trigger.id" in told["cause"]


def states(project: Project, execution: str) -> list[str]:
    events = project.aws.client("stepfunctions").get_execution_history(executionArn=execution)
    return [
        each["stateEnteredEventDetails"]["name"]
        for each in events["events"]
        if "stateEnteredEventDetails" in each
    ]
