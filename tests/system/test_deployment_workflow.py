"""The deployment workflow of the template itself: what cannot pass is told at once, what may pass
is tried again, and whatever ends a run tells somebody, once."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import throttle
from local.tests.aws import unique, wait
from local.tests.machines import create, ended
from local.tests.machines import start as run
from local.tests.remote import Remote
from tests.system.deployments import Deployments, made
from tests.system.workflows import create_alert, part, template
from tests.templates.workflows.machines import definitions

pytestmark = pytest.mark.slow  # endpoints are processes, as the container has them

PROMPT = 15.0  # seconds, in which a person is told of what cannot pass


@pytest.fixture
def project(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Deployments]:
    project = made(aws, tmp_path, monkeypatch, getattr(request, "param", {}))
    machines = {"DeploymentWorkflow": project.machine}
    create_alert(aws, project.name, machines, project.mailbox.topic)
    yield project
    for operation in ("CreateModel", "DescribeEndpoint"):
        throttle.main([f"sagemaker:{operation}", "--off"])


def start(project: Deployments, **changed: Any) -> str:
    """A deployment of a version, whose input is `changed`."""
    return project.start({**project.input(unique("version")), **changed})


def told(project: Deployments) -> str:
    """The only notice; whatever else there is would have come by now."""
    project.mailbox.read(1)
    time.sleep(2)
    (notice,) = project.mailbox.read(1)
    return notice


def tries(project: Deployments, execution: str) -> list[str]:
    """The states in which CreateModel failed, in their order."""
    found, state = [], ""
    for event in project.events(execution):
        state = event.get("stateEnteredEventDetails", {}).get("name", state)
        if event["type"] == "TaskFailed" and state.startswith("CreateModel"):
            found.append(state)
    return found


@pytest.mark.parametrize(
    ("absent", "error", "failed"),
    [
        ("image", "ImageNotFound", []),
        ("modelDataUrl", "SageMaker.AmazonSageMakerException", ["CreateModel"]),
    ],
)
def test_what_does_not_exist_is_told_at_once(
    project: Deployments, absent: str, error: str, failed: list[str]
) -> None:
    began, good = time.monotonic(), project.images["good"]
    wrong = {"image": good[:-8] + "00000000", "modelDataUrl": f"s3://{project.bucket}/none"}
    execution = start(project, **{absent: wrong[absent]})
    notice = project.mailbox.read(1)[0]
    assert time.monotonic() - began < PROMPT
    ended = project.ended(execution)
    assert ended["error"] == error
    assert ended["cause"] in notice
    assert tries(project, execution) == failed
    assert told(project) == notice


def test_throttling_that_passes_is_survived(project: Deployments) -> None:
    throttle.main(["sagemaker:CreateModel", "--rate", "0.2"])
    execution = start(project)
    ended = project.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended
    assert tries(project, execution)[:2] == ["CreateModel", "CreateModelAgain"]
    assert project.mailbox.messages == []


@pytest.mark.parametrize(
    "project", [{'"MaxDelaySeconds": 60': '"MaxDelaySeconds": 3'}], indirect=True
)
def test_throttling_that_never_ends_is_told_once_with_its_cause(project: Deployments) -> None:
    """As many tries as the template makes, with shorter waits between them."""
    throttle.main(["sagemaker:CreateModel"])
    execution = start(project)
    ended = project.ended(execution)
    assert ended["status"] == "FAILED"
    failed = tries(project, execution)
    assert failed[0] == "CreateModel" and set(failed[1:]) == {"CreateModelAgain"}
    assert len(failed) >= 1 + 5
    assert "Rate exceeded (Service: AmazonSageMaker; Status Code: 400" in told(project)


def test_what_breaks_where_nothing_catches_is_told_by_the_rule(project: Deployments) -> None:
    """An address of the model that is no text: no call can be made with it."""
    execution = start(project, modelDataUrl={"no": "text"})
    ended = project.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Runtime")
    notice = json.loads(told(project))
    assert f"ended as FAILED and could not tell why ({execution})" in notice["what"]
    (detail,) = [value for key, value in notice.items() if key.startswith("details")]
    assert detail["error"] == "States.Runtime"
    assert detail["cause"] == ended["cause"]


def test_a_copied_input_does_not_hide_that_a_deployment_was_stopped(project: Deployments) -> None:
    """To go back one copies what a training gave, and changes the name."""
    execution = start(project, AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID="arn")
    project.stop(execution)
    assert (
        f"ended as ABORTED and could not tell why ({execution})"
        in json.loads(told(project))["what"]
    )


def test_a_notice_that_fails_is_told_by_the_rule_with_the_error_that_it_had(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its subject is longer than SNS takes it."""
    long = {': a model was not deployed"': f': {"x" * 120}"'}
    project = made(aws, tmp_path, monkeypatch, long)
    machines = {"DeploymentWorkflow": project.machine}
    create_alert(aws, project.name, machines, project.mailbox.topic)
    ended = project.ended(start(project, image="no digest"))
    assert (ended["status"], ended["error"]) == ("FAILED", "NotTold")
    assert ended["cause"].startswith("InvalidInput: The image no digest has no digest")
    (detail,) = [v for k, v in json.loads(told(project)).items() if k.startswith("details")]
    assert detail["cause"] == ended["cause"]


@pytest.mark.parametrize(
    ("given", "tagged"), [({"package": "arn:aws:p"}, "arn:aws:p"), ({}, "none")]
)
def test_the_model_says_as_what_it_is_registered(
    aws: Remote, given: dict[str, str], tagged: str
) -> None:
    naming = part("DeploymentWorkflow", "IsRegistered", "CreateModel")
    told = ended(aws, run(aws, create(aws, aws.role("states"), naming), given))
    (tag,) = [each for each in model_tags() if each["Key"] == "package"]
    assert tag["Value.$"] == "$.registered.as"
    assert json.loads(told["output"])["registered"]["as"] == tagged


def model_tags() -> list[dict[str, str]]:
    states = definitions(template())["DeploymentWorkflow"]["States"]
    return list(states["CreateModel"]["Parameters"]["Tags"])


def test_a_tag_that_holds_another_image_is_told(project: Deployments) -> None:
    ecr, version = project.aws.client("ecr"), unique("version")
    other = {"imageDigest": project.images["slow"].partition("@")[2]}
    found = ecr.batch_get_image(repositoryName=project.name, imageIds=[other])["images"][0]
    ecr.put_image(
        repositoryName=project.name,
        imageManifest=found["imageManifest"],
        imageTag=f"version-{project.name}-{version}",
    )
    ended = project.deploy(project.input(version))
    assert (ended["status"], ended["error"]) == ("FAILED", "ImageTagTaken")


def test_a_configuration_that_is_not_found_yet_is_tried_again(project: Deployments) -> None:
    """Here somebody takes it away until it was looked for; calls are held up meanwhile."""
    sagemaker = project.aws.client("sagemaker")
    assert project.deploy(project.input("first"))["status"] == "SUCCEEDED"
    throttle.main(["sagemaker:CreateModel"])
    execution = start(project)
    wait(lambda: "CreateModelAgain" in project.states(execution))
    throttle.main(["sagemaker:DescribeEndpoint"])
    throttle.main(["sagemaker:CreateModel", "--off"])
    wait(lambda: "FindEndpointAgain" in project.states(execution), 60)
    newest = sagemaker.list_endpoint_configs(NameContains=f"{project.name}-version")
    name = newest["EndpointConfigs"][0]["EndpointConfigName"]
    kept = sagemaker.describe_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    throttle.main(["sagemaker:DescribeEndpoint", "--off"])
    wait(lambda: "FindNewConfigAgain" in project.states(execution), 60)
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=kept["ProductionVariants"],
    )
    assert project.ended(execution)["status"] == "SUCCEEDED"


def test_an_input_without_a_commit_is_told_by_the_story(project: Deployments) -> None:
    states = project.aws.client("stepfunctions")
    started = states.start_execution(stateMachineArn=project.machine, name="by-hand", input="{}")
    assert project.ended(started["executionArn"])["error"] == "InvalidInput"
    assert told(project).startswith("Run by-hand: InvalidInput: The input must have name")
