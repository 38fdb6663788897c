"""The deployment workflow of the template itself, with models of a few lines that really serve."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.context import Context
from local.tests import remote
from local.tests.aws import SERVE, Aws, Mailbox, unique, wait
from local.tests.remote import Remote
from tests.system.workflows import create_alarms, create_machine, defined

KEPT = 2
# Long enough to find an update under way
SLOW = SERVE.replace('print("serving"', 'time.sleep(4)\nprint("serving"')


@dataclass
class Deployments:
    """The deployment workflow of one project, and what it stands on."""

    aws: Aws
    name: str
    machine: str
    images: dict[str, str]
    bucket: str
    mailbox: Mailbox
    values: dict[str, str]
    started: list[str] = field(default_factory=list)

    def input(self, version: str, image: str = "good", **more: Any) -> dict[str, Any]:
        return {
            "name": f"{self.name}-{version}",
            "image": self.images[image],
            "modelDataUrl": f"s3://{self.bucket}/models/model.tar.gz",
            "commit": "0123456789abcdef",
            **more,
        }

    def versioned(self, version: str, image: str = "good", **more: Any) -> dict[str, Any]:
        """With a model of its own, which answers with the version's name."""
        given = self.input(version, image, **more)
        key = f"models/{given['name']}/output/model.tar.gz"
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=archive(given["name"]))
        return given | {"modelDataUrl": f"s3://{self.bucket}/{key}"}

    def trained(self, version: str, started_at: str, image: str = "good") -> dict[str, Any]:
        """As the training workflow asks for it, which began at a time."""
        training = {"name": f"{self.name}-{version}", "startedAt": started_at}
        return self.input(version, image, training=training)

    def change(self, **settings: str) -> None:
        """As an update of the stack changes its parameters."""
        self.values |= settings
        definition = defined("DeploymentWorkflow", self.values)
        self.aws.client("stepfunctions").update_state_machine(
            stateMachineArn=self.machine, definition=definition
        )

    def start(self, given: dict[str, Any], **more: Any) -> str:
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, input=json.dumps(given), **more
        )
        self.started.append(str(started["executionArn"]))
        return self.started[-1]

    def ended(self, execution: str) -> dict[str, Any]:
        ask = self.aws.client("stepfunctions").describe_execution

        def over() -> Any:
            told = ask(executionArn=execution)
            return told["status"] != "RUNNING" and told

        return dict(wait(over, 240))

    def deploy(self, given: dict[str, Any]) -> dict[str, Any]:
        return self.ended(self.start(given))

    def stop(self, execution: str) -> None:
        self.aws.client("stepfunctions").stop_execution(executionArn=execution)

    def events(self, execution: str) -> list[dict[str, Any]]:
        pages = self.aws.client("stepfunctions").get_paginator("get_execution_history")
        found = pages.paginate(executionArn=execution)
        return [event for page in found for event in page["events"]]

    def states(self, execution: str) -> list[str]:
        """The names of the states that were entered, in their order."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.events(execution)
            if "stateEnteredEventDetails" in event
        ]

    def span(self, execution: str) -> tuple[Any, Any, str]:
        """When it took its turn, when it ended, and the version that it deployed."""
        events = self.events(execution)
        entered = {
            e["stateEnteredEventDetails"]["name"]: e["timestamp"]
            for e in events
            if "stateEnteredEventDetails" in e
        }
        given = self.aws.client("stepfunctions").describe_execution(executionArn=execution)
        version = json.loads(given["input"])["name"].removeprefix(f"{self.name}-")
        return entered["TakeTurn"], events[-1]["timestamp"], version

    def endpoint(self) -> dict[str, Any]:
        return dict(self.aws.client("sagemaker").describe_endpoint(EndpointName=self.name))

    def serving(self) -> str:
        """The version that is in service."""
        found = self.endpoint()
        assert found["EndpointStatus"] == "InService", found
        return str(found["EndpointConfigName"]).removeprefix(f"{self.name}-")

    def versions(self) -> set[str]:
        """Those of which everything is there; AssertionError if anything is left of others."""
        sagemaker = self.aws.client("sagemaker")
        configs = sagemaker.list_endpoint_configs(NameContains=self.name)["EndpointConfigs"]
        models = sagemaker.list_models(NameContains=self.name)["Models"]
        found = {each["ModelName"] for each in models}
        assert {each["EndpointConfigName"] for each in configs} == found
        assert {tag.removeprefix("version-") for tag in self.tags()} == found
        return {each.removeprefix(f"{self.name}-") for each in found}

    def tags(self) -> list[str]:
        """The tags by which versions hold images of this project."""
        found = self.aws.client("ecr").describe_images(repositoryName=self.name)["imageDetails"]
        return [t for each in found for t in each["imageTags"] if t.startswith("version-")]

    def told(self) -> list[str]:
        return self.mailbox.messages


def made(
    aws: Remote,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: Mapping[str, str] = {},
    **settings: str,
) -> Deployments:
    """`changed` is text of the definition, and what stands in its place; `settings` are parameters
    of the stack."""
    aws.enter(monkeypatch)
    name = unique("project")
    aws.client("ecr").create_repository(repositoryName=name, imageTagMutability="IMMUTABLE")
    images = {
        "good": aws.image(folder, name, serve=SERVE),
        "broken": aws.image(folder, name, serve="exit 1"),
        "slow": aws.image(folder, name, serve=SLOW),
    }
    bucket = aws.bucket()
    aws.client("s3").put_object(Bucket=bucket, Key="models/model.tar.gz", Body=archive(name))
    mailbox = aws.mailbox()
    values = {
        "ProjectName": name,
        "ArtifactBucket": bucket,
        "Repository": name,
        "Models": f"arn:aws:sagemaker:{aws.context.region}:{aws.context.account}:model",
        "VersionPrefix": name,
        "KeepVersions": str(KEPT),
        "Key": "alias/aws/s3",
        "HostingRole": aws.role("sagemaker"),
        "Topic": mailbox.topic,
        "Isolated": "true",
        "Capturing": "false",
        "EndpointKind": "RealTime",
        "ServerlessMemoryMB": "1024",
        "ServerlessConcurrency": "2",
        "EndpointInstanceType": "ml.m5.large",
        "EndpointInstanceCount": "1",
        "EndpointMaxInstanceCount": "0",
        "ScalingTargetInvocations": "600",
        "Rollout": "AllAtOnce",
        "RolloutPercent": "20",
        "RolloutBakeSeconds": "0",
        "GoldenSeconds": "10",
        "CapturePercent": "0",
        **settings,
    }
    machine = create_machine(aws, "DeploymentWorkflow", f"{name}-deployment", values, **changed)
    return Deployments(aws, name, machine, images, bucket, mailbox, values)


@contextmanager
def alone(folder: Path, **settings: str) -> Iterator[Deployments]:
    """On an endpoint of its own, with the stack's alarms: for who is no test."""
    home, images = folder / "home", folder / "images"
    images.mkdir()
    with (folder / "log").open("w") as log:
        process = remote.start(home, "--region", "eu-west-1", output=log)
    try:
        aws = Remote(Context("eu-west-1", 0, home), remote.settings(home, process))
        with pytest.MonkeyPatch.context() as monkeypatch:
            project = made(aws, images, monkeypatch, {}, **settings)
            create_alarms(aws, project.name)
            yield project
    finally:
        process.terminate()
        process.wait(300)


def archive(text: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        entry = tarfile.TarInfo("name")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()
