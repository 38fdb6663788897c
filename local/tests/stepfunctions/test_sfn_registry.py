"""A workflow registers a model, decides on it and reads it, by the SDK's integrations."""

import json

import pytest

from local.tests.aws import Aws, unique
from local.tests.machines import run, task

CONTAINER = {
    "Image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/serve@sha256:" + "a" * 64,
    "ModelDataUrl": "s3://bucket/model.tar.gz",
}
CAUGHT = {"ErrorEquals": ["SageMaker.SageMakerException"], "ResultPath": "$.error"}


@pytest.fixture(scope="module")
def role(aws: Aws) -> str:
    return aws.role("states")


def test_a_summary_of_an_evaluation_becomes_the_properties_of_a_version(
    aws: Aws, role: str
) -> None:
    summary = {"words": "98.1 %", "metadata": {"accuracy": "0.981"}}
    bucket, group = aws.bucket(**{"summary_json": json.dumps(summary)}), unique("group")
    told = run(
        aws,
        role,
        task(
            "aws-sdk:sagemaker:createModelPackageGroup",
            {"ModelPackageGroupName.$": "$.group"},
            ResultPath=None,
            Next="S1",
        ),
        task(
            "aws-sdk:s3:getObject",
            {"Bucket.$": "$.bucket", "Key": "summary_json"},
            ResultSelector={"summary.$": "States.StringToJson($.Body)"},
            ResultPath="$.evaluation",
            Next="S2",
        ),
        task(
            "aws-sdk:sagemaker:createModelPackage",
            {
                "ModelPackageGroupName.$": "$.group",
                "ClientToken.$": "$.group",
                "ModelPackageDescription.$": "$.evaluation.summary.words",
                "InferenceSpecification": {"Containers": [CONTAINER]},
                "CustomerMetadataProperties.$": "States.JsonMerge($.evaluation.summary.metadata, "
                "$.properties, false)",
            },
            ResultPath="$.made",
            Next="S3",
        ),
        task(
            "aws-sdk:sagemaker:updateModelPackage",
            {
                "ModelPackageArn.$": "$.made.ModelPackageArn",
                "ModelApprovalStatus": "Approved",
                "ApprovalDescription": "good enough",
            },
            ResultPath=None,
            Next="S4",
        ),
        task(
            "aws-sdk:sagemaker:describeModelPackage",
            {"ModelPackageName.$": "$.made.ModelPackageArn"},
        ),
        data={"bucket": bucket, "group": group, "properties": {"version": "v-1"}},
    )
    assert told["status"] == "SUCCEEDED", told
    found = json.loads(told["output"])
    assert found["CustomerMetadataProperties"] == {"accuracy": "0.981", "version": "v-1"}
    assert (found["ModelPackageDescription"], found["ModelApprovalStatus"]) == (
        "98.1 %",
        "Approved",
    )
    decided = found["LastModifiedBy"]["IamIdentity"]["Arn"]
    assert decided.endswith(f":assumed-role/{role.rpartition('/')[2]}/StepFunctions")
    assert found["LastModifiedTime"].endswith("Z")
    assert "ModelPackageName" not in found


@pytest.mark.parametrize(
    ("action", "parameters", "error", "cause"),
    [
        (
            "createModelPackageGroup",
            {"ModelPackageGroupName": "GROUP"},
            "SageMaker.SageMakerException",
            "Model Package Group already exists",
        ),
        (
            "describeModelPackageGroup",
            {"ModelPackageGroupName": "none"},
            "SageMaker.SageMakerException",
            "model-package-group/none does not exist.",
        ),
        (
            "createModelPackage",
            {
                "ModelPackageGroupName": "GROUP",
                "ClientToken": "GROUP",
                "ModelApprovalStatus": "Rejected",
                "InferenceSpecification": {"Containers": [CONTAINER]},
            },
            "SageMaker.ConflictException",
            "was used with another request",
        ),
        (
            "deleteModelPackageGroup",
            {"ModelPackageGroupName": "GROUP"},
            "SageMaker.ConflictException",
            "still contains model packages",
        ),
    ],
)
def test_what_the_registry_refuses_is_caught_by_the_name_that_the_sdk_for_java_gives_it(
    aws: Aws, role: str, group: str, action: str, parameters: dict[str, str], error: str, cause: str
) -> None:
    given = json.loads(json.dumps(parameters).replace("GROUP", group))
    told = run(aws, role, task(f"aws-sdk:sagemaker:{action}", given))
    assert told["error"] == error
    assert cause in told["cause"]


@pytest.fixture(scope="module")
def group(aws: Aws) -> str:
    """One with a version, made by the token of the group's name."""
    name, client = unique("group"), aws.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=name)
    client.create_model_package(
        ModelPackageGroupName=name,
        ClientToken=name,
        InferenceSpecification={"Containers": [CONTAINER]},
    )
    return name
