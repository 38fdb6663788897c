"""The model registry: groups, versions, who decides on them, and the events that tell of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from werkzeug.test import EnvironBuilder

from local import door
from local.context import use
from local.credentials import assume
from local.refusals import TurnedAway
from local.server import Environ
from local.tests.aws import Aws, unique

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/serve@sha256:" + "a" * 64
ARCHIVE = "s3://bucket/model.tar.gz"
REPORT = {"ContentType": "application/json", "S3Uri": "s3://bucket/evaluation.json"}


def register(aws: Aws, group: str, **more: Any) -> str:
    made = aws.client("sagemaker").create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={"Containers": [{"Image": IMAGE, "ModelDataUrl": ARCHIVE}]},
        **more,
    )
    return str(made["ModelPackageArn"])


def describe(aws: Aws, version: str) -> dict[str, Any]:
    return dict(aws.client("sagemaker").describe_model_package(ModelPackageName=version))


def refusal(operation: Any, **members: Any) -> str:
    with pytest.raises(ClientError) as refused:
        operation(**members)
    error = refused.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


@pytest.fixture
def group(aws: Aws) -> str:
    name = unique("group")
    aws.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=name, Tags=[{"Key": "a", "Value": "b"}]
    )
    return name


def events(aws: Aws, group: str) -> Any:
    """What is told of a group's versions from now on."""
    mailbox, rule, client = aws.mailbox(), unique("rule"), aws.client("events")
    pattern = {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [group]},
    }
    client.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    client.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": mailbox.topic}])
    return mailbox


def test_versions_are_numbered_in_their_group_and_no_number_comes_twice(
    aws: Aws, group: str
) -> None:
    arn = aws.context.arn("sagemaker", f"model-package/{group}")
    assert [register(aws, group), register(aws, group)] == [f"{arn}/1", f"{arn}/2"]
    aws.client("sagemaker").delete_model_package(ModelPackageName=f"{arn}/2")
    assert register(aws, group) == f"{arn}/3"
    named = aws.context.arn("sagemaker", f"model-package-group/{group}")
    assert register(aws, named) == f"{arn}/4"


def test_a_version_is_described_as_it_was_registered(aws: Aws, group: str) -> None:
    given = {
        "ModelPackageDescription": "98.1 % of 360 held-out examples",
        "ModelApprovalStatus": "Rejected",
        "CustomerMetadataProperties": {"hyperparameter.epochs": "6"},
        "MetadataProperties": {"CommitId": "c", "Repository": "r", "GeneratedBy": "arn"},
        "ModelMetrics": {"ModelQuality": {"Statistics": REPORT}},
        "SourceUri": "arn",
        "SkipModelValidation": "All",
    }
    found = describe(aws, register(aws, group, **given))
    assert {name: found[name] for name in given} == given
    assert found["InferenceSpecification"]["Containers"] == [
        {"Image": IMAGE, "ModelDataUrl": ARCHIVE}
    ]
    assert (found["ModelPackageVersion"], found["ModelPackageStatus"]) == (1, "Completed")
    assert "ModelPackageName" not in found


def test_a_version_waits_for_its_approval_unless_told_otherwise(aws: Aws, group: str) -> None:
    found = describe(aws, register(aws, group))
    assert found["ModelApprovalStatus"] == "PendingManualApproval"


def test_who_registered_and_who_decided_are_really_the_callers(aws: Aws, group: str) -> None:
    arn, role = register(aws, group), aws.role("states")
    decides = assume(role, "states.amazonaws.com", "decides").client("sagemaker")
    decides.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    found, me = describe(aws, arn), aws.client("sts").get_caller_identity()
    assert found["CreatedBy"] == {"IamIdentity": {"Arn": me["Arn"], "PrincipalId": me["UserId"]}}
    name, decided = role.rpartition("/")[2], found["LastModifiedBy"]["IamIdentity"]
    assert decided["Arn"].endswith(f":assumed-role/{name}/decides")
    made = aws.client("iam").get_role(RoleName=name)["Role"]
    assert decided["PrincipalId"] == f"{made['RoleId']}:decides"
    assert found["CreationTime"] < found["LastModifiedTime"]


def test_a_role_is_held_to_the_groups_that_it_may_work_on(aws: Aws, group: str) -> None:
    """CreateModelPackage and ListModelPackages are on the group's versions (Service Authorization
    Reference: resource type model-package alone)."""
    versions, other = aws.context.arn("sagemaker", f"model-package/{group}/*"), unique("other")
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=other)
    may = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": versions}
    role = assume(aws.role("states", may=[may]), "states.amazonaws.com", "held")
    client, packed = role.client("sagemaker"), {"Containers": [{"Image": IMAGE}]}
    made = client.create_model_package(ModelPackageGroupName=group, InferenceSpecification=packed)
    arn = made["ModelPackageArn"]
    client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    client.describe_model_package(ModelPackageName=arn)
    client.list_model_packages(ModelPackageGroupName=group)
    denied = {"ModelPackageGroupName": other, "InferenceSpecification": packed}
    assert "not authorized to perform: sagemaker:CreateModelPackage on resource" in refusal(
        client.create_model_package, **denied
    )
    told = refusal(client.describe_model_package_group, ModelPackageGroupName=group)
    assert f":model-package-group/{group} because no identity-based policy allows" in told


def test_properties_are_merged_and_taken_away(aws: Aws, group: str) -> None:
    arn = register(aws, group, CustomerMetadataProperties={"a": "1", "b": "1"})
    update = aws.client("sagemaker").update_model_package
    update(ModelPackageArn=arn, CustomerMetadataProperties={"b": "2", "c": "2"})
    assert describe(aws, arn)["CustomerMetadataProperties"] == {"a": "1", "b": "2", "c": "2"}
    update(ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["a", "none"])
    assert describe(aws, arn)["CustomerMetadataProperties"] == {"b": "2", "c": "2"}
    many = {str(number): "x" for number in range(49)}
    assert "more than 50" in refusal(update, ModelPackageArn=arn, CustomerMetadataProperties=many)
    assert describe(aws, arn)["CustomerMetadataProperties"] == {"b": "2", "c": "2"}


@pytest.mark.parametrize("value", ["a, b", 'says "no"', "x" * 257])
def test_a_property_has_the_charset_and_the_length_of_a_tag(
    aws: Aws, group: str, value: str
) -> None:
    told = refusal(lambda: register(aws, group, CustomerMetadataProperties={"a": value}))
    assert told.startswith("ValidationException: ")
    assert "Map value must satisfy constraint" in told


def test_the_same_token_registers_once_and_for_one_request_only(aws: Aws, group: str) -> None:
    arn = register(aws, group, ClientToken="t-" + group)
    assert register(aws, group, ClientToken="t-" + group) == arn
    with pytest.raises(ClientError, match="ConflictException"):
        register(aws, group, ClientToken="t-" + group, ModelApprovalStatus="Approved")
    assert len(versions(aws, group)) == 1


def test_a_version_has_no_tags_and_its_group_has(aws: Aws, group: str) -> None:
    tags = [{"Key": "c", "Value": "d"}]
    with pytest.raises(ClientError, match="Tags are not supported in Model Package versions"):
        register(aws, group, Tags=tags)
    client, arn = aws.client("sagemaker"), register(aws, group)
    assert "Tags are not supported" in refusal(client.add_tags, ResourceArn=arn, Tags=tags)
    assert client.list_tags(ResourceArn=arn)["Tags"] == []
    of_group = client.describe_model_package_group(ModelPackageGroupName=group)
    client.add_tags(ResourceArn=of_group["ModelPackageGroupArn"], Tags=tags)
    found = client.list_tags(ResourceArn=of_group["ModelPackageGroupArn"])["Tags"]
    assert [each["Key"] for each in found] == ["a", "c"]


def versions(aws: Aws, group: str, **asked: Any) -> list[int]:
    found = aws.client("sagemaker").list_model_packages(ModelPackageGroupName=group, **asked)
    return [each["ModelPackageVersion"] for each in found["ModelPackageSummaryList"]]


def test_versions_are_listed_by_status_in_order_and_by_pages(aws: Aws, group: str) -> None:
    for status in ("Approved", "Rejected", "Approved"):
        register(aws, group, ModelApprovalStatus=status, ModelPackageDescription="d")
    assert versions(aws, group) == [1, 2, 3]
    assert versions(aws, group, ModelApprovalStatus="Approved", SortOrder="Descending") == [3, 1]
    client = aws.client("sagemaker")
    pages = client.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["ModelPackageSummaryList"]) for page in pages] == [2, 1]
    (first, *_) = client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
    assert set(first) == {
        *("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "CreationTime"),
        *("ModelPackageDescription", "ModelPackageStatus", "ModelApprovalStatus"),
    }
    assert client.list_model_packages()["ModelPackageSummaryList"] == []
    every = client.list_model_packages(ModelPackageType="Versioned", MaxResults=100)
    assert first in every["ModelPackageSummaryList"]


def test_groups_are_listed_and_an_empty_one_is_deleted(aws: Aws, group: str) -> None:
    client, arn = aws.client("sagemaker"), register(aws, group)
    (row,) = client.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert (row["ModelPackageGroupName"], row["ModelPackageGroupStatus"]) == (group, "Completed")
    delete = client.delete_model_package_group
    assert refusal(delete, ModelPackageGroupName=group).startswith("ConflictException: ")
    client.delete_model_package(ModelPackageName=arn)
    delete(ModelPackageGroupName=group)
    assert not client.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]


def test_what_is_not_there_or_there_already_is_told_in_awss_words(aws: Aws, group: str) -> None:
    client, none = aws.client("sagemaker"), unique("none")
    kind = aws.context.arn("sagemaker", "model-package")
    missing = f"ValidationException: ModelPackageGroup {kind}-group/{none} does not exist."
    assert refusal(client.describe_model_package_group, ModelPackageGroupName=none) == missing
    assert refusal(client.list_model_packages, ModelPackageGroupName=none) == missing
    assert refusal(client.delete_model_package_group, ModelPackageGroupName=none) == missing
    assert refusal(lambda: register(aws, none)) == missing
    missing = f"ValidationException: ModelPackage {kind}/{group}/7 does not exist."
    assert refusal(client.describe_model_package, ModelPackageName=f"{kind}/{group}/7") == missing
    assert refusal(client.delete_model_package, ModelPackageName=f"{group}/7") == missing
    gone = {"ModelPackageArn": f"{kind}/{group}/7", "ModelApprovalStatus": "Approved"}
    assert refusal(client.update_model_package, **gone) == missing
    told = refusal(client.create_model_package_group, ModelPackageGroupName=group)
    assert told == f"ValidationException: Model Package Group already exists: {kind}-group/{group}"
    packed = {"Containers": [{"Image": IMAGE}]}
    told = refusal(client.create_model_package, InferenceSpecification=packed)
    assert told == "ValidationException: Missing ARN"


def test_what_no_version_here_can_have_is_refused_by_name(aws: Aws, group: str) -> None:
    with pytest.raises(ClientError, match="ModelLifeCycle is not supported"):
        register(aws, group, ModelLifeCycle={"Stage": "Production", "StageStatus": "Ready"})
    with pytest.raises(ClientError, match="ModelPackageName is not supported"):
        register(aws, group, ModelPackageName="alone")
    two = {"Containers": [{"Image": IMAGE}, {"Image": IMAGE}]}
    create = aws.client("sagemaker").create_model_package
    told = refusal(create, ModelPackageGroupName=group, InferenceSpecification=two)
    assert "A model package of 2 containers is not supported" in told


def test_a_registration_and_every_update_are_told_and_only_updates_say_what_changed(
    aws: Aws, group: str
) -> None:
    mailbox, client = events(aws, group), aws.client("sagemaker")
    began = datetime.now(UTC).replace(microsecond=0)
    arn = register(
        aws,
        group,
        ModelApprovalStatus="Approved",
        ModelMetrics={"ModelQuality": {"Statistics": REPORT}},
        CustomerMetadataProperties={"secret": "not told"},
    )
    (event,) = map(json.loads, mailbox.read(1))
    assert event["resources"] == [arn]
    detail = event["detail"]
    assert began <= datetime.fromisoformat(detail.pop("CreationTime")) <= datetime.now(UTC)
    assert detail.pop("LastModifiedTime")
    assert detail == {
        "ModelPackageGroupName": group,
        "ModelPackageVersion": 1,
        "ModelPackageArn": arn,
        "InferenceSpecification": {"Containers": [{"Image": IMAGE, "ModelDataUrl": ARCHIVE}]},
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        "ModelApprovalStatus": "Approved",
        "ModelMetrics": {"ModelQuality": {"Statistics": REPORT}},
    }
    client.update_model_package(
        ModelPackageArn=arn, ApprovalDescription="why", ModelApprovalStatus="Rejected"
    )
    client.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"a": "b"})
    client.update_model_package(ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["a"])
    details = [json.loads(each)["detail"] for each in mailbox.read(4)[1:]]
    assert sorted(each["UpdatedModelPackageFields"] for each in details) == [
        ["CustomerMetadataProperties"],
        ["CustomerMetadataProperties"],
        ["ModelApprovalStatus", "ApprovalDescription"],
    ]
    assert {each["ModelApprovalStatus"] for each in details} == {"Rejected"}


def asked(operation: str) -> Environ:
    """A request as the door gets it."""
    target = [("X-Amz-Target", f"SageMaker.{operation}")]
    body, kind = b'{"ModelPackageGroupName": "g"}', "application/x-amz-json-1.1"
    return EnvironBuilder(method="POST", headers=target, content_type=kind, data=body).get_environ()


@pytest.mark.parametrize("region", ["us-gov-west-1", "us-gov-east-1"])
def test_govcloud_has_no_registry(aws: Aws, region: str) -> None:
    use(replace(aws.context, region=region))
    try:
        with pytest.raises(TurnedAway, match="is not available in the called region") as refused:
            door.check(asked("DescribeModelPackageGroup"), "sagemaker")
        assert refused.value.code == "UnknownOperationException"
        with pytest.raises(TurnedAway, match="'modelName' failed to satisfy"):
            door.check(asked("DescribeModel"), "sagemaker")
    finally:
        use(aws.context)
    assert door.check(asked("DescribeModelPackageGroup"), "sagemaker").members
