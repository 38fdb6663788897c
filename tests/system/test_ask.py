"""Where a person decides: what the training workflow does with a model that is good enough."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import unique
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.training import (
    EVALUATE,
    SOMEBODY,
    create_project,
    stand_in,
    summary,
    writes,
)
from tests.system.workflows import part

MANUAL: dict[str, Any] = {'"approval": "Automatic"': '"approval": "Manual"'}
PROGRAM = "echo weights > $SAGEMAKER_BASE_DIR/model/weights"


@pytest.mark.slow  # jobs are processes, as the container has them
def test_a_good_model_waits_for_a_person_and_a_bad_one_does_not(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.enter(monkeypatch)
    image = aws.image(tmp_path, train=f"trap 'exit 0' TERM; {PROGRAM}", evaluate=EVALUATE)
    project = create_project(aws, image, **MANUAL)
    told = project.ended(project.start())
    assert told["status"] == "SUCCEEDED", told.get("cause", told)
    (package,) = project.packages()
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    assert project.children() == []
    version = json.loads(told["output"])["name"]
    (waits,) = project.waiting()
    assert waits["name"] == f"wait-{version}"
    assert json.loads(waits["input"]) == {"package": package["ModelPackageArn"]}
    (notice,) = project.mailbox.read(1)
    report = f"s3://{project.artifacts}/evaluations/{version}/report.html"
    about = f"Commit 0123456789abcdef (asked for by person: {SOMEBODY}), 90.0 % of 360 held-out"
    assert notice.startswith(f"{version} waits for approval: {about} examples")
    assert f"Its report is {report}" in notice
    assert f"STACK=stack REGION=eu-west-1 VERSION={version}" in notice
    assert "nobody decides about within 7 days is rejected" in notice
    project.evaluate_so(writes(summary(accuracy=0.1)))
    assert project.ended(project.start())["error"] == "ModelRejected"
    assert project.packages()[1]["ModelApprovalStatus"] == "Rejected"
    assert [each["name"] for each in project.waiting()] == [waits["name"]]


def asked(aws: Remote, package: str, **values: str) -> tuple[dict[str, Any], list[Any], list[str]]:
    """How a training ends that registered a version as waiting, what waits, and what is told."""
    mailbox, waits = aws.mailbox(), stand_in(aws, {"Type": "Succeed"})
    tokens = {
        "ApprovalWorkflow": waits,
        "ProjectName": "project",
        "ApprovalDays": "7",
        "Topic": mailbox.topic,
        "ExecutionPage": "https://console/",
        **values,
    }
    steps = part("TrainingWorkflow", "IsPending", "Deploy", "HasCause", "Failed", **tokens)
    given = {
        "name": unique("version"),
        "commit": "0123456789abcdef",
        "image": "image",
        "training": {
            "TrainingJobName": "job",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://model"},
        },
        "evaluation": {"accuracy": 0.9},
        "plan": {"uri": "s3://bucket/evaluations/version/"},
        "verdict": {"words": "good", "approval": "PendingManualApproval"},
        "registered": {"package": package},
        "about": {"words": "Commit 0123456789abcdef, good"},
    }
    told = ended(aws, start(aws, create(aws, aws.role("states"), steps), given))
    assert told["status"] == "SUCCEEDED", told.get("cause", told)
    states = aws.client("stepfunctions")
    executions = states.list_executions(stateMachineArn=waits)["executions"]
    found = [states.describe_execution(executionArn=each["executionArn"]) for each in executions]
    return told, found, mailbox.read(0 if values else 1)


def test_without_a_registry_the_record_waits(aws: Remote) -> None:
    told, (waits,), notices = asked(aws, "s3://bucket/registry/version.json")
    version = json.loads(told["output"])["name"]
    assert waits["name"] == f"wait-{version}"
    assert json.loads(waits["input"]) == {"record": f"registry/{version}.json"}
    assert notices[0].startswith(f"{version} waits for approval: Commit 0123456789abcdef, good")


def test_who_cannot_be_asked_is_told_of_by_the_rule(aws: Remote) -> None:
    told, (waits,), _ = asked(aws, "arn:aws:sagemaker:package", ProjectName="x" * 100)
    error = json.loads(told["output"])["error"]
    version = waits["name"].removeprefix("wait-")
    assert error == {"Error": "NotTold", "Cause": f"{version} waits for approval"}
