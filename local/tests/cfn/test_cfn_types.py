"""Every resource type, deployed by the endpoint and read back from the services."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from local.cfn.records import StackRecords
from local.cfn.schema import bundled
from local.tests.aws import Aws, unique

BODY = (Path(__file__).parent / "everything.yaml").read_text()


@dataclass
class Everything:
    """The stack and its outputs, by name."""

    aws: Aws
    name: str
    seed: str

    def parameters(self, **more: str) -> list[dict[str, str]]:
        given = {"Name": self.name, "SeedBucket": self.seed, **more}
        return [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()]

    def status(self) -> str:
        stacks = self.aws.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return str(stacks[0]["StackStatus"])

    def __getitem__(self, output: str) -> str:
        (stack,) = self.aws.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}[output]

    def update(self, **parameters: str) -> None:
        self.aws.client("cloudformation").update_stack(
            StackName=self.name,
            UsePreviousTemplate=True,
            Parameters=self.parameters(**parameters),
            Capabilities=["CAPABILITY_IAM"],
        )


def seed(aws: Aws) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        train = zipfile.ZipInfo("train")
        train.external_attr = 0o100755 << 16
        file.writestr(train, "#!/bin/sh\n")
        file.mkdir("docs")
        file.writestr("docs/README.md", "read me")
    bucket = aws.bucket()
    aws.client("s3").put_object(Bucket=bucket, Key="code.zip", Body=archive.getvalue())
    return bucket


@pytest.fixture(scope="module")
def made(aws: Aws) -> Iterator[Everything]:
    stack = Everything(aws, unique("every"), seed(aws))
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=stack.name,
        TemplateBody=BODY,
        Parameters=stack.parameters(),
        Capabilities=["CAPABILITY_IAM"],
        Tags=[{"Key": "stack", "Value": "tagged"}],
    )
    events = cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    failed = [e for e in events if e["ResourceStatus"].endswith("FAILED")]
    assert stack.status() == "CREATE_COMPLETE", failed
    yield stack


def facts(made: Everything) -> dict[str, Any]:
    """What the services say of the things that the parameter Retention shapes."""
    client, name = made.aws.client, made.name
    s3, sns = client("s3"), client("sns")
    bucket, topic, role = made["Bucket"], made["Topic"], made["Role"]
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix=f"/test/{name}")["logGroups"]
    (project,) = client("codebuild").batch_get_projects(names=[f"{name}-test"])["projects"]
    machine = client("stepfunctions").describe_state_machine(stateMachineArn=made["Machine"])
    images = client("ecr").get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"]
    (alarm,) = client("cloudwatch").describe_alarms(AlarmNames=[made["Alarm"]])["MetricAlarms"]
    (ratio,) = client("cloudwatch").describe_alarms(AlarmNames=[f"{name}-ratio"])["MetricAlarms"]
    kept = client("cloudwatch").list_tags_for_resource(ResourceARN=made["Ratio"])["Tags"]
    schedule = client("scheduler").get_schedule(Name=f"{name}-weekly")
    sqs = client("sqs")
    queue = sqs.get_queue_url(QueueName=f"{name}-letters")["QueueUrl"]
    letters = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    ssm = client("ssm").get_parameter(Name=f"/{name}/retention")["Parameter"]
    key = client("kms").describe_key(KeyId=f"alias/{name}")["KeyMetadata"]
    return {
        "key": key["Description"],
        "bucket rule": rule["Expiration"]["Days"],
        "bucket tag": _owner(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]),
        "versioning": s3.get_bucket_versioning(Bucket=bucket)["Status"],
        "role": client("iam").get_role(RoleName=role)["Role"]["Description"],
        "inline": client("iam").list_role_policies(RoleName=role)["PolicyNames"],
        "topic": attributes["DisplayName"],
        "logs": group["retentionInDays"],
        "images": json.loads(images)["rules"][0]["selection"]["countNumber"],
        "project": project["environment"]["environmentVariables"][0]["value"],
        "timeout": project["timeoutInMinutes"],
        "machine": json.loads(machine["definition"])["States"]["A"]["Result"],
        "rule": client("events").describe_rule(Name=made["Rule"])["Description"],
        "schedule": (schedule["Description"], schedule["ScheduleExpression"]),
        "queue": (letters["MessageRetentionPeriod"], sqs.list_queue_tags(QueueUrl=queue)["Tags"]),
        "queue policy": json.loads(letters["Policy"])["Statement"][0]["Sid"],
        "parameter": ssm["Value"],
        "alarm": alarm["Threshold"],
        "ratio": (ratio["AlarmDescription"], {t["Key"]: t["Value"] for t in kept}["keeps"]),
    }


def _owner(tags: list[dict[str, str]]) -> str:
    return {tag["Key"]: tag["Value"] for tag in tags}["owner"]


def expected(keep: int, versioning: str, notify: str, name: str) -> dict[str, Any]:
    text = f"keeps {keep}"
    return {
        "key": f"{name} {keep}",
        "bucket rule": keep,
        "bucket tag": str(keep),
        "versioning": versioning,
        "role": text,
        "inline": [notify],
        "topic": text,
        "logs": keep,
        "images": keep,
        "project": str(keep),
        "timeout": keep,
        "machine": str(keep),
        "rule": text,
        "schedule": (text, f"rate({keep} days)"),
        "queue": (f"{keep}000", {"owner": str(keep), "stack": "tagged"}),
        "queue policy": notify,
        "parameter": str(keep),
        "alarm": keep,
        "ratio": (f"more than {keep}", str(keep)),
    }


def test_every_property_reaches_its_service_and_an_update_changes_it_in_place(
    made: Everything,
) -> None:
    assert facts(made) == expected(30, "Enabled", "publish", made.name)
    before = {key: made[key] for key in ("Bucket", "Key", "Topic", "Role", "Rule", "Machine")}
    made.update(Retention="60", Versioning="Suspended", Notify="push")
    assert made.status() == "UPDATE_COMPLETE"
    assert facts(made) == expected(60, "Suspended", "push", made.name)
    assert {key: made[key] for key in before} == before


def test_a_bucket_has_everything_a_good_bucket_has(made: Everything) -> None:
    s3, bucket = made.aws.client("s3"), made["Bucket"]
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["BucketKeyEnabled"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 9
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert ownership == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    logging = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert logging["TargetPrefix"] == "access/"
    # moto keeps this and acts on it, but GetBucketNotificationConfiguration does not tell it
    backend = s3_backends[made.aws.context.account][made.aws.context.partition]
    notifications = backend.get_bucket(bucket).notification_configuration
    assert notifications and notifications.event_bridge == {}
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert policy["Version"] == "2012-10-17"
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {"Key": "stack", "Value": "tagged"} in tags


def test_what_a_bucket_cannot_do_here_is_refused_by_its_place(aws: Aws) -> None:
    rule = {"Status": "Enabled", "ObjectSizeGreaterThan": "9", "ExpirationInDays": 1}
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"LifecycleConfiguration": {"Rules": [rule]}},
    }
    cloudformation, name = aws.client("cloudformation"), unique("stack")
    body = json.dumps({"Resources": {"Bucket": bucket}})
    cloudformation.create_stack(StackName=name, TemplateBody=body)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    (failed,) = [e for e in events if e["ResourceStatus"] == "CREATE_FAILED"]
    what = "Property LifecycleConfiguration.Rules.ObjectSizeGreaterThan is not supported"
    assert failed["ResourceStatusReason"].startswith(what)


def test_the_repository_holds_the_seed_without_its_executable_bits(made: Everything) -> None:
    codecommit = made.aws.client("codecommit")
    train = codecommit.get_file(repositoryName=made.name, commitSpecifier="trunk", filePath="train")
    assert (train["fileMode"], train["fileContent"]) == ("NORMAL", b"#!/bin/sh\n")
    readme = codecommit.get_file(
        repositoryName=made.name, commitSpecifier="trunk", filePath="docs/README.md"
    )
    assert (readme["fileMode"], readme["fileContent"]) == ("NORMAL", b"read me")


def test_the_other_services_hold_what_the_template_says(made: Everything) -> None:
    client, name = made.aws.client, made.name
    assert client("kms").get_key_rotation_status(KeyId=made["Key"])["KeyRotationEnabled"]
    (images,) = client("ecr").describe_repositories(repositoryNames=[name])["repositories"]
    assert images["imageTagMutability"] == "IMMUTABLE"
    assert images["imageScanningConfiguration"] == {"scanOnPush": True}
    assert images["encryptionConfiguration"]["encryptionType"] == "KMS"
    topic = client("sns").get_topic_attributes(TopicArn=made["Topic"])["Attributes"]
    assert topic["KmsMasterKeyId"] == made["Key"]
    assert json.loads(topic["Policy"])["Statement"][0]["Sid"] == "Events"
    found = client("sns").list_subscriptions_by_topic(TopicArn=made["Topic"])["Subscriptions"]
    assert [one["Endpoint"] for one in found] == ["one@example.com"]
    (target,) = client("events").list_targets_by_rule(Rule=made["Rule"])["Targets"]
    assert target["Arn"].endswith(f":{name}")
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix=f"/test/{name}")["logGroups"]
    assert group["kmsKeyId"].endswith(made["Key"])
    machine = client("stepfunctions").describe_state_machine(stateMachineArn=made["Machine"])
    assert machine["loggingConfiguration"]["level"] == "ALL"
    pipeline = client("codepipeline").get_pipeline(name=name)["pipeline"]
    action = pipeline["stages"][0]["actions"][0]
    assert action["configuration"]["PollForSourceChanges"] == "false"
    assert pipeline["executionMode"] == "QUEUED"
    (project,) = client("codebuild").batch_get_projects(names=[f"{name}-test"])["projects"]
    assert project["environment"]["privilegedMode"] is True
    assert "echo hello" in project["source"]["buildspec"]


def test_a_resource_gives_the_attributes_of_its_documentation(made: Everything) -> None:
    (stack,) = [s for s in StackRecords.here().stacks if s.name == made.name]
    for resource in stack.resources.values():
        schema = bundled(made.aws.context.region, resource.type)
        assert schema
        top = {name for name in schema.attributes if "." not in name}
        # DescribeStateMachine has no revision here; a bucket without a website has no URL
        missing = top - resource.attributes.keys() - {"StateMachineRevisionId", "WebsiteURL"}
        assert not missing - {"MetadataConfiguration", "MetadataTableConfiguration"}, resource.type


def test_a_deleted_stack_leaves_only_what_is_retained(aws: Aws) -> None:
    stack = Everything(aws, unique("gone"), seed(aws))
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=stack.name,
        TemplateBody=BODY,
        Parameters=stack.parameters(),
        Capabilities=["CAPABILITY_IAM"],
    )
    outputs = {key: stack[key] for key in ("Bucket", "Key", "Topic", "Role", "Rule", "Machine")}
    identity = cloudformation.describe_stacks(StackName=stack.name)["Stacks"][0]["StackId"]
    cloudformation.delete_stack(StackName=stack.name)
    events = cloudformation.describe_stack_events(StackName=identity)["StackEvents"]
    assert [e for e in events if e["ResourceStatus"] == "DELETE_FAILED"] == []
    skipped = [e["LogicalResourceId"] for e in events if e["ResourceStatus"] == "DELETE_SKIPPED"]
    assert skipped == ["LogBucket"]
    gone = [
        lambda: aws.client("s3").head_bucket(Bucket=outputs["Bucket"]),
        lambda: aws.client("sns").get_topic_attributes(TopicArn=outputs["Topic"]),
        lambda: aws.client("iam").get_role(RoleName=outputs["Role"]),
        lambda: aws.client("events").describe_rule(Name=outputs["Rule"]),
        lambda: aws.client("ecr").describe_repositories(repositoryNames=[stack.name]),
        lambda: aws.client("codecommit").get_repository(repositoryName=stack.name),
        lambda: aws.client("codepipeline").get_pipeline(name=stack.name),
        lambda: aws.client("ssm").get_parameter(Name=f"/{stack.name}/retention"),
    ]
    for ask in gone:
        with pytest.raises(ClientError):
            ask()
    key = aws.client("kms").describe_key(KeyId=outputs["Key"])["KeyMetadata"]
    assert key["KeyState"] == "PendingDeletion"
