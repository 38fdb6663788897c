import base64
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from local.sagemaker.capture import Content, Invocation
from local.sagemaker.records import ENDPOINT
from local.tests.aws import ALL, SERVE, Aws, unique, wait
from local.tests.endpoints import configure, invoke, refusal, standing_still, variant

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JSON, NPY = "application/json", "application/x-npy"
# Developer Guide, "Capture data from real-time endpoint"
KEY = r"capture/{endpoint}/AllTraffic/\d{{4}}/\d\d/\d\d/\d\d/[\w-]+\.jsonl"


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("image"), serve=SERVE)


@pytest.fixture
def bucket(aws: Aws) -> str:
    return aws.bucket()


@pytest.fixture
def captured(aws: Aws, image: str, bucket: str) -> Iterator[str]:
    name = serve_captured(aws, image, bucket)
    yield name
    aws.client("sagemaker").delete_endpoint(EndpointName=name)


def serve_captured(aws: Aws, image: str, bucket: str, role: str = "", **changes: Any) -> str:
    model, name = configure(aws, image, unique("model"), role=role), unique("captured")
    sagemaker = aws.client("sagemaker")
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant(model)],
        DataCaptureConfig=settings(bucket, **changes),
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert standing_still(aws, name)["EndpointStatus"] == "InService"
    return name


def settings(bucket: str, **changes: Any) -> dict[str, Any]:
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{bucket}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": [JSON], "CsvContentTypes": ["text/csv"]},
        **changes,
    }


def keys(aws: Aws, bucket: str) -> list[str]:
    listed = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="capture/")
    return [each["Key"] for each in listed.get("Contents", [])]


def records(aws: Aws, bucket: str) -> list[dict[str, Any]]:
    bodies = [
        aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in keys(aws, bucket)
    ]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def written(aws: Aws, bucket: str, number: int) -> list[dict[str, Any]]:
    """The records, once there are as many."""
    wait(lambda: len(records(aws, bucket)) >= number)
    return records(aws, bucket)


def content(record: dict[str, Any], of: str) -> bytes:
    """As whoever monitors a model reads it."""
    part = record["captureData"][of]
    text: str = part["data"]
    return base64.b64decode(text) if part["encoding"] == "BASE64" else text.encode()


def test_what_is_captured_lies_where_sagemaker_puts_it_and_reads_as_its_records_do(
    aws: Aws, bucket: str, captured: str
) -> None:
    invoke(aws, captured, b'{"x": 1}', ContentType=JSON, CustomAttributes="trace=7")
    (record,) = written(aws, bucket, 1)
    (key,) = keys(aws, bucket)
    assert re.fullmatch(KEY.format(endpoint=captured), key)
    about = record.pop("eventMetadata")
    time = datetime.strptime(about["inferenceTime"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert f"/{time:%Y/%m/%d/%H}/" in key and abs((datetime.now(UTC) - time).seconds) < 60
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", about["eventId"])
    assert about["customAttributes"] == ["trace=7"]
    assert "inferenceId" not in about
    answer = json.loads(record["captureData"]["endpointOutput"].pop("data"))
    assert answer["size"] == 8
    assert record == {
        "captureData": {
            "endpointInput": {
                "observedContentType": JSON,
                "mode": "INPUT",
                "data": '{"x": 1}',
                "encoding": "JSON",
            },
            "endpointOutput": {"observedContentType": JSON, "mode": "OUTPUT", "encoding": "JSON"},
        },
        "eventVersion": "0",
    }


def test_arrays_and_pictures_come_back_byte_for_byte(aws: Aws, bucket: str, captured: str) -> None:
    array = io.BytesIO()
    np.save(array, np.arange(12, dtype=np.float32).reshape(3, 4), allow_pickle=False)
    sent = {
        "array": (array.getvalue(), NPY, "BASE64"),
        "picture": (PNG, "image/png", "BASE64"),
        "table": (b"1,2\n3,4", "text/csv; charset=utf-8", "CSV"),
        "no-text": (b"\xff{}", JSON, "BASE64"),
    }
    for inference, (body, kind, _) in sent.items():
        invoke(aws, captured, body, ContentType=kind, InferenceId=inference)
    found = {
        one["eventMetadata"]["inferenceId"]: (
            content(one, "endpointInput"),
            one["captureData"]["endpointInput"]["observedContentType"],
            one["captureData"]["endpointInput"]["encoding"],
        )
        for one in written(aws, bucket, len(sent))
    }
    assert found == sent


def test_a_share_of_the_requests_is_captured(aws: Aws, image: str, bucket: str) -> None:
    name = serve_captured(aws, image, bucket, InitialSamplingPercentage=50)
    for _ in range(60):
        invoke(aws, name)
    aws.client("sagemaker").delete_endpoint(EndpointName=name)
    wait(lambda: not named(aws, name))
    assert 10 < len(records(aws, bucket)) < 50


def test_what_was_captured_is_written_before_the_endpoint_is_gone(
    aws: Aws, image: str, bucket: str
) -> None:
    name = serve_captured(aws, image, bucket)
    for _ in range(5):
        invoke(aws, name)
    aws.client("sagemaker").delete_endpoint(EndpointName=name)
    wait(lambda: not named(aws, name))
    assert len(records(aws, bucket)) == 5


def named(aws: Aws, name: str) -> list[Any]:
    return list(aws.client("sagemaker").list_endpoints(NameContains=name)["Endpoints"])


@pytest.mark.parametrize("denied", ["s3:PutObject", "kms:GenerateDataKey"])
def test_a_role_that_may_not_write_captures_nothing_and_loses_no_request(
    aws: Aws, image: str, bucket: str, denied: str, capfd: pytest.CaptureFixture[str]
) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    role = aws.role("sagemaker", may=[ALL, {"Effect": "Deny", "Action": denied, "Resource": "*"}])
    name = serve_captured(aws, image, bucket, role, KmsKeyId=key)
    invoke(aws, name)
    aws.client("sagemaker").delete_endpoint(EndpointName=name)
    wait(lambda: not named(aws, name))
    assert not keys(aws, bucket)
    told = f"{name}/AllTraffic: captured data was not written.*{denied}"
    assert re.search(told, capfd.readouterr().err)


def test_it_is_encrypted_with_the_key_that_is_asked_for(aws: Aws, image: str, bucket: str) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    name = serve_captured(aws, image, bucket, KmsKeyId=key)
    invoke(aws, name)
    (found,) = wait(lambda: keys(aws, bucket))
    head = aws.client("s3").head_object(Bucket=bucket, Key=found)
    assert head["SSEKMSKeyId"] == key
    aws.client("sagemaker").delete_endpoint(EndpointName=name)


def test_what_cannot_be_told_as_a_record_does_not_end_the_capture(
    aws: Aws, bucket: str, captured: str, capfd: pytest.CaptureFixture[str]
) -> None:
    capture = ENDPOINT.records()[captured].fleet.capture
    odd: Any = Content(None, b"")  # type: ignore[arg-type]
    capture.take(Invocation(odd, odd, None, None))
    wait(lambda: "captured data was not written" in capfd.readouterr().err)
    invoke(aws, captured)
    assert written(aws, bucket, 1)


def test_only_answered_requests_are_captured_and_only_what_was_asked_for(
    aws: Aws, image: str, bucket: str
) -> None:
    name = serve_captured(aws, image, bucket, CaptureOptions=[{"CaptureMode": "Output"}])
    ask = aws.client("sagemaker-runtime").invoke_endpoint
    assert "ModelError" in refusal(ask, EndpointName=name, Body=b"fail")
    invoke(aws, name, b"good")
    (record,) = written(aws, bucket, 1)
    assert list(record["captureData"]) == ["endpointOutput"]
    assert json.loads(content(record, "endpointOutput"))["size"] == 4
    aws.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"InitialSamplingPercentage": 101}, "less than or equal to 100"),
        ({"DestinationS3Uri": "bucket/capture"}, "regular expression pattern"),
        ({"DestinationS3Uri": "https://bucket/capture"}, "is not an S3 URI"),
        (
            {"CaptureOptions": [{"CaptureMode": "InputAndOutput"}]},
            "InputAndOutput is not supported",
        ),
    ],
)
def test_what_cannot_be_captured_is_refused(
    aws: Aws, image: str, change: dict[str, Any], why: str
) -> None:
    model = configure(aws, image, unique("model"))
    create = aws.client("sagemaker").create_endpoint_config
    said = refusal(
        create,
        EndpointConfigName=unique("config"),
        ProductionVariants=[variant(model)],
        DataCaptureConfig=settings("bucket", **change),
    )
    assert "ValidationException" in said and why in said
