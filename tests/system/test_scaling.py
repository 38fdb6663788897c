"""Scaling: what the template's own states register, keep and let go, of a real endpoint."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.tests.aws import SERVE, Mailbox, unique
from local.tests.endpoints import standing_still, variant
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from scripts import destroy
from scripts.lib.console import Console
from scripts.lib.session import Clients
from tests.system.deployments import made as made_deployments
from tests.system.workflows import part

FIXED: dict[str, Any] = {
    "kind": "RealTime",
    "instanceType": "ml.m5.large",
    "instanceCount": 1,
    "maxInstanceCount": 1,
    "scalingTargetInvocations": 600,
}
SCALING = {**FIXED, "maxInstanceCount": 4}


@dataclass
class Scaled:
    """An endpoint, and the parts of the story that are about its scaling."""

    aws: Remote
    name: str
    mailbox: Mailbox
    machines: dict[str, str] = field(default_factory=dict)

    def tell(self, first: str, *until: str, **given: Any) -> dict[str, Any]:
        """What is known after these states. No call is made twice: retries take a minute."""
        if first not in self.machines:
            values = {"ProjectName": self.name, "Topic": self.mailbox.topic, "ExecutionPage": ""}
            machine = json.dumps(part("DeploymentWorkflow", first, *until, **values))
            quick = machine.replace('"MaxAttempts": 6', '"MaxAttempts": 0')
            self.machines[first] = create(self.aws, self.aws.role("states"), quick)
        told = ended(self.aws, start(self.aws, self.machines[first], {"name": "v", **given}))
        assert told["status"] == "SUCCEEDED", told
        return dict(json.loads(told["output"]))

    def scale(self, settings: dict[str, Any]) -> dict[str, Any]:
        return self.tell("IsToScale", "MarkAsServed", settings=settings)

    def targets(self) -> list[tuple[int, int]]:
        found = self.aws.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace="sagemaker", ResourceIds=[f"endpoint/{self.name}/variant/AllTraffic"]
        )["ScalableTargets"]
        return [(each["MinCapacity"], each["MaxCapacity"]) for each in found]

    def policies(self) -> dict[str, float]:
        found = self.aws.client("application-autoscaling").describe_scaling_policies(
            ServiceNamespace="sagemaker", ResourceId=f"endpoint/{self.name}/variant/AllTraffic"
        )["ScalingPolicies"]
        return {
            each["PolicyName"]: each["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
            for each in found
        }

    def configure(self, instance_type: str) -> str:
        config = unique("config")
        self.aws.client("sagemaker").create_endpoint_config(
            EndpointConfigName=config,
            ProductionVariants=[variant(self.name, InstanceType=instance_type)],
        )
        return config


@pytest.fixture(scope="module")
def made(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Scaled:
    name, sagemaker = unique("scaled"), aws.client("sagemaker")
    image = aws.image(tmp_path_factory.mktemp("image"), serve=SERVE)
    sagemaker.create_model(
        ModelName=name, PrimaryContainer={"Image": image}, ExecutionRoleArn=aws.role("sagemaker")
    )
    scaled = Scaled(aws, name, aws.mailbox())
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=scaled.configure("ml.m5.large"))
    assert standing_still(aws, name)["EndpointStatus"] == "InService"
    return scaled


@pytest.fixture
def scaled(made: Scaled) -> Iterator[Scaled]:
    yield made
    made.scale(FIXED)
    assert not made.targets()


def test_an_endpoint_scales_between_its_two_parameters_and_stops_where_they_are_equal(
    scaled: Scaled,
) -> None:
    scaled.scale(SCALING)
    assert scaled.targets() == [(1, 4)]
    assert scaled.policies() == {f"{scaled.name}-invocations": 600.0}
    scaled.scale({**SCALING, "maxInstanceCount": 3, "scalingTargetInvocations": 60})
    assert scaled.targets() == [(1, 3)]
    assert scaled.policies() == {f"{scaled.name}-invocations": 60.0}
    scaled.scale(FIXED)
    assert (scaled.targets(), scaled.policies()) == ([], {})
    assert scaled.mailbox.messages == []


def test_that_nothing_scales_is_no_failure_of_who_stops_it(scaled: Scaled) -> None:
    known = scaled.scale(FIXED)
    assert "No scalable target found" in known["scaling"]["Cause"]
    known = scaled.scale({**SCALING, "kind": "Serverless"})
    assert "No scalable target found" in known["scaling"]["Cause"]


def test_scaling_that_could_not_be_set_is_told_and_the_version_serves(scaled: Scaled) -> None:
    """The run goes on as it does without scaling."""
    nobody = Scaled(scaled.aws, "nobody", scaled.aws.mailbox())
    nobody.scale(SCALING)
    (told,) = nobody.mailbox.read(1)
    assert told.startswith("v serves. Its scaling could not be set")
    assert "Endpoint not found" in told


@pytest.mark.parametrize(
    ("new", "left"), [("ml.m5.large", [(1, 4)]), ("ml.c5.large", [])], ids=["same", "other"]
)
def test_only_an_update_to_another_type_interrupts_scaling(
    scaled: Scaled, new: str, left: list[tuple[int, int]]
) -> None:
    """SageMaker refuses it otherwise, as is seen here too."""
    scaled.scale(SCALING)
    config = scaled.configure(new)
    known = scaled.tell(
        "FindNewConfig",
        "IsWatchedUpdate",
        "HasCause",
        name=config,
        serving={"type": ["ml.m5.large"]},
    )
    assert known["new"]["type"] == [new]
    assert scaled.targets() == left
    sagemaker = scaled.aws.client("sagemaker")
    sagemaker.update_endpoint(EndpointName=scaled.name, EndpointConfigName=config)
    assert standing_still(scaled.aws, scaled.name)["EndpointConfigName"] == config
    scaled.tell("WasPaused", "IsAnythingMade", settings=SCALING, **known)
    assert scaled.targets() == [(1, 4)]
    scaled.scale(FIXED)
    back = scaled.configure("ml.m5.large")
    sagemaker.update_endpoint(EndpointName=scaled.name, EndpointConfigName=back)
    standing_still(scaled.aws, scaled.name)


def test_what_did_not_scale_does_not_after_a_failure(scaled: Scaled) -> None:
    config = scaled.configure("ml.c5.large")
    known = scaled.tell(
        "FindNewConfig",
        "IsWatchedUpdate",
        "HasCause",
        name=config,
        serving={"type": ["ml.m5.large"]},
    )
    assert "Error" in known["paused"]
    scaled.tell("WasPaused", "IsAnythingMade", settings=SCALING, **known)
    scaled.tell("WasPaused", "IsAnythingMade", settings=SCALING)
    assert not scaled.targets()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({**SCALING, "instanceType": "ml.t2.medium"}, "An endpoint of ml.t2.medium cannot scale"),
        ({**FIXED, "instanceType": "ml.t2.medium"}, ""),
        (SCALING, ""),
    ],
    ids=["burstable", "fixed", "scaling"],
)
def test_a_type_that_cannot_scale_is_refused_before_anything_is_touched(
    scaled: Scaled, settings: dict[str, Any], why: str
) -> None:
    known = scaled.tell("CanScale", "OpenQueue", "Notify", settings=settings)
    assert known.get("error", {}).get("Cause", "").startswith(why)
    assert ("error" in known) == bool(why)


def test_an_endpoint_that_scales_is_removed_with_what_scales_it(
    scaled: Scaled, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = unique("removed")
    sagemaker = scaled.aws.client("sagemaker")
    config = scaled.configure("ml.m5.large")
    sagemaker.create_endpoint(EndpointName=other, EndpointConfigName=config)
    standing_still(scaled.aws, other)
    removed = Scaled(scaled.aws, other, scaled.mailbox)
    removed.scale(SCALING)
    scaled.aws.enter(monkeypatch)
    page = io.StringIO()
    destroy.remove_endpoint(Clients(boto3.Session()), other, Console(page, {}))
    assert f"deleted   endpoint {other}" in page.getvalue()
    assert (removed.targets(), removed.policies()) == ([], {})
    assert not sagemaker.list_endpoints(NameContains=other)["Endpoints"]


@pytest.mark.slow  # models are served by processes
def test_scaling_is_kept_over_deployments_whatever_they_change(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made_deployments(aws, tmp_path, monkeypatch, EndpointMaxInstanceCount="3")
    scaled = Scaled(aws, project.name, project.mailbox)
    assert project.deploy(project.input("a"))["status"] == "SUCCEEDED"
    set_count(aws, project.name, 2)
    assert project.deploy(project.input("b"))["status"] == "SUCCEEDED"
    (found,) = project.endpoint()["ProductionVariants"]
    assert (found["DesiredInstanceCount"], scaled.targets()) == (2, [(1, 3)])
    project.change(EndpointInstanceType="ml.c5.large")
    assert project.deploy(project.input("c", "broken"))["status"] == "FAILED"
    assert (project.serving(), scaled.targets()) == ("b", [(1, 3)])
    project.change(EndpointMaxInstanceCount="0", EndpointInstanceType="ml.m5.large")
    assert project.deploy(project.input("d"))["status"] == "SUCCEEDED"
    (found,) = project.endpoint()["ProductionVariants"]
    assert (found["DesiredInstanceCount"], scaled.targets()) == (1, [])
    assert len(project.mailbox.read(1)) == 1  # of the one that failed


def set_count(aws: Remote, endpoint: str, count: int) -> None:
    """As scaling does."""
    change = {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
    aws.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=endpoint, DesiredWeightsAndCapacities=[change]
    )
    standing_still(aws, endpoint)
