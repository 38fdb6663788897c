"""How a version comes to the endpoint, and what takes it back: by the deployment workflow and the
alarms of the template itself, with real servers, and requests all the while."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import SERVE, unique, wait
from local.tests.endpoints import Load
from local.tests.machines import create, ended
from local.tests.machines import start as run
from local.tests.remote import Remote
from tests.system.deployments import Deployments, made
from tests.system.workflows import create_alarms, part

pytestmark = pytest.mark.slow  # models are served by processes

SLOW = 400_000  # microseconds
FAULTS = {
    "server-errors": 'return self.answer(500, b"no")',
    "container-errors": "os._exit(3)",
    "model-latency": "time.sleep(0.6)",
}
LOOKS_FOR_SILENCE = '"NumericLessThanEquals": 30'


@pytest.fixture
def project(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Deployments:
    """Two instances, of which one is the canary, and each step is watched for two seconds."""
    changed = getattr(request, "param", {})
    settings = {
        "EndpointInstanceCount": "2",
        "EndpointMaxInstanceCount": "2",
        "Rollout": "Canary",
        "RolloutPercent": "50",
        "RolloutBakeSeconds": "2",
    }
    project = made(aws, tmp_path, monkeypatch, changed, **settings)
    create_alarms(aws, project.name, SLOW)
    return project


def rollout(told: dict[str, Any]) -> dict[str, Any]:
    """What a deployment says of how it came to the endpoint."""
    assert told["status"] == "SUCCEEDED", told.get("cause", told)
    return dict(json.loads(told["output"])["rollout"])


def ringing(project: Deployments) -> set[str]:
    """The alarms of the project that ring."""
    found = project.aws.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=project.name, StateValue="ALARM"
    )
    return {each["AlarmName"].removeprefix(f"{project.name}-") for each in found["MetricAlarms"]}


def seen(project: Deployments) -> dict[str, Any]:
    """All that is described of the endpoint."""
    return {key: value for key, value in project.endpoint().items() if key != "ResponseMetadata"}


def ring(project: Deployments) -> None:
    """As a wrong answer makes it."""
    datum = {"MetricName": "WrongAnswers", "Value": 1}
    project.aws.client("cloudwatch").put_metric_data(
        Namespace=f"MLOps/{project.name}", MetricData=[datum]
    )
    wait(lambda: ringing(project))


def test_a_canary_takes_over_without_losing_a_request(project: Deployments) -> None:
    first = project.deploy(project.versioned("old"))
    assert rollout(first) == {"type": "none", "why": "the first version"}
    with Load(project.aws, project.name) as load:
        told = project.deploy(project.versioned("new"))
        old, new = (f"{project.name}-{each}" for each in ("old", "new"))
        wait(lambda: load.answers[-1] == new)  # whoever asks may be slow, on a busy machine
    assert load.lost == []
    assert set(load.answers) == {old, new}
    assert (load.answers[0], load.answers[-1]) == (old, new)
    said = rollout(told)
    assert (said["type"], said["why"]) == ("Canary", "as the stack says")
    assert project.endpoint()["LastDeploymentConfig"] == said["config"]
    assert project.serving() == "new"
    assert project.told() == []


@pytest.mark.parametrize("fault", FAULTS)
def test_an_alarm_that_rings_takes_a_version_back_and_is_named(
    aws: Remote, project: Deployments, tmp_path: Path, fault: str
) -> None:
    project.change(RolloutBakeSeconds="600")
    serve = SERVE.replace("path = os", f"{FAULTS[fault]}; path = os")
    project.images[fault] = aws.image(tmp_path, project.name, serve=serve)
    project.deploy(project.versioned("old"))
    with Load(project.aws, project.name) as load:
        told = project.deploy(project.versioned("bad", fault))
        assert (told["status"], told["error"]) == ("FAILED", "EndpointRolledBack"), told
        lost, answered = len(load.lost), len(load.answers)
        wait(lambda: len(load.answers) > answered + 20)
    assert len(load.lost) == lost
    assert project.serving() == "old"
    assert project.versions() == {"old"}
    assert f'these alarms rang: ["{project.name}-{fault}"]' in told["cause"]
    (notice,) = project.mailbox.read(1)
    assert told["cause"] in notice


def test_what_an_update_has_rung_is_waited_for_by_the_next(project: Deployments) -> None:
    project.deploy(project.versioned("old"))
    ring(project)
    execution = project.start(project.versioned("new"))
    wait(lambda: "WaitForSilence" in project.states(execution))
    assert rollout(project.ended(execution))["type"] == "Canary"
    assert project.serving() == "new"


@pytest.mark.parametrize(
    "project", [{LOOKS_FOR_SILENCE: LOOKS_FOR_SILENCE.replace("30", "1")}], indirect=True
)
def test_while_alarms_ring_nothing_is_changed_but_by_who_says_so(project: Deployments) -> None:
    """Waits for silence are shorter here than in the template."""
    project.deploy(project.versioned("old"))
    ring(project)
    told = project.deploy(project.versioned("new"))
    assert (told["status"], told["error"]) == ("FAILED", "AlarmsRinging")
    assert f"{project.name}-wrong-answers" in told["cause"]
    assert f"make rollback TO={project.name}-new" in told["cause"]
    (notice,) = project.mailbox.read(1)
    assert told["cause"] in notice
    assert "FailureReason" not in project.endpoint()
    assert (project.serving(), project.versions()) == ("old", {"old"})
    ring(project)
    said = rollout(project.deploy(project.versioned("anyway", unguarded=True)))
    assert said == {"type": "AllAtOnce, not watched", "why": "alarms rang already"}
    assert project.serving() == "anyway"


def test_a_container_that_never_gets_healthy_is_no_alarms_fault(project: Deployments) -> None:
    project.deploy(project.versioned("old"))
    with Load(project.aws, project.name) as load:
        told = project.deploy(project.versioned("bad", "broken"))
    assert (told["status"], told["error"]) == ("FAILED", "EndpointRolledBack")
    assert "did not pass the ping health check" in told["cause"]
    assert "rang" not in told["cause"]
    assert (load.lost, set(load.answers)) == ([], {f"{project.name}-old"})
    assert (project.serving(), project.versions()) == ("old", {"old"})


def test_the_kind_of_an_endpoint_is_changed_by_no_deployment(project: Deployments) -> None:
    serverless = {"EndpointKind": "Serverless", "Isolated": "false"}
    project.deploy(project.versioned("old"))
    before = seen(project)
    project.change(**serverless)
    told = project.deploy(project.versioned("new"))
    assert (told["status"], told["error"]) == ("FAILED", "OtherKind")
    assert "Set EndpointKind back, or delete the endpoint" in told["cause"]
    assert seen(project) == before
    assert project.versions() == {"old"}
    states = project.states(project.started[-1])
    assert not {"FindImage", "CreateModel"} & set(states)

    sagemaker = project.aws.client("sagemaker")
    sagemaker.delete_endpoint(EndpointName=project.name)
    wait(lambda: not sagemaker.list_endpoints(NameContains=project.name)["Endpoints"])
    for name in ("idle", "next"):
        rollout(project.deploy(project.versioned(name)))
    assert project.serving() == "next"
    (variant,) = project.endpoint()["ProductionVariants"]
    assert variant["CurrentServerlessConfig"]["MemorySizeInMB"] == 1024
    project.change(EndpointKind="RealTime", Isolated="true")
    assert project.deploy(project.versioned("back"))["error"] == "OtherKind"
    assert project.serving() == "next"


def test_what_serves_is_known_by_its_model_whatever_its_configuration_is_called(
    project: Deployments,
) -> None:
    """As after a scaling, or a person's update; which is waited for."""
    new = project.trained("new", "2026-03-02T12:00:00.000Z")
    project.deploy(new)
    sagemaker, other = project.aws.client("sagemaker"), unique("by-hand")
    kept = sagemaker.describe_endpoint_config(EndpointConfigName=new["name"])
    sagemaker.create_endpoint_config(
        EndpointConfigName=other, ProductionVariants=kept["ProductionVariants"]
    )
    bake = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    sagemaker.update_endpoint(
        EndpointName=project.name,
        EndpointConfigName=other,
        DeploymentConfig={"BlueGreenUpdatePolicy": {**bake, "TerminationWaitInSeconds": 3}},
    )
    execution = project.start(project.trained("older", "2026-03-02T11:00:00.000Z"))
    told = project.ended(execution)
    assert "WaitForServing" in project.states(execution)
    assert json.loads(told["output"])["serves"] == new["name"]
    assert project.endpoint()["EndpointConfigName"] == other


# ---- the plan alone

ONE = "the share is less than one instance, so it is one"
SET = "as the stack says"


@pytest.fixture(scope="module")
def plans(aws: Remote) -> str:
    """What decides how an update is done, as a machine of its own."""
    definition = part("DeploymentWorkflow", "IsScaling", "FindNewConfig", ProjectName="plans")
    create_alarms(aws, "plans")
    return create(aws, aws.role("states"), definition)


@pytest.mark.parametrize(
    ("kind", "count", "percent", "planned", "size", "why"),
    [
        ("Canary", 1, 50, "ALL_AT_ONCE", {}, "one instance runs, which has no part"),
        ("Linear", 1, 10, "ALL_AT_ONCE", {}, "one instance runs, which has no part"),
        ("Canary", 2, 50, "CANARY", ("CanarySize", "CAPACITY_PERCENT", 50), SET),
        ("Canary", 2, 25, "CANARY", ("CanarySize", "INSTANCE_COUNT", 1), ONE),
        ("Canary", 4, 20, "CANARY", ("CanarySize", "INSTANCE_COUNT", 1), ONE),
        ("Canary", 5, 20, "CANARY", ("CanarySize", "CAPACITY_PERCENT", 20), SET),
        ("Linear", 9, 10, "LINEAR", ("LinearStepSize", "INSTANCE_COUNT", 1), ONE),
        ("Linear", 10, 10, "LINEAR", ("LinearStepSize", "CAPACITY_PERCENT", 10), SET),
        ("AllAtOnce", 10, 10, "ALL_AT_ONCE", {}, SET),
    ],
)
def test_a_part_of_the_instances_is_at_least_one_and_says_why(
    aws: Remote,
    plans: str,
    kind: str,
    count: int,
    percent: int,
    planned: str,
    size: tuple[str, str, int] | None,
    why: str,
) -> None:
    said = plan(aws, plans, kind, percent, count)["rollout"]
    assert said["why"] == why
    routing = said["config"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing.pop("Type") == planned
    assert routing.pop("WaitIntervalInSeconds") == (300 if size else 0)
    assert routing == ({size[0]: {"Type": size[1], "Value": size[2]}} if size else {})


def test_the_instances_that_scaling_has_made_count_where_it_is_on(aws: Remote, plans: str) -> None:
    """Else those that the stack says, however many run now."""
    scaled = plan(aws, plans, "Canary", 50, 1, most=8, now=4)
    assert (scaled["rollout"]["type"], scaled["retain"]["instances"]) == ("Canary", True)
    fixed = plan(aws, plans, "Canary", 50, 1, most=1, now=4)
    assert (fixed["rollout"]["type"], fixed["retain"]["instances"]) == ("AllAtOnce", False)


def test_an_update_that_is_not_watched_says_so(aws: Remote, plans: str) -> None:
    said = plan(aws, plans, "Canary", 50, 2, bake=0)["rollout"]
    assert said == {"type": "AllAtOnce, not watched", "why": "the stack says so"}


def test_fewer_instances_at_most_than_at_least_are_refused_before_anything(aws: Remote) -> None:
    machine = part("DeploymentWorkflow", "AreInstancesSane", "CanScale", "Notify")
    refuses = create(aws, aws.role("states"), machine)
    for most, refused in ((0, False), (1, True), (2, False), (3, False)):
        given = {"settings": {"instanceCount": 2, "maxInstanceCount": most}}
        told = json.loads(ended(aws, run(aws, refuses, given))["output"])
        assert ("error" in told) == refused
        if refused:
            assert told["error"]["Cause"] == (
                "EndpointMaxInstanceCount is 1 and EndpointInstanceCount 2: it must not be less, "
                "but for 0, which is no scaling"
            )


def plan(
    aws: Remote,
    machine: str,
    kind: str,
    percent: int,
    count: int,
    most: int = 0,
    now: int = 1,
    bake: int = 300,
) -> dict[str, Any]:
    """What is known once it was decided how `count` instances are updated, of which `now` run."""
    settings = {
        "kind": "RealTime",
        "instanceCount": count,
        "maxInstanceCount": most or count,
        "rollout": kind,
        "rolloutPercent": percent,
        "bakeSeconds": bake,
    }
    running = {"ProductionVariants": [{"CurrentInstanceCount": now}]}
    given = {"name": "v", "settings": settings, "endpoint": running, "before": {"number": 1}}
    told = ended(aws, run(aws, machine, given))
    assert told["status"] == "SUCCEEDED", told.get("cause", told)
    return dict(json.loads(told["output"]))
