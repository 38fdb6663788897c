import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.background import background
from local.sagemaker.fleet import Fleet
from local.sagemaker.records import ENDPOINT, LOCK, MODEL
from local.sagemaker.serving import EndpointRecord
from local.tests.aws import SERVE, Aws, unique, wait
from local.tests.endpoints import configure, invoke, refusal, serve, standing_still, variant


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), serve=SERVE)


@pytest.fixture(scope="module")
def broken(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), serve="echo no model; exit 1")


@pytest.fixture(scope="module")
def standing(aws: Aws, image: str) -> str:
    """An endpoint that tests only ask."""
    return serve(aws, image)


@pytest.fixture
def served(aws: Aws, image: str) -> str:
    """An endpoint that a test may change."""
    return serve(aws, image)


def test_an_endpoint_serves_its_model_through_invoke(aws: Aws, standing: str) -> None:
    said = invoke(aws, standing, b"{ }", ContentType="application/json", Accept="text/csv")
    assert said == {"model": standing, "type": "application/json", "accept": "text/csv", "size": 3}
    group = f"/aws/sagemaker/Endpoints/{standing}"
    assert wait(lambda: aws.log(group, "AllTraffic/")) == ["serving []"]


def test_a_request_for_another_variant_is_not_answered_by_this_one(aws: Aws, standing: str) -> None:
    assert invoke(aws, standing, TargetVariant="AllTraffic")["model"]
    with pytest.raises(ClientError, match=r"Variant other of endpoint .* not found"):
        invoke(aws, standing, TargetVariant="other")


def test_an_update_switches_without_a_failed_request(aws: Aws, image: str, served: str) -> None:
    second = configure(aws, image, unique("second"))
    failures: list[Exception] = []
    models: list[str] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                models.append(invoke(aws, served, b"slow")["model"])
            except ClientError as error:
                failures.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    aws.client("sagemaker").update_endpoint(
        EndpointName=served, EndpointConfigName=second, RetainAllVariantProperties=True
    )
    updating = aws.client("sagemaker").describe_endpoint(EndpointName=served)
    assert (updating["EndpointStatus"], updating["EndpointConfigName"]) == ("Updating", served)
    assert standing_still(aws, served)["EndpointConfigName"] == second
    wait(lambda: second in models)
    done.set()
    asking.join()
    assert (failures, models[0]) == ([], served)
    folder = aws.context.home / "endpoints" / served
    wait(lambda: len(list(folder.iterdir())) == 1)


def test_a_failed_update_rolls_back_silently_to_the_old_configuration(
    aws: Aws, broken: str, served: str
) -> None:
    second = configure(aws, broken, unique("broken"))
    aws.client("sagemaker").update_endpoint(EndpointName=served, EndpointConfigName=second)
    endpoint = standing_still(aws, served)
    assert endpoint["EndpointStatus"] == "InService"
    assert endpoint["EndpointConfigName"] == served
    assert "did not pass the ping health check" in endpoint["FailureReason"]
    assert invoke(aws, served)["model"] == served


def test_an_endpoint_that_cannot_start_is_failed_and_can_only_be_deleted(
    aws: Aws, broken: str, image: str
) -> None:
    sagemaker, name = aws.client("sagemaker"), configure(aws, broken, unique("broken"))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = standing_still(aws, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "production variant AllTraffic did not pass the ping" in endpoint["FailureReason"]
    good = configure(aws, image, unique("good"))
    said = refusal(sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=good)
    assert "DeleteEndpoint is the only operation" in said
    said = refusal(aws.client("sagemaker-runtime").invoke_endpoint, EndpointName=name, Body=b"")
    assert said == f"ValidationError: Endpoint {name} of account 111122223333 not found."
    sagemaker.delete_endpoint(EndpointName=name)


def test_deleting_ends_the_process_and_frees_the_name(aws: Aws, served: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.delete_endpoint(EndpointName=served)

    def gone() -> bool:
        try:
            sagemaker.describe_endpoint(EndpointName=served)
        except ClientError as error:
            arn = f"arn:aws:sagemaker:eu-west-1:111122223333:endpoint/{served}"
            assert error.response["Error"]["Message"] == f'Could not find endpoint "{arn}".'
            return True
        return False

    wait(gone)
    assert list((aws.context.home / "endpoints" / served).iterdir()) == []
    sagemaker.create_endpoint(EndpointName=served, EndpointConfigName=served)
    assert standing_still(aws, served)["EndpointStatus"] == "InService"


def test_an_endpoint_does_not_vanish_while_all_are_looked_at(aws: Aws, standing: str) -> None:
    ends, name = threading.Event(), unique("ending")

    class Ending(Fleet):
        def stop(self) -> None:
            ends.wait()

    config = aws.client("sagemaker").describe_endpoint_config(EndpointConfigName=standing)
    endpoint = ENDPOINT.records()[name] = EndpointRecord({"EndpointName": name})
    endpoint.fleet = Ending(name, config, MODEL.records()[standing])
    deleting = background(endpoint.delete)
    wait(lambda: endpoint.fleet is None)
    with LOCK:
        ends.set()
        deleting.join(0.2)
        assert name in ENDPOINT.records()
    deleting.join()
    assert name not in ENDPOINT.records()


def test_an_existing_name_is_refused(aws: Aws, standing: str) -> None:
    sagemaker = aws.client("sagemaker")
    again = {"EndpointName": standing, "EndpointConfigName": standing}
    said = refusal(sagemaker.create_endpoint, **again)
    assert said.startswith("ValidationException: Cannot create already existing endpoint ")


def test_an_endpoint_in_progress_cannot_be_updated_or_deleted(
    aws: Aws, tmp_path: Path, image: str
) -> None:
    slow = aws.image(tmp_path, serve="sleep 1; exit 1")
    sagemaker, name = aws.client("sagemaker"), configure(aws, slow, unique("slow"))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    said = refusal(sagemaker.update_endpoint, EndpointName=name, EndpointConfigName=name)
    assert said.startswith("ValidationException: Cannot update in-progress endpoint")
    said = refusal(sagemaker.delete_endpoint, EndpointName=name)
    assert said.startswith("ValidationException: Cannot update in-progress endpoint")


def test_an_error_of_the_container_is_a_model_error_with_its_words(aws: Aws, standing: str) -> None:
    with pytest.raises(ClientError) as caught:
        invoke(aws, standing, b"bad")
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == "ModelError"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert (answer["OriginalStatusCode"], answer["OriginalMessage"]) == (
        400,
        "no image in the request",
    )
    assert f":log-group:/aws/sagemaker/Endpoints/{standing}:log-stream:" in answer["LogStreamArn"]


def test_a_server_that_dies_is_a_model_error_until_it_was_restarted(aws: Aws, served: str) -> None:
    with pytest.raises(ClientError, match="ModelError"):
        invoke(aws, served, b"die")

    def answers() -> bool:
        try:
            return bool(invoke(aws, served)["model"] == served)
        except ClientError:
            return False

    assert not answers()
    wait(answers)


def test_more_than_six_megabytes_are_refused(aws: Aws, standing: str) -> None:
    limit = 6 * 1024 * 1024
    assert invoke(aws, standing, b"x" * limit)["size"] == limit
    with pytest.raises(ClientError, match="at most 6291456"):
        invoke(aws, standing, b"x" * (limit + 1))


def test_an_archive_that_points_outside_never_reaches_the_disk(aws: Aws, image: str) -> None:
    name = configure(aws, image, unique("evil"), {"../../escaped": "x"})
    aws.client("sagemaker").create_endpoint(EndpointName=name, EndpointConfigName=name)
    endpoint = standing_still(aws, name)
    assert endpoint["EndpointStatus"] == "Failed"
    assert "Failed to extract model data archive" in endpoint["FailureReason"]
    assert list(aws.context.home.rglob("escaped")) == []


def test_a_model_is_checked_when_it_is_created(aws: Aws, image: str) -> None:
    create, role = aws.client("sagemaker").create_model, aws.role("sagemaker")
    bucket = aws.bucket()

    def container(uri: str = image, key: str = "none.tar.gz") -> dict[str, str]:
        return {"Image": uri, "ModelDataUrl": f"s3://{bucket}/{key}"}

    unknown = image[:-4] + "0000"
    said = refusal(
        create, ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container(unknown)
    )
    assert said == f"ValidationException: Requested image {unknown} not found."
    said = refusal(create, ModelName="m", ExecutionRoleArn=role, PrimaryContainer=container())
    assert "Could not access model data at s3://" in said


def test_a_model_takes_no_image_of_an_index(aws: Aws, tmp_path: Path) -> None:
    """What buildx pushes with an attestation is one."""
    media_type = "application/vnd.docker.distribution.manifest.list.v2+json"
    uri = aws.image(tmp_path, media_type=media_type, serve="exit 0")
    said = refusal(
        aws.client("sagemaker").create_model,
        ModelName="m",
        ExecutionRoleArn=aws.role("sagemaker"),
        PrimaryContainer={"Image": uri},
    )
    assert f"Unsupported manifest media type {media_type} for image {uri}." in said


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({}, 0),
        ({"Containers": [{"Image": "a"}, {"Image": "b"}]}, 2),
        ({"PrimaryContainer": {"Image": "a"}, "Containers": [{"Image": "b"}]}, 2),
    ],
)
def test_a_model_has_one_container(aws: Aws, given: dict[str, Any], count: int) -> None:
    create, role = aws.client("sagemaker").create_model, aws.role("sagemaker")
    said = refusal(create, ModelName="m", ExecutionRoleArn=role, **given)
    assert f"A model of {count} containers is not supported" in said


def test_a_configuration_needs_its_model(aws: Aws) -> None:
    said = refusal(
        aws.client("sagemaker").create_endpoint_config,
        EndpointConfigName="c",
        ProductionVariants=[variant("missing")],
    )
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:model/missing"
    assert said == f'ValidationException: Could not find model "{arn}".'


def test_an_unknown_instance_type_is_refused(aws: Aws, standing: str) -> None:
    said = refusal(
        aws.client("sagemaker").create_endpoint_config,
        EndpointConfigName=unique("c"),
        ProductionVariants=[variant(standing, InstanceType="ml.m5.tiny")],
    )
    assert "Value 'ml.m5.tiny' at 'productionVariants.1.member.instanceType'" in said


def test_what_is_not_supported_is_refused_by_name(aws: Aws, standing: str) -> None:
    create = aws.client("sagemaker").create_endpoint_config
    request = {"EndpointConfigName": unique("c"), "ProductionVariants": [variant(standing)]}
    shadow = [variant(standing, VariantName="Shadow")]
    assert "ShadowProductionVariants" in refusal(create, **request, ShadowProductionVariants=shadow)


def test_models_and_configurations_are_listed_newest_first(aws: Aws, image: str) -> None:
    prefix, sagemaker = unique("listed"), aws.client("sagemaker")
    for number in range(3):
        configure(aws, image, f"{prefix}-{number}")
    asked = {
        "NameContains": prefix,
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
        "MaxResults": 2,
    }
    models = sagemaker.list_models(**asked)
    assert [each["ModelName"] for each in models["Models"]] == [f"{prefix}-2", f"{prefix}-1"]
    configs = sagemaker.list_endpoint_configs(**asked)["EndpointConfigs"]
    assert [each["EndpointConfigName"] for each in configs] == [f"{prefix}-2", f"{prefix}-1"]
    one = sagemaker.list_models(NameContains=f"{prefix}-1")["Models"]
    assert [each["ModelName"] for each in one] == [f"{prefix}-1"]
    pages = sagemaker.get_paginator("list_models").paginate(NameContains=prefix, MaxResults=1)
    assert len([each for page in pages for each in page["Models"]]) == 3


def test_a_configuration_in_use_can_be_deleted_as_on_aws(aws: Aws, served: str) -> None:
    sagemaker = aws.client("sagemaker")
    sagemaker.delete_endpoint_config(EndpointConfigName=served)
    sagemaker.delete_model(ModelName=served)
    assert invoke(aws, served)["model"] == served
    said = refusal(sagemaker.describe_endpoint_config, EndpointConfigName=served)
    assert said.startswith('ValidationException: Could not find endpoint configuration "arn:')
    said = refusal(sagemaker.describe_model, ModelName=served)
    assert said.startswith('ValidationException: Could not find model "arn:')


def published(aws: Aws, name: str, statistic: str, **dimensions: str) -> float:
    """Of a metric of endpoints, in the last minutes."""
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=datetime.now(UTC) - timedelta(minutes=5),
        EndTime=datetime.now(UTC) + timedelta(minutes=5),
        Period=600,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(float(each[statistic]) for each in found)


def test_each_request_is_counted_for_its_variant_and_its_configuration(
    aws: Aws, image: str
) -> None:
    name = serve(aws, image, InitialInstanceCount=4)
    invoke(aws, name, b"slow")
    invoke(aws, name)
    for body in (b"bad", b"fail", b"die"):
        with pytest.raises(ClientError, match="ModelError"):
            invoke(aws, name, body)
    variant = {"EndpointName": name, "VariantName": "AllTraffic"}
    for dimensions in (variant, variant | {"EndpointConfigName": name}):
        sums = {
            each: published(aws, each, "Sum", **dimensions)
            for each in (
                "Invocations",
                "Invocation4XXErrors",
                "Invocation5XXErrors",
                "InvocationModelErrors",
                "InvocationsPerInstance",
            )
        }
        assert [*sums.values()] == [5, 1, 1, 3, 5 / 4]
        assert published(aws, "Invocation5XXErrors", "SampleCount", **dimensions) == 5
        answered = published(aws, "ModelLatency", "SampleCount", **dimensions)
        assert answered == 4, "a model that did not answer has no latency"
        assert 500_000 <= published(aws, "ModelLatency", "Maximum", **dimensions) < 5_000_000
        assert 0 < published(aws, "OverheadLatency", "Maximum", **dimensions) < 5_000_000
    aws.client("sagemaker").delete_endpoint(EndpointName=name)


def test_describe_tells_how_requests_are_captured(aws: Aws, served: str) -> None:
    sagemaker, name = aws.client("sagemaker"), unique("captured")
    assert "DataCaptureConfig" not in standing_still(aws, served)
    capture = {
        "EnableCapture": False,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": "s3://bucket/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    }
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[variant(served)], DataCaptureConfig=capture
    )
    for config, shown in ((name, "Stopped"), (served, None)):
        sagemaker.update_endpoint(EndpointName=served, EndpointConfigName=config)
        told = standing_still(aws, served).get("DataCaptureConfig", {})
        assert told.get("CaptureStatus") == shown


def test_attributes_go_both_ways_and_an_inference_has_an_id(aws: Aws, standing: str) -> None:
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=standing, Body=b"{}", InferenceId="golden-1", CustomAttributes="trace=7"
    )
    assert answer["CustomAttributes"] == "trace=7"
