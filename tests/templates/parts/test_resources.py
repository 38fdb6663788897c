import re
from typing import Any

import pytest
import yaml

from templates.choices import CHOICES
from tests.templates.reading import of_type, tokens, walk

Template = dict[str, Any]

# Losing one of these loses work
STATEFUL = {
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::CodeCommit::Repository",
    "AWS::ECR::Repository",
}
PSEUDO = {
    f"AWS::{name}"
    for name in ("AccountId", "NoValue", "Partition", "Region", "StackId", "StackName", "URLSuffix")
}
OUTPUTS = {
    "ProjectName",
    "RepositoryName",
    "RepositoryCloneUrl",
    "PipelineName",
    "PipelineUrl",
    "TrainingWorkflowArn",
    "TrainingWorkflowUrl",
    "DeploymentWorkflowArn",
    "ApprovalDays",
    "ApprovalWorkflowArn",
    "BatchWorkflowArn",
    "DriftWorkflowArn",
    "EndpointName",
    "EndpointUrl",
    "DataBucket",
    "DataUri",
    "ArtifactBucket",
    "ImageRepositoryName",
    "ImageRepositoryUri",
    "NotificationTopicArn",
    "KeyArn",
    "VersionPrefix",
    "NotebookUrl",
}


def test_what_holds_work_outlives_the_stack(template: Template, bootstrap: Template) -> None:
    """But for what a failed creation has made: the second try would meet it. Access logs may have
    arrived meanwhile, and a bucket that is not empty would fail the rollback."""
    for document in (template, bootstrap):
        for name, resource in document["Resources"].items():
            if resource["Type"] in STATEFUL:
                kept = "Retain" if name == "AccessLogBucket" else "RetainExceptOnCreate"
                assert resource["DeletionPolicy"] == kept, name
                assert resource["UpdateReplacePolicy"] == "Retain", name


def test_every_reference_leads_to_something(template: Template) -> None:
    known = template["Parameters"].keys() | template["Resources"].keys() | PSEUDO
    referred = set()
    for item in walk(template):
        if isinstance(item, dict):
            referred |= {item["Ref"]} if "Ref" in item else set()
            referred |= {item["Fn::GetAtt"][0]} if "Fn::GetAtt" in item else set()
    referred |= {name.split(".")[0] for name in tokens(template)}
    assert referred <= known


def test_every_choice_is_used_labelled_and_grouped(template: Template) -> None:
    used = {item["Ref"] for item in walk(template) if isinstance(item, dict) and "Ref" in item}
    used |= tokens(template)
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    names = list(template["Parameters"])
    assert names == [choice.name for choice in CHOICES] == grouped
    assert set(names) <= used
    assert interface["ParameterLabels"].keys() == set(names)


def test_a_refused_value_is_told_the_parameter_and_the_rule(template: Template) -> None:
    for name, parameter in template["Parameters"].items():
        if "AllowedValues" not in parameter:
            assert parameter["ConstraintDescription"].startswith(f"{name} must ")


def test_only_the_bootstrap_bucket_has_to_be_given(template: Template) -> None:
    required = {name for name, item in template["Parameters"].items() if "Default" not in item}
    assert required == {"BootstrapBucket"}


def test_the_outputs_are_those_that_the_scripts_read(template: Template) -> None:
    assert template["Outputs"].keys() == OUTPUTS
    assert all(output["Description"] for output in template["Outputs"].values())


def test_every_bucket_is_private_encrypted_and_owned(
    template: Template, bootstrap: Template
) -> None:
    for document in (template, bootstrap):
        for name, bucket in of_type(document, "AWS::S3::Bucket").items():
            assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, name
            assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"], name
            (rule,) = bucket["OwnershipControls"]["Rules"]
            assert rule["ObjectOwnership"] == "BucketOwnerEnforced", name


def test_every_log_group_is_encrypted_and_ends(template: Template) -> None:
    for name, group in of_type(template, "AWS::Logs::LogGroup").items():
        assert group["KmsKeyId"], name
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_a_tag_is_a_commit_for_ever(template: Template) -> None:
    (repository,) = of_type(template, "AWS::ECR::Repository").values()
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


def expired(rules: list[dict[str, Any]], images: list[set[str]]) -> list[set[str]]:
    """What these rules take of images, each its tags, newest first. One that matches the tags of a
    rule is not expired by a later rule (How lifecycle policies work, Amazon ECR User Guide)."""
    gone, left = [], list(images)
    for rule in sorted(rules, key=lambda rule: rule["rulePriority"]):
        chosen = rule["selection"]
        if chosen["tagStatus"] == "untagged":
            continue  # by their age, and these all have tags
        prefixes = chosen.get("tagPrefixList", [""])
        matched = [
            image
            for image in images
            if all(any(tag.startswith(each) for tag in image) for each in prefixes)
        ]
        assert chosen["countType"] == "imageCountMoreThan"
        gone += [image for image in matched[chosen["countNumber"] :] if image in left]
        left = [image for image in left if image not in matched]
    return gone


def test_an_image_stays_while_a_version_holds_it_whatever_is_built_since(
    template: Template,
) -> None:
    (repository,) = of_type(template, "AWS::ECR::Repository").values()
    rules = yaml.safe_load(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    newer = [{f"{number:040x}-serve"} for number in range(500)]
    held, not_held = {"a-serve", "version-mlops-a", "version-mlops-a-back"}, {"b-serve"}
    gone = expired(rules, [*newer, held, not_held])
    assert held not in gone
    assert not_held in gone
    assert newer[0] not in gone


@pytest.mark.parametrize("folder", ["models", "checkpoints"])
def test_no_project_has_the_name_of_a_folder_of_jobs(template: Template, folder: str) -> None:
    """The pipeline's artifacts lie, and expire, in the folder of the project's name."""
    pattern = template["Parameters"]["ProjectName"]["AllowedPattern"]
    assert not re.fullmatch(pattern, folder)
    assert re.fullmatch(pattern, f"{folder}-x")


def test_models_stay_and_what_can_be_made_again_goes(template: Template) -> None:
    bucket = of_type(template, "AWS::S3::Bucket")["ArtifactBucket"]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    expiring = {str(rule["Prefix"]) for rule in rules if "ExpirationInDays" in rule}
    folders = {"checkpoints/", "prepared/", "capture/", "batch/"}
    folders |= {"drift/manifests/", "retraining/events/"}
    own = {str({"Fn::Sub": each}) for each in ("${ProjectName}/", "drift/${ProjectName}-")}
    assert expiring == folders | own


def test_a_push_to_another_branch_starts_nothing(template: Template) -> None:
    pattern = of_type(template, "AWS::Events::Rule")["PushTrigger"]["EventPattern"]
    assert pattern["detail"]["referenceName"] == [{"Ref": "BranchName"}]
    assert pattern["resources"] == [{"Fn::GetAtt": ["CodeRepository", "Arn"]}]


def test_a_notebook_exists_only_on_request_and_without_root(template: Template) -> None:
    for resource in template["Resources"].values():
        if "Notebook" in resource["Type"]:
            assert resource["Condition"] == "NotebookWanted"
    (notebook,) = of_type(template, "AWS::SageMaker::NotebookInstance").values()
    assert notebook["RootAccess"] == "Disabled"


def test_every_build_is_bounded_and_reads_its_file_of_buildspec(
    template: Template, buildspecs: dict[str, str]
) -> None:
    projects = of_type(template, "AWS::CodeBuild::Project")
    assert {p["Source"]["BuildSpec"] for p in projects.values()} == set(buildspecs.values())
    for project in projects.values():
        assert project["TimeoutInMinutes"] <= 36 * 60
        assert project["QueuedTimeoutInMinutes"] <= 8 * 60
