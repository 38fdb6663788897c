from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.context import use
from local.sagemaker.serverless import check
from local.service import AwsError
from local.tests.aws import SERVE, Aws, unique, wait
from local.tests.endpoints import Load, configure, invoke, refusal, serve, standing_still, variant

SIZE = {"MemorySizeInMB": 3072, "MaxConcurrency": 2}
MIB = 1024 * 1024


def serverless(**changes: Any) -> dict[str, Any]:
    return {
        "InstanceType": None,
        "InitialInstanceCount": None,
        "ServerlessConfig": SIZE | changes,
    }


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), serve=SERVE)


@pytest.fixture(scope="module")
def standing(aws: Aws, image: str) -> str:
    """A serverless endpoint that tests only ask."""
    return serve(aws, image, **serverless())


def test_a_serverless_endpoint_answers_and_shows_its_size(aws: Aws, standing: str) -> None:
    assert invoke(aws, standing)["model"] == standing
    (shown,) = standing_still(aws, standing)["ProductionVariants"]
    assert (shown["CurrentServerlessConfig"], shown["DesiredServerlessConfig"]) == (SIZE, SIZE)
    assert "CurrentInstanceCount" not in shown


def test_more_requests_at_once_than_it_may_have_are_throttled(aws: Aws, standing: str) -> None:
    with Load(aws, standing, 4, b"slow") as load:
        wait(lambda: load.lost and load.answers)
    assert {str(each).split(" when ")[0] for each in load.lost} == {
        "An error occurred (ThrottlingException)"
    }
    assert invoke(aws, standing)["model"] == standing


def test_a_serverless_request_has_at_most_four_megabytes(aws: Aws, standing: str) -> None:
    assert invoke(aws, standing, b"x" * 4 * MIB)["size"] == 4 * MIB
    with pytest.raises(ClientError, match="at most 4194304"):
        invoke(aws, standing, b"x" * (4 * MIB + 1))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (serverless() | {"InstanceType": "ml.m5.large"}, "cannot have InstanceType"),
        (serverless() | {"InitialInstanceCount": 1}, "cannot have InitialInstanceCount"),
        (serverless(MemorySizeInMB=1500), "MemorySizeInMB 1500 is not supported"),
        (serverless(MaxConcurrency=201), "maxConcurrency"),
        (serverless(ProvisionedConcurrency=1), "ProvisionedConcurrency is not supported"),
        ({"InstanceType": None}, "without InstanceType or ServerlessConfig"),
    ],
)
def test_a_serverless_variant_has_awss_sizes_and_no_instances(
    aws: Aws, standing: str, changes: dict[str, Any], word: str
) -> None:
    create = aws.client("sagemaker").create_endpoint_config
    said = refusal(
        create, EndpointConfigName=unique("c"), ProductionVariants=[variant(standing, **changes)]
    )
    assert word in said


def test_a_serverless_endpoint_is_not_isolated(aws: Aws, image: str) -> None:
    name, sagemaker = unique("isolated"), aws.client("sagemaker")
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=aws.role("sagemaker"),
        PrimaryContainer={"Image": image},
        EnableNetworkIsolation=True,
    )
    variants = [variant(name, **serverless())]
    create = sagemaker.create_endpoint_config
    said = refusal(create, EndpointConfigName=name, ProductionVariants=variants)
    assert "Serverless Inference does not support network isolation" in said


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_china_and_govcloud_have_no_serverless_endpoints(aws: Aws, region: str) -> None:
    use(replace(aws.context, region=region))
    try:
        with pytest.raises(AwsError, match="is not available in the called region"):
            check(variant("m", **serverless()), {}, {})
    finally:
        use(aws.context)
    check(variant("m", **serverless()), {}, {})


def test_an_endpoint_goes_from_serverless_to_instances_and_never_back(aws: Aws, image: str) -> None:
    name, sagemaker = serve(aws, image, **serverless()), aws.client("sagemaker")
    instances = configure(aws, image, unique("instances"))
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    request = {"EndpointName": name, "EndpointConfigName": instances}
    guarded = {"DeploymentConfig": {"BlueGreenUpdatePolicy": policy}}
    said = refusal(sagemaker.update_endpoint, **request, **guarded)
    assert "A DeploymentConfig is not supported for a serverless endpoint" in said
    sagemaker.update_endpoint(**request)
    assert standing_still(aws, name)["EndpointConfigName"] == instances
    assert invoke(aws, name)["model"] == instances
    back = {"EndpointName": name, "EndpointConfigName": name}
    said = refusal(sagemaker.update_endpoint, **back)
    assert "cannot be updated to a serverless endpoint" in said
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_serverless_endpoint_is_not_scaled(aws: Aws, standing: str) -> None:
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    ask = aws.client("sagemaker").update_endpoint_weights_and_capacities
    said = refusal(ask, EndpointName=standing, DesiredWeightsAndCapacities=wanted)
    assert "has no DesiredInstanceCount" in said
