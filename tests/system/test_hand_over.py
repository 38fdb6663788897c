"""What becomes of a deployment is told once, by the training that waits for it. The training
workflow is the template's own; one of a single state stands in the place of that which deploys."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import wait
from local.tests.remote import Remote
from templates.workflows.hand_over import DEPLOYMENT_SECONDS
from tests.system.training import EVALUATE, SOMEBODY, Project, create_project

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

PROGRAM = "echo weights > $SAGEMAKER_BASE_DIR/model/weights"
WAITING = {"Type": "Wait", "Seconds": 600, "End": True}


@pytest.fixture
def image(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    aws.enter(monkeypatch)
    return aws.image(tmp_path, train=PROGRAM, evaluate=EVALUATE)


def children(project: Project) -> list[dict[str, Any]]:
    listed = project.aws.client("stepfunctions").list_executions(stateMachineArn=project.deployment)
    return list(listed["executions"])


def told(project: Project) -> str:
    """The only notice; whatever else there is would have come by now."""
    project.mailbox.read(1)
    time.sleep(2)
    (notice,) = project.mailbox.read(1)
    return notice


def test_a_deployment_that_broke_where_nothing_catches_is_told_by_the_training(
    aws: Remote, image: str
) -> None:
    broken = {"Type": "Pass", "Parameters": {"a.$": "$.absent"}, "End": True}
    project = create_project(aws, image, broken)
    ended = project.ended(project.start())
    assert (ended["status"], ended["error"]) == ("FAILED", "DeploymentBroke")
    (child,) = children(project)
    assert f"The deployment {child['name']} ended as FAILED: States.Runtime" in ended["cause"]
    notice = told(project)
    assert ended["cause"] in notice
    about = f"Commit 0123456789abcdef (asked for by person: {SOMEBODY}), 90.0 % of 360 held-out"
    assert notice.startswith(about) and "nothing serves yet: DeploymentBroke: " in notice
    assert "| Run make status STACK=stack REGION=eu-west-1 |" in notice
    assert notice.endswith(f"Look at https://console/{ended['executionArn']}")


def test_a_deployment_that_was_stopped_is_told_by_the_training(aws: Remote, image: str) -> None:
    project = create_project(aws, image, WAITING)
    execution = project.start()
    (child,) = wait(lambda: children(project))
    project.aws.client("stepfunctions").stop_execution(executionArn=child["executionArn"])
    ended = project.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "DeploymentEnded")
    assert f"The deployment {child['name']} ended as ABORTED and gave no cause" in told(project)


def test_a_deployment_that_nobody_waits_for_any_more_is_stopped(aws: Remote, image: str) -> None:
    """Its time is shortened here, for it is more than a day."""
    shorter = {f'"TimeoutSeconds": {DEPLOYMENT_SECONDS}': '"TimeoutSeconds": 3'}
    project = create_project(aws, image, WAITING, **shorter)
    ended = project.ended(project.start())
    assert (ended["status"], ended["error"]) == ("FAILED", "DeploymentTookTooLong")
    (child,) = children(project)
    assert child["status"] == "ABORTED"
    assert f"The deployment {child['name']} took longer than 32 hours" in told(project)


def test_stopping_a_training_is_told_once_though_its_deployment_stops_too(
    aws: Remote, image: str
) -> None:
    project = create_project(aws, image, WAITING)
    execution = project.start()
    wait(lambda: children(project))
    states = project.aws.client("stepfunctions")
    states.stop_execution(executionArn=execution, cause='she said "stop"')
    assert project.ended(execution)["status"] == "ABORTED"
    wait(lambda: children(project)[0]["status"] == "ABORTED")
    notice = json.loads(told(project))
    assert f"ended as ABORTED and could not tell why ({execution})" in notice["what"]
    assert notice["look at"].endswith(f"/v2/executions/details/{execution}")
    (detail,) = [value for key, value in notice.items() if key.startswith("details")]
    assert detail["cause"] == 'she said "stop"'
    assert json.loads(detail["input"])["commit"] == "0123456789abcdef"
