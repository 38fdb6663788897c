"""What rules can hear of a pipeline: the states of its executions, stages and actions."""

import json
from typing import Any

from local.tests.aws import Aws, unique
from local.tests.codepipeline.scene import Scene, kind


class Told:
    """What CodePipeline tells of one pipeline from now on."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.mailbox = aws.mailbox()
        events, rule = aws.client("events"), unique("rule")
        pattern = {"source": ["aws.codepipeline"], "detail": {"pipeline": [name]}}
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": self.mailbox.topic}])

    def read(self, number: int) -> dict[str, list[dict[str, Any]]]:
        """The details of the events by level (Pipeline, Stage, Action), once there are as many."""
        found: dict[str, list[dict[str, Any]]] = {"Pipeline": [], "Stage": [], "Action": []}
        for event in map(json.loads, self.mailbox.read(number)):
            found[event["detail-type"].split()[1]].append(event["detail"])
        return found


def states(events: list[dict[str, Any]], *more: str) -> list[tuple[str, ...]]:
    """What is told, without an order: deliveries overtake each other, on AWS too."""
    return sorted(tuple(each[name] for name in (*more, "state")) for each in events)


def test_a_rejected_approval_fails_its_stage_and_a_retry_resumes_it(scene: Scene) -> None:
    name = scene.create(scene.source(), scene.approval())
    scene.token(name)
    told = Told(scene.aws, name)
    scene.answer(name, "Rejected")
    row = scene.ended(name)
    events = told.read(3)
    (action,) = events["Action"]
    assert (action["stage"], action["action"], action["state"]) == ("Approval", "Manual", "FAILED")
    assert action["type"] == kind("Approval", "Manual")
    assert action["execution-result"] == {
        "external-execution-summary": "Rejected: said so",
        "error-code": "JobFailed",
    }
    (stage,) = events["Stage"]
    assert stage == {
        "pipeline": name,
        "execution-id": row["pipelineExecutionId"],
        "start-time": stage["start-time"],
        "stage": "Approval",
        "state": "FAILED",
        "version": 1.0,
        "pipeline-execution-attempt": 1.0,
    }
    assert states(events["Pipeline"]) == [("FAILED",)]
    scene.client.retry_stage_execution(
        pipelineName=name,
        stageName="Approval",
        retryMode="FAILED_ACTIONS",
        pipelineExecutionId=row["pipelineExecutionId"],
    )
    scene.answer(name, "Approved")
    assert scene.ended(name)["status"] == "Succeeded"
    events = told.read(9)
    assert states(events["Pipeline"]) == [("FAILED",), ("RESUMED",), ("SUCCEEDED",)]
    assert states(events["Stage"], "stage") == [
        ("Approval", "FAILED"),
        ("Approval", "RESUMED"),
        ("Approval", "SUCCEEDED"),
    ]
    assert [each["pipeline-execution-attempt"] for each in events["Stage"]].count(2.0) == 2


def test_every_stage_and_action_tells_its_states_and_its_artifacts(scene: Scene) -> None:
    declared = scene.declare(scene.source(), scene.build())
    told = Told(scene.aws, declared["name"])
    scene.client.create_pipeline(pipeline=declared)
    events = told.read(10)
    assert states(events["Pipeline"]) == [("STARTED",), ("SUCCEEDED",)]
    assert states(events["Stage"], "stage") == [
        ("Build", "STARTED"),
        ("Build", "SUCCEEDED"),
        ("Source", "STARTED"),
        ("Source", "SUCCEEDED"),
    ]
    assert states(events["Action"], "stage", "action") == [
        ("Build", "CodeBuild", "STARTED"),
        ("Build", "CodeBuild", "SUCCEEDED"),
        ("Source", "CodeCommit", "STARTED"),
        ("Source", "CodeCommit", "SUCCEEDED"),
    ]
    trigger = next(each for each in events["Pipeline"] if each["state"] == "STARTED")
    assert trigger["execution-trigger"]["trigger-type"] == "CreatePipeline"
    (source,) = [each for each in events["Action"] if "output-artifacts" in each]
    assert (source["stage"], source["state"]) == ("Source", "SUCCEEDED")
    build = next(each for each in events["Action"] if each["stage"] == "Build")
    assert build["input-artifacts"] == source["output-artifacts"]
    assert build["input-artifacts"][0]["name"] == "Code"


def test_what_is_stopped_tells_that_it_stops_and_that_it_has(scene: Scene) -> None:
    name = scene.create(scene.source(), scene.approval())
    scene.token(name)
    told = Told(scene.aws, name)
    scene.client.stop_pipeline_execution(
        pipelineName=name,
        abandon=True,
        reason="too slow",
        pipelineExecutionId=scene.executions(name)[0]["pipelineExecutionId"],
    )
    events = told.read(5)
    assert states(events["Action"], "action") == [("Manual", "ABANDONED")]
    assert states(events["Stage"], "stage") == [("Approval", "STOPPED"), ("Approval", "STOPPING")]
    assert states(events["Pipeline"]) == [("STOPPED",), ("STOPPING",)]
    stopping = next(each for each in events["Pipeline"] if each["state"] == "STOPPING")
    assert stopping["stop-execution-comments"] == "too slow"
