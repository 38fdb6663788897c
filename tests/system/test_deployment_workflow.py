"""The deployment workflow of the template itself: what cannot pass is told at once, what may pass
is tried again, and whatever ends a run tells somebody, once."""

import io
import json
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import throttle
from local.tests.aws import SERVE, Mailbox, unique, wait
from local.tests.remote import Remote
from tests.system.workflows import create_alert, create_machine

pytestmark = pytest.mark.slow  # endpoints are processes, as the container has them

PROMPT = 15.0  # seconds, in which a person is told of what cannot pass


@dataclass(frozen=True)
class Project:
    """The deployment workflow of a project, and what it stands on."""

    aws: Remote
    machine: str
    name: str
    mailbox: Mailbox
    image: str
    bucket: str

    def start(self, **changed: Any) -> str:
        """A deployment of a version, whose input is `changed`."""
        given = {
            "name": unique(f"{self.name}-version"),
            "image": self.image,
            "modelDataUrl": f"s3://{self.bucket}/model.tar.gz",
            "commit": "0123456789abcdef",
            **changed,
        }
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, input=json.dumps(given)
        )
        return str(started["executionArn"])

    def ended(self, execution: str, seconds: float = 240) -> dict[str, Any]:
        states = self.aws.client("stepfunctions")

        def over() -> Any:
            told = states.describe_execution(executionArn=execution)
            return told["status"] != "RUNNING" and told

        return dict(wait(over, seconds))

    def told(self) -> str:
        """The only notice; whatever else there is would have come by now."""
        self.mailbox.read(1)
        time.sleep(2)
        (notice,) = self.mailbox.read(1)
        return notice

    def tries(self, execution: str) -> list[str]:
        """The states in which a call of this execution failed, in their order."""
        found, state = [], ""
        history = self.aws.client("stepfunctions").get_paginator("get_execution_history")
        for page in history.paginate(executionArn=execution):
            for event in page["events"]:
                state = event.get("stateEnteredEventDetails", {}).get("name", state)
                if event["type"] == "TaskFailed":
                    found.append(state)
        return found


@pytest.fixture
def project(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    aws.enter(monkeypatch)
    name, bucket, mailbox = unique("told"), aws.bucket(), aws.mailbox()
    aws.client("s3").put_object(Bucket=bucket, Key="model.tar.gz", Body=archive())
    values = {
        "EndpointInstanceType": "ml.m5.large",
        "EndpointInstanceCount": "1",
        "HostingRole": aws.role("sagemaker"),
        "ProjectName": name,
        "Key": "alias/aws/s3",
        "VersionPrefix": name,
        "KeepVersions": "3",
        "Topic": mailbox.topic,
    }
    machine = create_machine(aws, "DeploymentWorkflow", name, values)
    create_alert(aws, name, {"DeploymentWorkflow": machine}, mailbox.topic)
    yield Project(aws, machine, name, mailbox, aws.image(tmp_path, serve=SERVE), bucket)
    throttle.main(["sagemaker:CreateModel", "--off"])


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo("name")
        entry.size = 1
        tar.addfile(entry, io.BytesIO(b"x"))
    return out.getvalue()


@pytest.mark.parametrize("absent", ["image", "modelDataUrl"])
def test_what_does_not_exist_is_told_at_once(project: Project, absent: str) -> None:
    began, good = time.monotonic(), project.image
    wrong = {"image": good[:-8] + "00000000", "modelDataUrl": f"s3://{project.bucket}/none"}
    execution = project.start(**{absent: wrong[absent]})
    notice = project.mailbox.read(1)[0]
    assert time.monotonic() - began < PROMPT
    ended = project.ended(execution)
    assert ended["error"] == "SageMaker.AmazonSageMakerException"
    assert ended["cause"] in notice
    assert project.tries(execution) == ["CreateModel"]
    assert project.told() == notice


def test_throttling_that_passes_is_survived(project: Project) -> None:
    throttle.main(["sagemaker:CreateModel", "--rate", "0.2"])
    execution = project.start()
    told = project.ended(execution)
    assert told["status"] == "SUCCEEDED", told
    assert project.tries(execution)[:2] == ["CreateModel", "CreateModelAgain"]
    assert project.mailbox.messages == []


def test_throttling_that_never_ends_is_told_once_with_its_cause(project: Project) -> None:
    throttle.main(["sagemaker:CreateModel"])
    execution = project.start()
    told = project.ended(execution)
    assert told["status"] == "FAILED"
    tries = project.tries(execution)
    assert tries[0] == "CreateModel" and set(tries[1:]) == {"CreateModelAgain"}
    assert len(tries) >= 1 + 5
    assert "Rate exceeded (Service: AmazonSageMaker; Status Code: 400" in project.told()


def test_what_breaks_where_nothing_catches_is_told_by_the_rule(project: Project) -> None:
    """An image that is no text: States.Format cannot take what it is not told."""
    execution = project.start(image={"no": "text"}, commit={"no": "text"})
    ended = project.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    notice = json.loads(project.told())
    assert f"ended as FAILED and could not tell why ({execution})" in notice["what"]
    (detail,) = [value for key, value in notice.items() if key.startswith("details")]
    assert detail["error"] == "States.Runtime"
    assert detail["cause"] == ended["cause"]


def test_an_input_without_a_commit_is_told_by_the_story(project: Project) -> None:
    states = project.aws.client("stepfunctions")
    started = states.start_execution(stateMachineArn=project.machine, name="by-hand", input="{}")
    assert project.ended(started["executionArn"])["error"] == "InvalidInput"
    assert project.told().startswith("Commit by-hand: InvalidInput: The input must have name")
