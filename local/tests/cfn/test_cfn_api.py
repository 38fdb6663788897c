"""CloudFormation as clients see it: operations, statuses, refusals, the aws CLI."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.credentials import administrator
from local.tests.aws import Aws, unique

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Ref": "Title"}}}
SECRET = {"Type": "String", "NoEcho": True, "Default": "hush"}
PARAMETERS = {"Title": {"Type": "String", "Default": "one"}, "Secret": SECRET}
OUTPUTS = {"Topic": {"Value": {"Ref": "Topic"}, "Description": "where"}}
TRUST = {"Version": "2012-10-17", "Statement": []}


def body(**resources: Any) -> str:
    declared = resources or {"Topic": TOPIC}
    outputs = OUTPUTS if "Topic" in declared else {}
    return json.dumps({"Parameters": PARAMETERS, "Resources": declared, "Outputs": outputs})


def given(**parameters: str) -> list[dict[str, str]]:
    return [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]


def described(aws: Aws, name: str) -> dict[str, Any]:
    (stack,) = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return dict(stack)


@pytest.fixture
def stack(aws: Aws) -> str:
    name = unique("stack")
    aws.client("cloudformation").create_stack(StackName=name, TemplateBody=body())
    return name


def test_a_stack_tells_everything_about_itself(aws: Aws, stack: str) -> None:
    cloudformation, found = aws.client("cloudformation"), described(aws, stack)
    assert found["StackStatus"] == "CREATE_COMPLETE"
    topic = found["Outputs"][0]["OutputValue"]
    assert aws.client("sns").get_topic_attributes(TopicArn=topic)
    assert {"ParameterKey": "Title", "ParameterValue": "one"} in found["Parameters"]
    assert {"ParameterKey": "Secret", "ParameterValue": "****"} in found["Parameters"]
    (resource,) = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    assert (resource["PhysicalResourceId"], resource["ResourceStatus"]) == (
        topic,
        "CREATE_COMPLETE",
    )
    (row,) = cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    assert row["LogicalResourceId"] == "Topic"
    one = cloudformation.describe_stack_resource(StackName=stack, LogicalResourceId="Topic")
    assert one["StackResourceDetail"]["ResourceType"] == "AWS::SNS::Topic"
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    assert [e["ResourceStatus"] for e in events] == [
        "CREATE_COMPLETE",
        "CREATE_COMPLETE",
        "CREATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS",
    ]
    assert cloudformation.get_template(StackName=stack)["TemplateBody"] == json.loads(body())


def test_an_update_keeps_what_is_told_to_stay(aws: Aws, stack: str) -> None:
    cloudformation = aws.client("cloudformation")
    cloudformation.update_stack(
        StackName=stack, UsePreviousTemplate=True, Parameters=given(Title="two")
    )
    previous = [{"ParameterKey": "Title", "UsePreviousValue": True}]
    with pytest.raises(ClientError, match=r"No updates are to be performed\."):
        cloudformation.update_stack(StackName=stack, UsePreviousTemplate=True, Parameters=previous)
    topic = described(aws, stack)["Outputs"][0]["OutputValue"]
    found = aws.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    assert found["DisplayName"] == "two"
    assert described(aws, stack)["StackStatus"] == "UPDATE_COMPLETE"


def test_an_update_that_may_not_be_rolled_back_is_refused(aws: Aws, stack: str) -> None:
    cloudformation = aws.client("cloudformation")
    change = {"UsePreviousTemplate": True, "Parameters": given(Title="two")}
    with pytest.raises(ClientError, match="DisableRollback is not supported by the local endpoint"):
        cloudformation.update_stack(StackName=stack, DisableRollback=True, **change)
    both = {"StackName": stack, "ChangeSetName": "two"}
    cloudformation.create_change_set(**both, **change)
    with pytest.raises(ClientError, match="DisableRollback is not supported by the local endpoint"):
        cloudformation.execute_change_set(DisableRollback=True, **both)


def test_a_deleted_stack_is_only_known_by_its_id(aws: Aws, stack: str) -> None:
    cloudformation, identity = aws.client("cloudformation"), described(aws, stack)["StackId"]
    cloudformation.delete_stack(StackName=stack)
    cloudformation.delete_stack(StackName=stack)
    with pytest.raises(ClientError, match=f"Stack with id {stack} does not exist"):
        cloudformation.describe_stacks(StackName=stack)
    assert described(aws, identity)["StackStatus"] == "DELETE_COMPLETE"
    cloudformation.create_stack(StackName=stack, TemplateBody=body())
    assert described(aws, stack)["StackId"] != identity


def test_a_protected_stack_is_not_deleted(aws: Aws, stack: str) -> None:
    cloudformation = aws.client("cloudformation")
    cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=True)
    with pytest.raises(ClientError, match="while TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName=stack)
    assert described(aws, stack)["EnableTerminationProtection"]


def test_a_stack_that_fails_is_rolled_back_and_tells_why(aws: Aws) -> None:
    cloudformation, name, taken = aws.client("cloudformation"), unique("stack"), aws.bucket()
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": taken},
        "DependsOn": "Topic",
    }
    cloudformation.create_stack(StackName=name, TemplateBody=body(Topic=TOPIC, Bucket=bucket))
    assert described(aws, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    (failed,) = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["ResourceStatusReason"] == f"{taken} already exists"
    aws.client("s3").head_bucket(Bucket=taken)
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        cloudformation.update_stack(StackName=name, TemplateBody=body())


def test_a_failed_creation_keeps_no_retained_resource_if_asked_not_to(aws: Aws) -> None:
    cloudformation, name, taken = aws.client("cloudformation"), unique("stack"), aws.bucket()
    kept = {**TOPIC, "DeletionPolicy": "Retain"}
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": taken},
        "DependsOn": "Topic",
    }
    text = body(Topic=kept, Bucket=bucket)
    for retain, end in ((False, "DELETE_SKIPPED"), (True, "DELETE_COMPLETE")):
        identity = cloudformation.create_stack(
            StackName=f"{name}-{retain}", TemplateBody=text, RetainExceptOnCreate=retain
        )["StackId"]
        events = cloudformation.describe_stack_events(StackName=identity)["StackEvents"]
        topic = [e["ResourceStatus"] for e in events if e["LogicalResourceId"] == "Topic"]
        assert topic[0] == end


def test_an_integration_that_cannot_be_done_here_is_told_in_one_sentence(aws: Aws) -> None:
    """However long the machine's definition is."""
    waits = {f"Wait{i}": {"Type": "Wait", "Seconds": 1, "Next": f"Wait{i + 1}"} for i in range(200)}
    ask = {"Type": "Task", "Resource": "arn:aws:states:::bedrock:invokeModel", "Next": "Wait0"}
    end = {"Wait200": {"Type": "Succeed"}}
    definition = {"StartAt": "Ask", "States": {"Ask": ask, **waits, **end}}
    machine = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": aws.role("states"),
            "DefinitionString": json.dumps(definition, indent=2),
        },
    }
    cloudformation, name = aws.client("cloudformation"), unique("stack")
    cloudformation.create_stack(StackName=name, TemplateBody=body(Machine=machine))
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    (failed,) = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    said = failed["ResourceStatusReason"]
    why = "the integration bedrock:invokeModel is not supported by the local endpoint"
    assert why in said and "/States/Ask/Resource" in said
    assert "Wait" not in said and "\n" not in said  # the definition is not told with it


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"StackName": "1st"}, "Value '1st' at 'stackName' failed to satisfy constraint"),
        ({"TemplateBody": "Resources: ["}, "YAML not well-formed"),
        ({"TemplateBody": "x" * 51_201}, "length less than or equal to 51200"),
        ({"Parameters": given(Titel="x")}, r"Parameters: \[Titel\] do not exist"),
        ({"NotificationARNs": ["arn:x"]}, "NotificationARNs is not supported by the local"),
        ({"TimeoutInMinutes": 5}, "TimeoutInMinutes is not supported by the local endpoint"),
        ({"TemplateBody": body(T={"Type": "AWS::SNS::Topik"})}, r"types: \[AWS::SNS::Topik\]"),
        (
            {"TemplateBody": body(B={"Type": "AWS::EC2::VPC"})},
            "Resource type AWS::EC2::VPC is not supported by the local endpoint",
        ),
        (
            {"TemplateBody": body(N={"Type": "AWS::SageMaker::NotebookInstance"})},
            "Resource type AWS::SageMaker::NotebookInstance is not supported",
        ),
        (
            {"RoleARN": "arn:aws:iam::111122223333:role/absent"},
            "Role arn:aws:iam::111122223333:role/absent is invalid or cannot be assumed",
        ),
    ],
)
def test_what_cloudformation_would_refuse_leaves_no_stack(
    aws: Aws, arguments: dict[str, Any], problem: str
) -> None:
    cloudformation, name = aws.client("cloudformation"), unique("stack")
    with pytest.raises(ClientError, match=problem) as refused:
        cloudformation.create_stack(**{"StackName": name, "TemplateBody": body(), **arguments})
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=name)


@pytest.mark.parametrize(
    ("role_name", "capability", "needed"),
    [
        ({}, [], "CAPABILITY_IAM"),
        ({"RoleName": "named"}, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
    ],
)
def test_roles_need_the_capability_that_fits(
    aws: Aws, role_name: dict[str, str], capability: list[str], needed: str
) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": TRUST, **role_name},
    }
    cloudformation = aws.client("cloudformation")
    with pytest.raises(ClientError, match=rf"Requires capabilities : \[{needed}\]") as refused:
        cloudformation.create_stack(
            StackName=unique("stack"), TemplateBody=body(Role=role), Capabilities=capability
        )
    assert refused.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"


def test_a_stack_is_made_with_the_role_that_it_is_given(aws: Aws) -> None:
    name, role = unique("stack"), aws.role("cloudformation")
    aws.client("cloudformation").create_stack(StackName=name, TemplateBody=body(), RoleARN=role)
    found = described(aws, name)
    assert (found["StackStatus"], found["RoleARN"]) == ("CREATE_COMPLETE", role)


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_template_comes_from_s3_whatever_the_style_of_its_url(aws: Aws, style: str) -> None:
    name, bucket = unique("stack"), aws.bucket(template=body())
    urls = {
        "path": f"{aws.context.url}/{bucket}/template",
        "virtual": f"https://{bucket}.s3.eu-west-1.amazonaws.com/template",
    }
    aws.client("cloudformation").create_stack(StackName=name, TemplateURL=urls[style])
    assert described(aws, name)["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match=r"S3 error: .*key does not exist.*template2"):
        aws.client("cloudformation").validate_template(TemplateURL=urls[style] + "2")


def test_a_change_set_creates_and_then_updates(aws: Aws) -> None:
    cloudformation, name = aws.client("cloudformation"), unique("stack")
    both = {"StackName": name, "ChangeSetName": "first"}
    cloudformation.create_change_set(TemplateBody=body(), ChangeSetType="CREATE", **both)
    assert described(aws, name)["StackStatus"] == "REVIEW_IN_PROGRESS"
    (change,) = cloudformation.describe_change_set(**both)["Changes"]
    assert change["ResourceChange"]["Action"] == "Add"
    cloudformation.execute_change_set(**both)
    assert described(aws, name)["StackStatus"] == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match=r"execution status of \[EXECUTE_COMPLETE\]"):
        cloudformation.execute_change_set(**both)

    second = {"StackName": name, "ChangeSetName": "second"}
    cloudformation.create_change_set(
        UsePreviousTemplate=True, Parameters=given(Title="two"), **second
    )
    (change,) = cloudformation.describe_change_set(**second)["Changes"]
    assert change["ResourceChange"]["Action"] == "Modify"
    assert change["ResourceChange"]["Details"][0]["Target"]["Name"] == "DisplayName"
    cloudformation.execute_change_set(**second)
    assert described(aws, name)["StackStatus"] == "UPDATE_COMPLETE"
    listed = cloudformation.list_change_sets(StackName=name)["Summaries"]
    assert {one["ChangeSetName"]: one["ExecutionStatus"] for one in listed} == {
        "first": "OBSOLETE",
        "second": "EXECUTE_COMPLETE",
    }


def test_a_change_set_without_changes_fails_in_awss_words(aws: Aws, stack: str) -> None:
    cloudformation = aws.client("cloudformation")
    both = {"StackName": stack, "ChangeSetName": "same"}
    cloudformation.create_change_set(UsePreviousTemplate=True, **both)
    found = cloudformation.describe_change_set(**both)
    assert (found["Status"], found["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert found["StatusReason"].startswith("The submitted information didn't contain changes.")
    cloudformation.delete_change_set(**both)
    with pytest.raises(ClientError, match=r"ChangeSet \[same\] does not exist"):
        cloudformation.describe_change_set(**both)


def test_a_change_set_finds_a_wrong_property_before_anything_is_made(aws: Aws) -> None:
    cloudformation, name = aws.client("cloudformation"), unique("stack")
    both = {"StackName": name, "ChangeSetName": "wrong"}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayNmae": "x"}}
    cloudformation.create_change_set(TemplateBody=body(Topic=topic), ChangeSetType="CREATE", **both)
    found = cloudformation.describe_change_set(**both)
    assert found["Status"] == "FAILED"
    assert "resource Topic with message: [#: extraneous key [DisplayNmae]" in found["StatusReason"]


def test_a_template_is_summed_up_before_it_is_used(aws: Aws) -> None:
    cloudformation = aws.client("cloudformation")
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    text = body(Topic=TOPIC, Role=role)
    for found in (
        cloudformation.get_template_summary(TemplateBody=text),
        cloudformation.validate_template(TemplateBody=text),
    ):
        title = found["Parameters"][0]
        assert (title["ParameterKey"], title["DefaultValue"]) == ("Title", "one")
        assert found["Capabilities"] == ["CAPABILITY_IAM"]
        assert "[AWS::IAM::Role]" in found["CapabilitiesReason"]
    assert cloudformation.get_template_summary(TemplateBody=text)["ResourceTypes"] == [
        "AWS::IAM::Role",
        "AWS::SNS::Topic",
    ]
    nowhere = body(Topic={**TOPIC, "DependsOn": "Nope"})
    with pytest.raises(ClientError, match=r"Unresolved resource dependencies \[Nope\]"):
        cloudformation.validate_template(TemplateBody=nowhere)


def test_of_two_who_create_the_same_stack_one_is_refused(aws: Aws) -> None:
    cloudformation, name = aws.client("cloudformation"), unique("stack")
    said: list[str] = []

    def create() -> None:
        try:
            cloudformation.create_stack(StackName=name, TemplateBody=body())
            said.append("created")
        except ClientError as error:
            said.append(error.response["Error"]["Code"])

    both = [threading.Thread(target=create) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(said) == ["AlreadyExistsException", "created"]


def test_the_aws_cli_deploys_and_sees_no_changes_the_second_time(aws: Aws, tmp_path: Path) -> None:
    template = tmp_path / "template.json"
    template.write_text(body())
    command = ["aws", "cloudformation", "deploy", "--stack-name", unique("cli")]
    environment = {"PATH": _path(), **administrator().environment()}
    said = [
        subprocess.run(
            [*command, "--template-file", str(template), "--no-fail-on-empty-changeset"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        for _ in range(2)
    ]
    assert [one.returncode for one in said] == [0, 0], said
    assert "Successfully created/updated stack" in said[0].stdout
    assert "No changes to deploy" in said[1].stdout


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
