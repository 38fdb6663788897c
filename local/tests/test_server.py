"""What the front turns away, and that each client can read why."""

import http.client

import boto3
import pytest
from botocore.exceptions import ClientError

from local.tests.aws import Aws


def refusal(aws: Aws, service: str, operation: str, key: str = "", region: str = "") -> str:
    """The message that a client with another key or region gets."""
    client = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=aws.context.url,
        region_name=region or aws.context.region,
        aws_access_key_id=key or "AKIAOTHER",
        aws_secret_access_key="secret",
    )
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)()
    return str(caught.value)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sts", "get_caller_identity"),
        ("s3", "list_buckets"),
        ("cloudformation", "list_stacks"),
        ("sagemaker", "list_models"),
    ],
)
def test_keys_of_an_earlier_start_are_told_in_every_protocol(
    aws: Aws, service: str, operation: str
) -> None:
    assert "source the env file" in refusal(aws, service, operation)


def test_a_service_that_nothing_stands_behind_is_refused(aws: Aws) -> None:
    client = aws.client("ec2")
    with pytest.raises(ClientError, match="the service ec2 is not supported"):
        client.describe_instances()


def test_what_moto_has_not_implemented_is_refused_by_name(aws: Aws) -> None:
    with pytest.raises(ClientError, match="not supported by the local endpoint") as refused:
        aws.client("kms").create_custom_key_store(CustomKeyStoreName="store")
    assert refused.value.response["Error"]["Code"] == "UnsupportedOperation"
    assert "kms:create_custom_key_store" in str(refused.value)


def test_another_region_is_refused_although_it_is_the_partitions_first(aws: Aws) -> None:
    key = aws.client("sts")._request_signer._credentials.access_key
    said = refusal(aws, "cloudformation", "list_stacks", key, "us-east-1")
    assert "runs eu-west-1, the request is for us-east-1: ask for eu-west-1, or start" in said


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"Host": "evil.example"}, 403),
        ("/", {"Content-Length": "many"}, 400),
        ("/", {"Content-Length": str(1 << 40)}, 413),
        ("/moto-api/reset", {}, 404),
        ("/", {}, 403),
    ],
)
def test_what_is_no_request_for_aws_is_turned_away(
    aws: Aws, path: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", aws.context.port, timeout=60)
    connection.request("POST", path, headers=headers)
    assert connection.getresponse().status == status
    connection.close()


def test_a_name_that_climbs_out_of_its_folder_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        aws.client("sagemaker").create_model(
            ModelName="../../../climbed", ExecutionRoleArn=aws.role("sagemaker")
        )
