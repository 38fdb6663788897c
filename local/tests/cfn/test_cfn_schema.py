from typing import Any

import pytest

from local.cfn.schema import PropertyError, Schema, bundled


def schema(type_name: str, region: str = "eu-west-1") -> Schema:
    found = bundled(region, type_name)
    assert found
    return found


def test_texts_take_the_types_that_the_service_wants() -> None:
    given = {"RetentionInDays": "90", "LogGroupName": 7}
    assert schema("AWS::Logs::LogGroup").coerce(given) == {
        "RetentionInDays": 90,
        "LogGroupName": "7",
    }
    project = schema("AWS::CodeBuild::Project").coerce(
        {
            "Artifacts": {"Type": "CODEPIPELINE"},
            "ServiceRole": "arn:aws:iam::111122223333:role/r",
            "Source": {"Type": "CODEPIPELINE"},
            "Environment": {
                "Type": "LINUX_CONTAINER",
                "ComputeType": "BUILD_GENERAL1_SMALL",
                "Image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                "PrivilegedMode": "true",
            },
        }
    )
    assert project["Environment"]["PrivilegedMode"] is True


@pytest.mark.parametrize(
    ("type_name", "properties", "problem"),
    [
        ("AWS::SNS::Topic", {"Nmae": "x"}, r"#: extraneous key \[Nmae\] is not permitted"),
        (
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Sttus": "Enabled"}},
            r"VersioningConfiguration: extraneous key \[Sttus\] .* required key \[Status\]",
        ),
        (
            "AWS::S3::Bucket",
            {"VersioningConfiguration": {"Status": "On"}},
            "#/VersioningConfiguration/Status: On is not a valid enum value",
        ),
        ("AWS::IAM::Role", {}, r"#: required key \[AssumeRolePolicyDocument\] not found"),
        ("AWS::SNS::Topic", {"TopicName": []}, "#/TopicName: expected type: String, found: JSON"),
        ("AWS::SNS::Topic", {"Tags": {}}, "#/Tags: expected type: Array, found: JSONObject"),
        ("AWS::Logs::LogGroup", {"RetentionInDays": "x"}, "expected type: Integer, found: String"),
        ("AWS::KMS::Alias", {"AliasName": "a", "TargetKeyId": "k"}, r"AliasName.*\[pattern\]"),
        ("AWS::S3::Bucket", {"Tags": [{"Key": "k"}]}, r"#/Tags/0: required key \[Value\]"),
    ],
)
def test_what_aws_would_refuse_is_refused_with_its_place(
    type_name: str, properties: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PropertyError, match=problem):
        schema(type_name).coerce(properties)


def test_a_type_is_only_known_where_aws_has_it() -> None:
    assert bundled("cn-north-1", "AWS::CodeCommit::Repository")
    assert bundled("cn-north-1", "AWS::SageMaker::ModelPackageGroup") is None
    assert bundled("eu-west-1", "AWS::SNS::Topick") is None


def test_attributes_are_those_of_the_documentation() -> None:
    assert schema("AWS::StepFunctions::StateMachine").attributes >= {"Arn", "Name"}
    assert "TopicName" in schema("AWS::SNS::Topic").attributes
    assert "BucketName" not in schema("AWS::S3::Bucket").attributes


def test_a_change_of_a_name_or_of_a_nested_create_only_property_replaces() -> None:
    repository = schema("AWS::ECR::Repository")
    kms = {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": "one"}}
    other = {"EncryptionConfiguration": {"EncryptionType": "KMS", "KmsKey": "two"}}
    assert repository.replaced_by(kms, other) == {"EncryptionConfiguration"}
    assert repository.replaced_by({"RepositoryName": "a"}, {"RepositoryName": "b"})
    assert not repository.replaced_by({}, {"ImageTagMutability": "IMMUTABLE"})


def test_a_change_beside_a_create_only_property_does_not_replace() -> None:
    document = {"createOnlyProperties": ["/properties/Disk/Kind", "/properties/Many/*/Id"]}
    disk = Schema(document)
    assert not disk.replaced_by({"Disk": {"Kind": "a"}}, {"Disk": {"Kind": "a", "Size": 1}})
    assert disk.replaced_by({"Many": [{"Id": 1}]}, {"Many": [{"Id": 2}]}) == {"Many"}
    assert not disk.replaced_by({"Many": [{"Id": 1}]}, {"Many": [{"Id": 1, "Name": "x"}]})
