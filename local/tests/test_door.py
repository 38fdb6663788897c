"""What is refused at the door, in whose words, and what no request may end in."""

import gzip
import json
import time
import urllib.request
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from moto.core.utils import camelcase_to_underscores, get_service_model

from local.door import census
from local.tests.aws import Aws, unique

SERVICES = sorted(each.stem for each in census.FOLDER.glob("*.yaml"))
VARIANT = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.m5.large"}
CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://b/p",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}
JOB: dict[str, Any] = {
    "TrainingJobName": "j",
    "RoleArn": "arn:aws:iam::111122223333:role/r",
    "AlgorithmSpecification": {"TrainingImage": "i", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://b/p"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
TOPIC = "arn:aws:sns:eu-west-1:111122223333:t"
NETWORK = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}


def told(aws: Aws, service: str, operation: str, **members: Any) -> tuple[str, str]:
    """The code and the message of the refusal."""
    with pytest.raises(ClientError) as refused:
        getattr(aws.client(service), operation)(**members)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "members", "code", "message"),
    [
        (
            "sagemaker",
            "create_training_job",
            {**JOB, "ResourceConfig": {**JOB["ResourceConfig"], "InstanceType": "ml.m5.tiny"}},
            "ValidationException",
            "1 validation error detected: Value 'ml.m5.tiny' at 'resourceConfig.instanceType' "
            "failed to satisfy constraint: Member must satisfy enum value set: [",
        ),
        (
            "sagemaker",
            "create_training_job",
            {**JOB, "TrainingJobName": "a_b", "HyperParameters": {"a" * 257: "1"}},
            "ValidationException",
            "2 validation errors detected: Value 'a_b' at 'trainingJobName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}; Value '{aaaa",
        ),
        (
            "sagemaker",
            "create_training_job",
            {**JOB, "HyperParameters": {str(number): "1" for number in range(101)}},
            "ValidationException",
            "Member must have length less than or equal to 100",
        ),
        (
            "iam",
            "create_role",
            {"RoleName": "a b", "AssumeRolePolicyDocument": "{}"},
            "ValidationError",
            "1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            "iam",
            "tag_role",
            {"RoleName": "a", "Tags": [{"Key": "k", "Value": "é ü"}, {"Key": "k", "Value": "a;b"}]},
            "ValidationError",
            "1 validation error detected: Value 'a;b' at 'tags.2.member.value' failed",
        ),
        (
            "ecr",
            "create_repository",
            {"repositoryName": "Upper"},
            "InvalidParameterException",
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy "
            "regular expression",
        ),
        (
            "logs",
            "put_retention_policy",
            {"logGroupName": "a b", "retentionInDays": 1},
            "InvalidParameterException",
            "Value 'a b' at 'logGroupName' failed to satisfy constraint",
        ),
        (
            "codecommit",
            "create_repository",
            {"repositoryName": "a b"},
            "InvalidRepositoryNameException",
            "Value 'a b' at 'repositoryName' failed to satisfy constraint",
        ),
        (
            "cloudformation",
            "create_change_set",
            {"StackName": "a", "ChangeSetName": "1st", "TemplateBody": "{}"},
            "ValidationError",
            "Value '1st' at 'changeSetName' failed to satisfy constraint",
        ),
        ("s3", "put_object", {"Bucket": "b", "Key": "k", "ACL": "mine"}, "InvalidArgument", "aCL"),
    ],
)
def test_a_request_that_cannot_be_is_refused_in_the_words_of_its_service(
    aws: Aws, service: str, operation: str, members: dict[str, Any], code: str, message: str
) -> None:
    said, text = told(aws, service, operation, **members)
    assert said == code
    assert message in text


@pytest.mark.parametrize(
    ("service", "operation", "members", "message"),
    [
        (
            "cloudformation",
            "create_change_set",
            {"StackName": "a", "ChangeSetName": "b", "ResourceTypes": ["AWS::SNS::*"]},
            "ResourceTypes is not supported by the local endpoint",
        ),
        (
            "cloudformation",
            "delete_stack",
            {"StackName": "a", "DeletionMode": "FORCE_DELETE_STACK"},
            "DeletionMode FORCE_DELETE_STACK is not supported by the local endpoint "
            "(supported: STANDARD)",
        ),
        ("cloudformation", "list_stacks", {"NextToken": "x"}, "'x' was not given by this endpoint"),
        (
            "sagemaker",
            "create_model",
            {"ModelName": "m", "VpcConfig": NETWORK},
            "VpcConfig is not supported",
        ),
        (
            "sagemaker",
            "create_training_job",
            {
                **JOB,
                "AlgorithmSpecification": {
                    **JOB["AlgorithmSpecification"],
                    "ContainerEntrypoint": ["a"],
                },
            },
            "AlgorithmSpecification.ContainerEntrypoint is not supported",
        ),
        (
            "sagemaker",
            "create_training_job",
            {**JOB, "TensorBoardOutputConfig": {"S3OutputPath": "s3://b/p"}},
            "TensorBoardOutputConfig is not supported",
        ),
        (
            "sagemaker",
            "create_training_job",
            {**JOB, "OutputDataConfig": {"S3OutputPath": "s3://b/p", "CompressionType": "NONE"}},
            "OutputDataConfig.CompressionType NONE is not supported by the local endpoint "
            "(supported: GZIP)",
        ),
        (
            "sagemaker",
            "create_training_job",
            {**JOB, "RemoteDebugConfig": {"EnableRemoteDebug": True}},
            "RemoteDebugConfig.EnableRemoteDebug true is not supported",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [
                    VARIANT,
                    {**VARIANT, "CoreDumpConfig": {"DestinationS3Uri": "s3://b/p"}},
                ],
            },
            "ProductionVariants.CoreDumpConfig is not supported",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            {
                "EndpointConfigName": "c",
                "ProductionVariants": [
                    {**VARIANT, "ManagedInstanceScaling": {"Status": "ENABLED"}}
                ],
            },
            "ProductionVariants.ManagedInstanceScaling is not supported",
        ),
        (
            "sagemaker",
            "create_endpoint_config",
            {  # what is not said is enabled (API reference, DataCaptureConfig)
                "EndpointConfigName": "c",
                "ProductionVariants": [VARIANT],
                "DataCaptureConfig": CAPTURE,
            },
            "A request without DataCaptureConfig.EnableCapture is not supported",
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "Body": b"", "TargetModel": "m.tar.gz"},
            "TargetModel is not supported",
        ),
        (
            "stepfunctions",
            "list_executions",
            {
                "stateMachineArn": "arn:aws:states:eu-west-1:111122223333:stateMachine:m",
                "redriveFilter": "REDRIVEN",
            },
            "redriveFilter is not supported",
        ),
        (
            "s3",
            "get_bucket_tagging",
            {"Bucket": "b", "ExpectedBucketOwner": "444455556666"},
            "ExpectedBucketOwner 444455556666 is not supported",
        ),
        (
            "s3",
            "put_object",
            {"Bucket": "b", "Key": "k", "ObjectLockLegalHoldStatus": "ON"},
            "ObjectLockLegalHoldStatus is not supported",
        ),
        ("kms", "create_key", {"KeyUsage": "SIGN_VERIFY"}, "KeyUsage SIGN_VERIFY is not supported"),
        ("sns", "subscribe", {"TopicArn": TOPIC, "Protocol": "lambda"}, "Protocol lambda is not"),
        (
            "sns",
            "create_topic",
            {"Name": "t", "Attributes": {"TracingConfig": "Active"}},
            "Attributes.TracingConfig is not supported",
        ),
        (
            "sns",
            "set_topic_attributes",
            {"TopicArn": TOPIC, "AttributeName": "DeliveryPolicy", "AttributeValue": "{}"},
            "AttributeName DeliveryPolicy is not supported",
        ),
        ("ecr", "describe_repositories", {"maxResults": 1}, "maxResults is not supported"),
        ("kms", "list_keys", {"Limit": 1}, "Limit is not supported"),
        (
            "iam",
            "list_role_policies",
            {"RoleName": "r", "MaxItems": 1},
            "MaxItems is not supported",
        ),
        (
            "logs",
            "describe_log_groups",
            {"logGroupIdentifiers": ["g"]},
            "logGroupIdentifiers is not",
        ),
        (
            "ssm",
            "put_parameter",
            {"Name": "n", "Value": "v", "Type": "String", "AllowedPattern": "a"},
            "AllowedPattern is not supported",
        ),
    ],
)
def test_a_member_that_would_have_no_effect_is_refused_by_name(
    aws: Aws, service: str, operation: str, members: dict[str, Any], message: str
) -> None:
    assert message in told(aws, service, operation, **members)[1]


def test_a_filter_of_logs_that_cannot_be_read_lets_nothing_through(aws: Aws) -> None:
    logs, group = aws.client("logs"), unique("group")
    logs.create_log_group(logGroupName=group)
    pattern = "{ $.level = ERROR }"
    said = told(aws, "logs", "filter_log_events", logGroupName=group, filterPattern=pattern)
    assert f"filterPattern {pattern} is not supported" in said[1]


def test_a_prefix_of_streams_leaves_the_others_out(aws: Aws) -> None:
    logs, group = aws.client("logs"), unique("group")
    logs.create_log_group(logGroupName=group)
    for name in ("one/1", "one/2", "other/1"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
        event = {"timestamp": int(time.time() * 1000), "message": name}
        logs.put_log_events(logGroupName=group, logStreamName=name, logEvents=[event])

    def found(prefix: str) -> list[str]:
        asked = {"logGroupName": group, "logStreamNamePrefix": prefix}
        return [one["message"] for one in logs.filter_log_events(**asked)["events"]]

    assert found("one/") == ["one/1", "one/2"]
    assert found("none/") == []
    both = {"logStreamNamePrefix": "one/", "logStreamNames": ["one/1"]}
    code, _ = told(aws, "logs", "filter_log_events", logGroupName=group, **both)
    assert code == "InvalidParameterException"


def test_moto_invents_no_findings(aws: Aws) -> None:
    for operation in ("start_image_scan", "describe_image_scan_findings"):
        code, _ = told(aws, "ecr", operation, repositoryName="ab", imageId={"imageTag": "a"})
        assert code == "UnsupportedOperation"


def test_a_key_is_to_encrypt(aws: Aws) -> None:
    assert aws.client("kms").create_key()["KeyMetadata"]["KeyUsage"] == "ENCRYPT_DECRYPT"


def test_a_keys_policy_is_the_default_one_unless_another_is_named(aws: Aws) -> None:
    kms = aws.client("kms")
    made = kms.create_key()["KeyMetadata"]
    key, said = made["KeyId"], {"Version": "2012-10-17", "Statement": []}
    kms.put_key_policy(KeyId=key, Policy=json.dumps(said))
    assert json.loads(kms.get_key_policy(KeyId=key)["Policy"]) == said


def raw(aws: Aws, service: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    """A request that no SDK would send, signed: its status and what its JSON says."""
    made = AWSRequest("POST", aws.context.url, headers, body)
    keys = aws.client("sts")._request_signer._credentials
    SigV4Auth(Credentials(keys.access_key, keys.secret_key), service, "eu-west-1").add_auth(made)
    request = urllib.request.Request(aws.context.url, body, dict(made.headers))
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def call(aws: Aws, service: str, target: str, body: str | bytes, **more: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else body.encode()
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1", **more}
    return raw(aws, service, headers, data)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            '{"MaxResults": "5"}',
            "SerializationException",
            "STRING_VALUE can not be converted to an",
        ),
        ('{"NameContains": 5}', "SerializationException", "NUMBER_VALUE can not be converted to a"),
        ('{"NameContains": ["a"]}', "SerializationException", "Start of structure or map found"),
        ('{"MaxResults": true}', "SerializationException", "TRUE_VALUE can not be converted to an"),
        ('{"SortsBy": "Name"}', "ValidationException", "SortsBy is not supported by the local"),
        ("[]", "SerializationException", ""),
        ('{"MaxResults": ', "SerializationException", ""),
        ("\xff", "SerializationException", ""),
        ("[" * 100_000, "SerializationException", ""),
    ],
)
def test_a_body_of_another_form_is_told_as_such(
    aws: Aws, body: str, code: str, message: str
) -> None:
    status, answer = call(aws, "sagemaker", "SageMaker.ListModels", body.encode("latin-1"))
    assert (status, answer["__type"]) == (400, code)
    assert message in answer["message"]


def test_a_member_that_must_be_there_is_told_as_null(aws: Aws) -> None:
    _, answer = call(aws, "sagemaker", "SageMaker.DescribeModel", "{}")
    assert answer["message"] == (
        "1 validation error detected: Value null at 'modelName' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_an_operation_that_aws_has_not_is_told_by_its_name(aws: Aws) -> None:
    status, answer = call(aws, "sagemaker", "SageMaker.ListMoodels", "{}")
    assert (status, answer["__type"]) == (400, "UnknownOperationException")
    assert "ListMoodels" in answer["message"]


def test_what_is_compressed_is_read_too(aws: Aws) -> None:
    body, squeezed = b'{"SortsBy": "Name"}', {"Content-Encoding": "gzip"}
    _, answer = call(aws, "sagemaker", "SageMaker.ListModels", gzip.compress(body), **squeezed)
    assert "SortsBy is not supported" in answer["message"]
    status, _ = call(aws, "sagemaker", "SageMaker.ListModels", b"not gzip", **squeezed)
    assert status == 400


def minimal(shape: Any) -> Any:
    """The smallest value that a shape takes."""
    match shape.type_name:
        case "structure":
            return {name: minimal(shape.members[name]) for name in shape.required_members}
        case "list":
            return [minimal(shape.member)] * shape.metadata.get("min", 0)
        case "map":
            return {}
        case "string":
            return shape.enum[0] if shape.enum else _text(shape)
        case "blob":
            return b"x"
        case "boolean":
            return False
        case "timestamp":
            return 0
    return shape.metadata.get("min", 0)


def _text(shape: Any) -> str:
    pattern = shape.metadata.get("pattern", "")
    arn = "arn:aws:iam::111122223333:role/r" if "arn" in pattern else "s3://bucket/key"
    fits = [unique("a"), arn, "111122223333", "a" * shape.metadata.get("min", 0)]
    from local.door.constraints import violations

    return next((each for each in fits if not list(violations(shape, each))), "x")


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_fails_of_what_a_request_may_leave_out(aws: Aws, service: str) -> None:
    model, client = get_service_model(service), aws.client(service)
    for operation in sorted(census.operations(service)):
        shape = model.operation_model(operation).input_shape
        members = minimal(shape) if shape else {}
        try:
            getattr(client, camelcase_to_underscores(operation))(**members)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status < 500, f"{service} {operation} {members}: {error}"


def test_a_log_group_gets_another_key(aws: Aws) -> None:
    logs, group = aws.client("logs"), unique("group")
    logs.create_log_group(logGroupName=group)
    key = "arn:aws:kms:eu-west-1:111122223333:key/a"
    logs.associate_kms_key(logGroupName=group, kmsKeyId=key)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["kmsKeyId"] == key
    logs.disassociate_kms_key(logGroupName=group)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert "kmsKeyId" not in found
    assert told(aws, "logs", "disassociate_kms_key", logGroupName="absent")[0] == (
        "ResourceNotFoundException"
    )


def test_a_list_goes_on_after_its_first_page(aws: Aws) -> None:
    codecommit, prefix = aws.client("codecommit"), unique("many")
    for number in range(101):
        codecommit.create_repository(repositoryName=f"{prefix}-{number}")
    first = codecommit.list_repositories()
    assert len(first["repositories"]) == 100
    pages = codecommit.get_paginator("list_repositories").paginate()
    names = [each["repositoryName"] for page in pages for each in page["repositories"]]
    assert len([name for name in names if name.startswith(prefix)]) == 101
    for number in range(101):
        codecommit.delete_repository(repositoryName=f"{prefix}-{number}")
