"""How an endpoint goes over to another configuration: seen from outside, under steady requests."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.background import background
from local.cloudwatch.alarms import AlarmRecords
from local.context import Context
from local.sagemaker.endpoints import set_count
from local.sagemaker.fleet import Fleet
from local.sagemaker.guardrails import Shift, TrafficPlan
from local.sagemaker.model_server import StartFailed
from local.sagemaker.records import ENDPOINT, MODEL
from local.service import AwsError
from local.tests import remote
from local.tests.aws import ALL, SERVE, Aws, Mailbox, unique, wait
from local.tests.endpoints import Load, configure, invoke, refusal, serve, standing_still
from local.tests.lasting import Lasting
from local.tests.remote import Remote

ALL_AT_ONCE: dict[str, Any] = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
CANARY: dict[str, Any] = {
    "Type": "CANARY",
    "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
    "WaitIntervalInSeconds": 1,
}
LINEAR: dict[str, Any] = {
    "Type": "LINEAR",
    "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 2},
    "WaitIntervalInSeconds": 1,
}


def config(routing: dict[str, Any], bake: int = 1, *alarms: str) -> dict[str, Any]:
    """Of a deployment."""
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": bake}
    watched = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": each} for each in alarms]}}
    return {"BlueGreenUpdatePolicy": policy} | (watched if alarms else {})


def update(aws: Aws, endpoint: str, to: str, **how: Any) -> None:
    aws.client("sagemaker").update_endpoint(EndpointName=endpoint, EndpointConfigName=to, **how)


def servers(aws: Aws, endpoint: str) -> int:
    return len(list((aws.context.home / "endpoints" / endpoint).iterdir()))


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), serve=SERVE)


@pytest.fixture(scope="module")
def broken(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), serve="echo no model; exit 1")


@pytest.fixture(scope="module")
def failing(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Healthy, but every answer is an error."""
    serve = SERVE.replace("path = os", 'return self.answer(500, b"no"); path = os')
    return aws.image(tmp_path_factory.mktemp("images"), serve=serve)


@pytest.fixture(scope="module")
def served(aws: Aws, image: str) -> str:
    """An endpoint of four instances that tests update, and leave InService."""
    return serve(aws, image, InitialInstanceCount=4)


@pytest.fixture
def second(aws: Aws, image: str) -> str:
    return configure(aws, image, unique("second"), InitialInstanceCount=4)


@pytest.fixture
def events(aws: Aws) -> Iterator[Mailbox]:
    """What EventBridge is told of endpoints' deployments."""
    mailbox, rule, events = aws.mailbox(), unique("rule"), aws.client("events")
    pattern = {"detail-type": ["SageMaker Endpoint Deployment State Change"]}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": mailbox.topic}])
    yield mailbox
    events.remove_targets(Rule=rule, Ids=["1"])
    events.delete_rule(Name=rule)


def alarm(
    aws: Aws,
    endpoint: str,
    configuration: str,
    metric: str = "Invocation5XXErrors",
    above: int = 0,
    missing: str = "notBreaching",
) -> str:
    """It rings once an answer of this configuration was a server error, or of another metric."""
    name = unique("alarm")
    dimensions = {
        "EndpointName": endpoint,
        "VariantName": "AllTraffic",
        "EndpointConfigName": configuration,
    }
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=above,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData=missing,
    )
    return name


def now_serving(aws: Aws, endpoint: str) -> str:
    return str(standing_still(aws, endpoint)["EndpointConfigName"])


@pytest.mark.parametrize("routing", [ALL_AT_ONCE, CANARY, LINEAR], ids=lambda each: each["Type"])
def test_no_request_is_lost_while_a_new_fleet_takes_over(
    aws: Aws, served: str, second: str, routing: dict[str, Any]
) -> None:
    first = now_serving(aws, served)
    with Load(aws, served, 4, b"slow") as slow, Load(aws, served) as load:
        wait(lambda: slow.answers)
        update(aws, served, second, DeploymentConfig=config(routing, 0))
        assert now_serving(aws, served) == second
        wait(lambda: servers(aws, served) == 2)
    assert load.lost == slow.lost == []
    assert set(load.answers) == {first, second}
    assert load.answers[-1] == second


def test_a_canary_takes_its_share_of_the_requests_and_no_more(
    aws: Aws, served: str, second: str
) -> None:
    first, rings = now_serving(aws, served), alarm(aws, served, second)
    long = CANARY | {"WaitIntervalInSeconds": 600}
    update(aws, served, second, DeploymentConfig=config(long, 0, rings))
    wait(lambda: stage(aws, served) == "Baking")
    asked = [invoke(aws, served)["model"] for _ in range(80)]
    with Load(aws, served, body=b"fail"):
        assert now_serving(aws, served) == first
    assert 4 <= asked.count(second) <= 40


def stage(aws: Aws, endpoint: str) -> str | None:
    """How far the new fleet is."""
    shown = aws.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    (variant,) = shown["PendingDeploymentSummary"].get("ProductionVariants", [{}])
    return str(variant["VariantStatus"][0]["Status"]) if variant else None


def test_each_step_is_told_as_aws_tells_it(
    aws: Aws, served: str, second: str, events: Mailbox
) -> None:
    first = now_serving(aws, served)
    update(aws, served, second, DeploymentConfig=config(CANARY))
    assert now_serving(aws, served) == second
    told = [json.loads(each)["detail"] for each in events.read(5)]
    pending = [each["PendingDeploymentSummary"] for each in told]
    assert {(each["EndpointStatus"], each["EndpointConfigName"]) for each in told} == {
        ("UPDATING", first)
    }
    assert {each["EndpointConfigName"] for each in pending} == {second}
    variants = [each["ProductionVariants"][0] for each in pending]
    assert sorted(
        (each["VariantStatus"][0]["StatusMessage"], each["CurrentInstanceCount"])
        for each in variants
    ) == [
        ("Activating traffic on canary capacity of 1 instance(s).", 0),
        ("Activating traffic on full capacity of 4 instance(s).", 1),
        (
            "Baking for 1 seconds (TerminationWaitInSeconds) with traffic enabled on full "
            "capacity of 4 instance(s).",
            4,
        ),
        (
            "Baking for 1 seconds (WaitIntervalInSeconds) with traffic enabled on canary "
            "capacity of 1 instance(s).",
            1,
        ),
        ("Launching 4 instance(s).", 0),
    ]


def test_a_new_fleet_that_does_not_start_gets_no_request_and_loses_none(
    aws: Aws, served: str, broken: str
) -> None:
    first = now_serving(aws, served)
    bad = configure(aws, broken, unique("broken"), InitialInstanceCount=4)
    with Load(aws, served) as load:
        update(aws, served, bad, DeploymentConfig=config(CANARY))
        assert now_serving(aws, served) == first
    assert (load.lost, set(load.answers)) == ([], {first})
    reason = standing_still(aws, served)["FailureReason"]
    assert "did not pass the ping health check" in reason


@pytest.mark.parametrize("routing", [ALL_AT_ONCE, CANARY, LINEAR], ids=lambda each: each["Type"])
def test_an_alarm_that_rings_brings_all_traffic_back(
    aws: Aws, served: str, failing: str, routing: dict[str, Any]
) -> None:
    first = now_serving(aws, served)
    bad = configure(aws, failing, unique("failing"), InitialInstanceCount=4)
    rings = alarm(aws, served, bad)
    long = {"WaitIntervalInSeconds": 600}
    with Load(aws, served) as load:
        update(aws, served, bad, DeploymentConfig=config(routing | long, 600, rings))
        back = standing_still(aws, served)
    assert (back["EndpointStatus"], back["EndpointConfigName"]) == ("InService", first)
    assert f"Alarms went off during the deployment: {rings}." in back["FailureReason"]
    assert "PendingDeploymentSummary" not in back
    assert load.lost and set(load.answers) == {first}
    assert {invoke(aws, served)["model"] for _ in range(20)} == {first}
    wait(lambda: servers(aws, served) == 2)


@pytest.mark.parametrize(
    ("fault", "metric", "above"),
    [("os._exit(3)", "InvocationModelErrors", 0), ("time.sleep(0.3)", "ModelLatency", 250_000)],
    ids=["dies", "is slow"],
)
def test_a_new_fleet_with_a_fault_is_left_again(
    aws: Aws, served: str, tmp_path: Path, fault: str, metric: str, above: int
) -> None:
    first = now_serving(aws, served)
    image = aws.image(tmp_path, serve=SERVE.replace("path = os", f"{fault}; path = os"))
    bad = configure(aws, image, unique("faulty"), InitialInstanceCount=4)
    rings = alarm(aws, served, bad, metric, above)
    with Load(aws, served):
        update(aws, served, bad, DeploymentConfig=config(CANARY, 600, rings))
        assert now_serving(aws, served) == first
    assert rings in standing_still(aws, served)["FailureReason"]
    assert {invoke(aws, served)["model"] for _ in range(20)} == {first}


def test_an_alarm_that_rings_already_ends_a_rollout_as_soon_as_it_bakes(
    aws: Aws, served: str, second: str
) -> None:
    first, rings = now_serving(aws, served), alarm(aws, served, second, missing="breaching")
    cloudwatch = aws.client("cloudwatch")
    wait(lambda: cloudwatch.describe_alarms(AlarmNames=[rings], StateValue="ALARM")["MetricAlarms"])
    update(aws, served, second, DeploymentConfig=config(CANARY, 1, rings))
    assert now_serving(aws, served) == first


def test_a_rollout_without_alarms_goes_on_whatever_the_answers_are(
    aws: Aws, image: str, failing: str
) -> None:
    name = serve(aws, image, InitialInstanceCount=2)
    bad = configure(aws, failing, unique("failing"), InitialInstanceCount=2)
    update(aws, name, bad, DeploymentConfig=config(ALL_AT_ONCE))
    assert now_serving(aws, name) == bad
    aws.client("sagemaker").delete_endpoint(EndpointName=name)


def test_alarms_have_to_be_there_and_be_open_to_the_models_role(
    aws: Aws, image: str, served: str, second: str
) -> None:
    ask, real = aws.client("sagemaker").update_endpoint, alarm(aws, served, second)
    how = config(CANARY, 1, real, "nowhere")
    request = {"EndpointName": served, "EndpointConfigName": second}
    said = refusal(ask, **request, DeploymentConfig=how)
    assert "could not find alarm nowhere" in said
    deny = {"Effect": "Deny", "Action": "cloudwatch:DescribeAlarms", "Resource": "*"}
    role = aws.role("sagemaker", may=[ALL, deny])
    closed = configure(aws, image, unique("closed"), role=role, InitialInstanceCount=4)
    request = {"EndpointName": served, "EndpointConfigName": closed}
    said = refusal(ask, **request, DeploymentConfig=config(CANARY, 1, real))
    assert f"the role {role} cannot describe them" in said
    assert "cloudwatch:DescribeAlarms" in said


def test_a_fleet_that_hangs_is_given_up_when_its_deployment_takes_too_long(
    aws: Aws, tmp_path: Path
) -> None:
    with Lasting() as program:
        hanging = aws.image(tmp_path, serve=f"exec {program.command}")
        name = configure(aws, hanging, unique("hanging"))
        described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=name)
        fleet = Fleet("hanging", described, MODEL.records()[name])
        began = time.monotonic()
        with pytest.raises(StartFailed):
            fleet.start(deadline=began + 1)
        assert time.monotonic() - began < 10
        assert program.ends()


def test_a_deployment_that_takes_longer_than_it_may_is_rolled_back(
    aws: Aws, served: str, second: str
) -> None:
    """Told to the endpoint itself: AWS takes no limit below ten minutes."""
    first, endpoint = now_serving(aws, served), ENDPOINT.records()[served]
    described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=second)
    shift = Shift(4, 600, "TerminationWaitInSeconds", "full")
    pending = {"EndpointConfigName": second, "StartTime": datetime.now(UTC)}
    endpoint.change("Updating", PendingDeploymentSummary=pending)
    new = Fleet(served, described, MODEL.records()[second])
    endpoint.roll_out(new, TrafficPlan((shift,), (), 2.0))
    told = standing_still(aws, served)
    assert (told["EndpointStatus"], told["EndpointConfigName"]) == ("InService", first)
    late = "exceeded its MaximumExecutionTimeoutInSeconds|did not start in time"
    assert re.search(late, told["FailureReason"])
    assert invoke(aws, served)["model"] == first


def test_an_endpoint_goes_back_whatever_ends_its_rollout(
    aws: Aws, served: str, second: str
) -> None:
    first, endpoint = now_serving(aws, served), ENDPOINT.records()[served]
    described = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=second)
    pending = {"EndpointConfigName": second, "StartTime": datetime.now(UTC)}
    endpoint.change("Updating", PendingDeploymentSummary=pending)
    new = Fleet(served, described, MODEL.records()[second])
    steps = (Shift(0, 0, "", "no"),)  # of which no share can be told
    with pytest.raises(ZeroDivisionError):
        endpoint.roll_out(new, TrafficPlan(steps, (), 60.0))
    assert now_serving(aws, served) == first
    wait(lambda: servers(aws, served) == 2)


def test_an_endpoint_is_neither_deleted_nor_updated_nor_scaled_during_a_rollout(
    aws: Aws, served: str, second: str
) -> None:
    sagemaker, first = aws.client("sagemaker"), now_serving(aws, served)
    rings, long = alarm(aws, served, second), CANARY | {"WaitIntervalInSeconds": 600}
    update(aws, served, second, DeploymentConfig=config(long, 0, rings))
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 1}]
    for operation, more in (
        (sagemaker.delete_endpoint, {}),
        (sagemaker.update_endpoint, {"EndpointConfigName": second}),
        (
            sagemaker.update_endpoint_weights_and_capacities,
            {"DesiredWeightsAndCapacities": wanted},
        ),
    ):
        said = refusal(operation, EndpointName=served, **more)
        assert said.startswith("ValidationException: Cannot update in-progress endpoint")
    with Load(aws, served, body=b"fail"):
        assert now_serving(aws, served) == first


@pytest.mark.parametrize(
    ("routing", "policy", "word"),
    [
        (CANARY | {"CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 51}}, {}, "CanarySize"),
        (CANARY | {"CanarySize": {"Type": "INSTANCE_COUNT", "Value": 3}}, {}, "CanarySize"),
        (LINEAR | {"LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 9}}, {}, "10-50%"),
        (LINEAR | {"LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 3}}, {}, "10-50%"),
        ({"Type": "CANARY", "WaitIntervalInSeconds": 0}, {}, "CanarySize has to be given"),
        (ALL_AT_ONCE | {"CanarySize": CANARY["CanarySize"]}, {}, "only for it"),
        (
            LINEAR | {"WaitIntervalInSeconds": 300},
            {"TerminationWaitInSeconds": 300, "MaximumExecutionTimeoutInSeconds": 600},
            "should be larger than the total waiting time",
        ),
        (CANARY | {"WaitIntervalInSeconds": 3601}, {}, "waitIntervalInSeconds"),
    ],
)
def test_the_limits_of_a_deployment_are_awss(
    aws: Aws,
    served: str,
    second: str,
    routing: dict[str, Any],
    policy: dict[str, Any],
    word: str,
) -> None:
    how = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **policy}}
    ask = aws.client("sagemaker").update_endpoint
    said = refusal(ask, EndpointName=served, EndpointConfigName=second, DeploymentConfig=how)
    assert word in said
    assert standing_still(aws, served)["EndpointStatus"] == "InService"


def test_a_canary_of_one_instance_is_refused(aws: Aws, image: str, served: str) -> None:
    one = configure(aws, image, unique("one"), InitialInstanceCount=1)
    ask = aws.client("sagemaker").update_endpoint
    request = {"EndpointName": served, "EndpointConfigName": one}
    said = refusal(ask, **request, DeploymentConfig=config(CANARY))
    assert "less than or equal to 50% of the variant's total instance count, which is 1" in said


def test_a_rolling_update_is_refused_by_name(aws: Aws, served: str, second: str) -> None:
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    rolling = {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}}
    ask = aws.client("sagemaker").update_endpoint
    said = refusal(ask, EndpointName=served, EndpointConfigName=second, DeploymentConfig=rolling)
    assert "DeploymentConfig.RollingUpdatePolicy is not supported" in said


def test_an_update_keeps_the_scaled_count_only_if_it_is_asked_to(aws: Aws, image: str) -> None:
    name, sagemaker = serve(aws, image, InitialInstanceCount=1), aws.client("sagemaker")
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 3, "DesiredWeight": 2.0}]
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=wanted
    )
    assert counts(aws, name) == (3, 3, 2.0)
    assert servers(aws, name) == 2
    update(aws, name, name, RetainAllVariantProperties=True)
    assert counts(aws, name) == (3, 3, 2.0)
    overridden = [{"VariantPropertyType": "DesiredInstanceCount"}]
    update(
        aws,
        name,
        name,
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=overridden,
    )
    assert counts(aws, name) == (1, 1, 2.0)
    update(aws, name, name)
    assert counts(aws, name) == (1, 1, 1.0)
    sagemaker.delete_endpoint(EndpointName=name)


def counts(aws: Aws, endpoint: str) -> tuple[int, int, float]:
    (shown,) = standing_still(aws, endpoint)["ProductionVariants"]
    current, desired = shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]
    assert shown["CurrentWeight"] == shown["DesiredWeight"]
    return current, desired, shown["CurrentWeight"]


def test_scaling_loses_no_request_and_ends_what_is_too_many(
    aws: Aws, served: str, events: Mailbox
) -> None:
    scale = aws.client("sagemaker").update_endpoint_weights_and_capacities
    with Load(aws, served, 6, b"slow") as load:
        wait(lambda: load.answers)
        for count in (1, 4):
            wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
            scale(EndpointName=served, DesiredWeightsAndCapacities=wanted)
            assert counts(aws, served)[:2] == (count, count)
            assert servers(aws, served) == min(count, 2)
    assert load.lost == []
    told = [json.loads(each)["detail"]["ProductionVariants"][0] for each in events.read(2)]
    assert {
        (each["DesiredInstanceCount"], each["VariantStatus"][0]["StatusMessage"]) for each in told
    } == {
        (1, "Scaling in desired instance count to 1."),
        (4, "Scaling out desired instance count to 4."),
    }


def test_application_auto_scaling_sets_the_count_of_a_variant(aws: Aws, served: str) -> None:
    for count in (3, 4):
        set_count(served, "AllTraffic", count)
        assert counts(aws, served)[:2] == (count, count)
    for endpoint, variant in ((served, "other"), ("nowhere", "AllTraffic")):
        with pytest.raises(AwsError, match="Could not find"):
            set_count(endpoint, variant, 1)


def test_an_endpoint_that_is_scaled_while_its_alarms_are_looked_up_keeps_the_new_count(
    aws: Aws, served: str, second: str
) -> None:
    how = config(ALL_AT_ONCE, 0, alarm(aws, served, second))
    with AlarmRecords.here().lock:
        asking = background(
            lambda: update(
                aws, served, second, DeploymentConfig=how, RetainAllVariantProperties=True
            )
        )
        asking.join(0.5)
        set_count(served, "AllTraffic", 3)
        assert counts(aws, served)[:2] == (3, 3)
    asking.join()
    assert counts(aws, served)[:2] == (3, 3)
    assert now_serving(aws, served) == second
    set_count(served, "AllTraffic", 4)
    assert counts(aws, served)[:2] == (4, 4)


def test_the_last_deployment_configuration_can_be_used_again(
    aws: Aws, image: str, second: str
) -> None:
    """Given to CreateEndpoint it guards nothing yet, but every update that asks for it."""
    name = configure(aws, image, unique("kept"), InitialInstanceCount=4)
    sagemaker, last = aws.client("sagemaker"), config(CANARY)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, DeploymentConfig=last)
    assert standing_still(aws, name)["LastDeploymentConfig"] == last
    began = time.monotonic()
    update(aws, name, second, RetainDeploymentConfig=True)
    assert standing_still(aws, name)["EndpointConfigName"] == second
    assert time.monotonic() - began >= 2
    sagemaker.delete_endpoint(EndpointName=name)


def test_one_server_of_a_fleet_that_dies_costs_its_own_request_and_no_other(
    aws: Aws, served: str
) -> None:
    with pytest.raises(aws.client("sagemaker-runtime").exceptions.ModelError):
        invoke(aws, served, b"die")
    servers = ENDPOINT.records()[served].fleet.servers
    wait(lambda: not all(each.ready for each in servers))
    with Load(aws, served) as load:
        wait(lambda: all(each.ready for each in servers))
        wait(lambda: len(load.answers) > 50)
    assert load.lost == []


def test_a_kill_9_in_the_middle_of_a_rollout_leaves_no_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = remote.start(home)
    try:
        with Lasting() as program:
            there = Remote(Context("eu-west-1", 0, home), remote.settings(home, process))
            image = there.image(tmp_path, serve=f"{program.command} &\nexec ./python", python=SERVE)
            half = CANARY | {"CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
            half["WaitIntervalInSeconds"] = 600
            name = serve(there, image, InitialInstanceCount=2)
            update(there, name, name, DeploymentConfig=config(half))
            wait(lambda: stage(there, name) == "Baking")
            assert len(program.pids) == 4
            process.kill()
            assert program.ends()
    finally:
        process.kill()
        process.wait()
