"""Roles are held to their policies, and told so in AWS's words and forms."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local import events
from local.authorization import hold
from local.authorization.ask import Ask
from local.credentials import Credentials
from local.logs import LogStream
from local.tests import processing, tuning
from local.tests.aws import ALL, Aws, settled, unique, wait
from local.tests.training import ended, request, start

ACCOUNT = "111122223333"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def allow(action: str | list[str], resource: Any = "*", **conditions: Any) -> dict[str, Any]:
    said = {"Effect": "Allow", "Action": action, "Resource": resource}
    return {**said, "Condition": conditions} if conditions else said


@dataclass(frozen=True)
class Held:
    """A session of a role."""

    aws: Aws
    role: str
    session: str
    keys: dict[str, str]

    def client(self, service: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.aws.context.url,
            region_name=self.aws.context.region,
            **self.keys,
        )

    def denied(self, action: str, resource: str, why: str = "") -> str:
        """The sentence for an action that nothing allows."""
        reason = why or f"because no identity-based policy allows the {action} action"
        return (
            f"User: {self.session} is not authorized to perform: {action} "
            f"on resource: {resource} {reason}"
        )


def assume(aws: Aws, *statements: dict[str, Any], boundary: str = "") -> Held:
    """A new role that may do this, as somebody of the account has it after AssumeRole."""
    iam, name = aws.client("iam"), unique("role")
    trust = {"Effect": "Allow", "Principal": ROOT, "Action": "sts:AssumeRole"}
    more = {"PermissionsBoundary": boundary} if boundary else {}
    made = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}), **more
    )
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="May", PolicyDocument=policy)
    role = made["Role"]["Arn"]
    answer = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="one")
    given = answer["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    return Held(aws, role, answer["AssumedRoleUser"]["Arn"], keys)


def refusal(call: Any, **arguments: Any) -> tuple[int, str, str]:
    """Status, code and message."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    error = answer["Error"]
    return answer["ResponseMetadata"]["HTTPStatusCode"], error["Code"], error["Message"]


def key(aws: Aws, *statements: dict[str, Any]) -> str:
    """A customer's key; IAM decides, if its policy says nothing else."""
    policy = {"Statement": statements or [{**allow("kms:*"), "Principal": ROOT}]}
    made = aws.client("kms").create_key(Policy=json.dumps(policy))
    return str(made["KeyMetadata"]["Arn"])


def encrypt(aws: Aws, bucket: str, key_arn: str) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
    aws.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)


def test_each_protocol_tells_who_may_not_do_what_on_what_and_why(aws: Aws) -> None:
    held, arn = assume(aws), aws.context.arn
    topic = aws.topic()
    assert refusal(held.client("s3").put_object, Bucket="b", Key="k/a b", Body=b"") == (
        403, "AccessDenied", held.denied("s3:PutObject", '"arn:aws:s3:::b/k/a b"'),
    )  # fmt: skip
    assert refusal(held.client("ecr").put_image, repositoryName="repo", imageManifest="{}") == (
        400, "AccessDeniedException", held.denied("ecr:PutImage", arn("ecr", "repository/repo")),
    )  # fmt: skip
    assert refusal(held.client("sns").publish, TopicArn=topic, Message="m") == (
        403, "AuthorizationError", held.denied("SNS:Publish", topic),
    )  # fmt: skip
    assert refusal(held.client("iam").list_roles) == (
        403, "AccessDenied", held.denied("iam:ListRoles", "*"),
    )  # fmt: skip
    invoke = held.client("sagemaker-runtime").invoke_endpoint
    assert refusal(invoke, EndpointName="e", Body=b"") == (
        400, "AccessDeniedException",
        held.denied("sagemaker:InvokeEndpoint", arn("sagemaker", "endpoint/e")),
    )  # fmt: skip


def test_the_administrator_and_whoever_asks_who_he_is_are_not_held(aws: Aws) -> None:
    held = assume(aws)
    assert held.client("sts").get_caller_identity()["Arn"] == held.session
    assert aws.client("s3").list_buckets()["Buckets"] is not None


def test_a_call_that_cannot_be_judged_is_refused(aws: Aws) -> None:
    held = assume(aws, ALL)
    asked = {"Bucket": "b", "Key": "k", "ObjectAttributes": ["ETag"]}
    status, code, said = refusal(held.client("s3").get_object_attributes, **asked)
    assert (status, code) == (403, "AccessDenied")
    assert said == (
        f"User: {held.session} is not authorized: judging s3:GetObjectAttributes "
        "is not supported by the local endpoint"
    )


def test_a_policy_that_cannot_be_read_is_named_and_does_not_allow(aws: Aws) -> None:
    odd = allow("s3:*", "*", NumericLessThan={"s3:max-keys": "10"})
    _, code, said = refusal(assume(aws, odd).client("s3").list_objects_v2, Bucket=aws.bucket())
    assert code == "AccessDenied"
    assert "a policy with the condition key s3:max-keys is not supported" in said


def test_a_managed_policy_allows_and_a_boundary_takes_away(aws: Aws) -> None:
    iam, bucket = aws.client("iam"), aws.bucket()

    def policy(*statements: dict[str, Any]) -> str:
        text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        made = iam.create_policy(PolicyName=unique("policy"), PolicyDocument=text)
        return str(made["Policy"]["Arn"])

    held = assume(aws, boundary=policy(allow("s3:ListBucket")))
    iam.attach_role_policy(RoleName=held.role.rpartition("/")[2], PolicyArn=policy(ALL))
    held.client("s3").list_objects_v2(Bucket=bucket)
    said = refusal(held.client("s3").get_bucket_location, Bucket=bucket)[2]
    why = "because no permissions boundary allows the s3:GetBucketLocation action"
    assert said == held.denied("s3:GetBucketLocation", f'"arn:aws:s3:::{bucket}"', why)


def test_a_bucket_can_deny_what_a_role_allows(aws: Aws) -> None:
    held, bucket = assume(aws, ALL), aws.bucket(key="v")
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": held.role}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    said = refusal(held.client("s3").get_object, Bucket=bucket, Key="key")
    why = "with an explicit deny in a resource-based policy"
    sentence = held.denied("s3:GetObject", f'"arn:aws:s3:::{bucket}/key"', why)
    assert said == (403, "AccessDenied", sentence)


def test_plain_http_to_this_machine_counts_as_tls(aws: Aws) -> None:
    held, bucket = assume(aws, ALL), aws.bucket(key="v")
    deny = {**allow("s3:*", f"arn:aws:s3:::{bucket}/*"), "Effect": "Deny", "Principal": "*"}
    deny["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    assert held.client("s3").get_object(Bucket=bucket, Key="key")["Body"].read() == b"v"


def test_a_version_of_an_object_is_another_permission(aws: Aws) -> None:
    bucket = aws.bucket()
    s3, everything = aws.client("s3"), f"arn:aws:s3:::{bucket}/*"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="key", Body=b"v")["VersionId"]
    held = assume(aws, allow("s3:GetObject", everything))
    held.client("s3").get_object(Bucket=bucket, Key="key")
    said = refusal(held.client("s3").get_object, Bucket=bucket, Key="key", VersionId=version)[2]
    assert "s3:GetObjectVersion on resource" in said


def test_who_may_not_list_does_not_learn_that_an_object_is_absent(aws: Aws) -> None:
    bucket = aws.bucket()
    held = assume(aws, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*"))
    status, code, said = refusal(held.client("s3").get_object, Bucket=bucket, Key="none")
    assert (status, code) == (403, "AccessDenied")
    assert "s3:ListBucket" in said
    assert refusal(held.client("s3").head_object, Bucket=bucket, Key="none")[:2] == (403, "403")
    lists = assume(aws, allow("s3:*", ["arn:aws:s3:::" + bucket, f"arn:aws:s3:::{bucket}/*"]))
    assert refusal(lists.client("s3").get_object, Bucket=bucket, Key="none")[1] == "NoSuchKey"


def test_a_listing_is_held_to_its_prefix(aws: Aws) -> None:
    bucket = aws.bucket(data__a="1")
    held = assume(aws, allow("s3:ListBucket", "*", StringLike={"s3:prefix": "data/*"}))
    held.client("s3").list_objects_v2(Bucket=bucket, Prefix="data/")
    for prefix in ({"Prefix": "other/"}, {}):
        said = refusal(held.client("s3").list_objects_v2, Bucket=bucket, **prefix)
        assert said[1] == "AccessDenied"


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_copy_is_held_to_both_its_sides(aws: Aws, side: str) -> None:
    source, target = aws.bucket(key="v"), aws.bucket()
    read = allow("s3:GetObject", f"arn:aws:s3:::{source}/*")
    write = allow("s3:PutObject", f"arn:aws:s3:::{target}/*")
    copy = {"Bucket": target, "Key": "copied", "CopySource": f"{source}/key"}
    assume(aws, read, write).client("s3").copy_object(**copy)
    held = assume(aws, write if side == "source" else read)
    missing = ("s3:GetObject", source, "key"), ("s3:PutObject", target, "copied")
    action, bucket, name = missing[side == "target"]
    sentence = held.denied(action, f'"arn:aws:s3:::{bucket}/{name}"')
    assert refusal(held.client("s3").copy_object, **copy)[2] == sentence


def test_each_object_of_one_deletion_is_looked_at(aws: Aws) -> None:
    bucket = aws.bucket(mine="1", other="2")
    held = assume(aws, allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/mine"))
    delete = {"Objects": [{"Key": "mine"}, {"Key": "other"}]}
    said = refusal(held.client("s3").delete_objects, Bucket=bucket, Delete=delete)[2]
    assert said == held.denied("s3:DeleteObject", f'"arn:aws:s3:::{bucket}/other"')


def test_tags_for_a_new_resource_and_a_role_that_is_passed_on_are_asked_for(
    aws: Aws, tmp_path: Path
) -> None:
    image = aws.image(tmp_path, train="exit 0")
    job = request(aws, image, TrainingJobName=unique("job"), Tags=[{"Key": "k", "Value": "v"}])
    create, role = allow("sagemaker:CreateTrainingJob"), job["RoleArn"]
    tag = allow("sagemaker:AddTags", "*", StringEquals={"aws:RequestTag/k": "v"})
    to_sagemaker = {"iam:PassedToService": "sagemaker.amazonaws.com"}
    hand_on = allow("iam:PassRole", role, StringEquals=to_sagemaker)
    arn = aws.context.arn("sagemaker", f"training-job/{job['TrainingJobName']}")
    for grants, action, resource in (
        ([create, hand_on], "sagemaker:AddTags", arn),
        ([create, tag], "iam:PassRole", role),
        ([tag, hand_on], "sagemaker:CreateTrainingJob", arn),
    ):
        held = assume(aws, *grants)
        said = refusal(held.client("sagemaker").create_training_job, **job)
        assert said == (400, "AccessDeniedException", held.denied(action, resource))
    assume(aws, create, tag, hand_on).client("sagemaker").create_training_job(**job)


def test_metrics_are_held_to_their_namespace_and_alarms_to_their_names(aws: Aws) -> None:
    namespace = unique("Own")
    own, other = (aws.context.arn("cloudwatch", f"alarm:{namespace}-{each}") for each in "ab")
    put = allow("cloudwatch:PutMetricData", StringEquals={"cloudwatch:namespace": namespace})
    alarms = ("PutMetricAlarm", "DescribeAlarms", "DescribeAlarmHistory", "DeleteAlarms")
    named = allow([f"cloudwatch:{each}" for each in alarms], own)
    held = assume(aws, put, named)
    client, datum = held.client("cloudwatch"), [{"MetricName": "M", "Value": 1.0}]
    client.put_metric_data(Namespace=namespace, MetricData=datum)
    said = refusal(client.put_metric_data, Namespace="AWS/SageMaker", MetricData=datum)
    assert said[1:] == ("AccessDenied", held.denied("cloudwatch:PutMetricData", "*"))
    asked = {
        "Namespace": namespace,
        "MetricName": "M",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    names = [each.rpartition(":")[2] for each in (own, other)]
    client.put_metric_alarm(AlarmName=names[0], **asked)
    tagged = {**asked, "AlarmName": names[0], "Tags": [{"Key": "k", "Value": "v"}]}
    said = refusal(client.put_metric_alarm, **tagged)
    assert said[2] == held.denied("cloudwatch:TagResource", own)
    client.describe_alarms(AlarmNames=names[:1])
    client.describe_alarm_history(AlarmName=names[0])
    for call, arguments, action, resource in (
        (client.put_metric_alarm, {"AlarmName": names[1], **asked}, "PutMetricAlarm", other),
        (client.describe_alarms, {"AlarmNames": names}, "DescribeAlarms", other),
        (client.describe_alarms, {}, "DescribeAlarms", aws.context.arn("cloudwatch", "alarm:*")),
        (client.delete_alarms, {"AlarmNames": names}, "DeleteAlarms", other),
    ):
        said = refusal(call, **arguments)
        assert said[1:] == ("AccessDenied", held.denied(f"cloudwatch:{action}", resource))
    client.delete_alarms(AlarmNames=names[:1])


def test_a_volumes_key_is_lent_by_the_caller_or_by_the_jobs_role(aws: Aws, tmp_path: Path) -> None:
    image, lent = aws.image(tmp_path, train="exit 0"), key(aws)
    volume = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}

    def job(role: str) -> dict[str, Any]:
        asked = request(aws, image, TrainingJobName=unique("job"), RoleArn=role)
        return {**asked, "ResourceConfig": {**volume, "VolumeKmsKeyId": lent}}

    may = [allow("sagemaker:*"), allow("iam:PassRole")]
    own = allow("kms:CreateGrant", lent, Bool={"kms:GrantIsForAWSResource": "true"})
    poor = aws.role("sagemaker", may=[allow("s3:*")])
    held = assume(aws, *may)
    said = refusal(held.client("sagemaker").create_training_job, **job(poor))[2]
    assert said == held.denied("kms:CreateGrant", lent)
    held.client("sagemaker").create_training_job(**job(aws.role("sagemaker")))
    assume(aws, *may, own).client("sagemaker").create_training_job(**job(poor))


@pytest.mark.parametrize("kind", ["Processing", "HyperParameterTuning"])
def test_every_kind_of_job_asks_for_its_tags_its_role_and_its_volumes_key(
    aws: Aws, kind: str
) -> None:
    """Before the image is looked for, which there is none."""
    locked, role = key(aws), aws.role("sagemaker", may=[allow("s3:*")])
    job: dict[str, Any]
    if kind == "Processing":
        job = processing.request(aws, "none", RoleArn=role)
        job["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] = locked
    else:
        job = tuning.request(aws, "none")
        job["TrainingJobDefinition"]["RoleArn"] = role
        job["TrainingJobDefinition"]["ResourceConfig"]["VolumeKmsKeyId"] = locked
    path = {"Processing": "processing-job", "HyperParameterTuning": "hyper-parameter-tuning-job"}
    arn = aws.context.arn("sagemaker", f"{path[kind]}/{job[f'{kind}JobName']}")
    grants = {
        f"sagemaker:Create{kind}Job": arn,
        "sagemaker:AddTags": arn,
        "iam:PassRole": role,
        "kms:CreateGrant": locked,
    }
    create = f"create_{'processing' if kind == 'Processing' else 'hyper_parameter_tuning'}_job"
    for action, resource in grants.items():
        held = assume(aws, *(allow(each) for each in grants if each != action))
        said = refusal(getattr(held.client("sagemaker"), create), **job)
        assert said == (400, "AccessDeniedException", held.denied(action, resource))
    held = assume(aws, *(allow(each) for each in grants))
    said = refusal(getattr(held.client("sagemaker"), create), **job)
    assert said[1:] == ("ValidationException", "Cannot find the requested image: none")


def test_an_encrypted_bucket_asks_for_its_key_by_way_of_s3(aws: Aws) -> None:
    bucket, locked = aws.bucket(), key(aws)
    encrypt(aws, bucket, locked)
    all_of_s3, put = allow("s3:*"), {"Bucket": bucket, "Key": "k", "Body": b"v"}

    def use(service: str) -> dict[str, Any]:
        via = {"kms:ViaService": f"{service}.{aws.context.region}.amazonaws.com"}
        return allow(["kms:Decrypt", "kms:GenerateDataKey"], locked, StringEquals=via)

    held = assume(aws, all_of_s3, use("s3"))
    held.client("s3").put_object(**put)
    assert held.client("s3").get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"
    other = assume(aws, all_of_s3, use("sns"))
    for call, arguments, action in (
        (other.client("s3").put_object, put, "kms:GenerateDataKey"),
        (other.client("s3").get_object, {"Bucket": bucket, "Key": "k"}, "kms:Decrypt"),
    ):
        assert refusal(call, **arguments) == (403, "AccessDenied", other.denied(action, locked))
    other.client("s3").head_object(Bucket=bucket, Key="k")


def test_a_key_is_used_by_whom_its_policy_lets_in(aws: Aws) -> None:
    kms = aws.client("kms")
    held, stranger = assume(aws, allow("s3:*")), assume(aws, ALL)
    closed = key(aws, {**allow("kms:Decrypt"), "Principal": {"AWS": held.role}})
    secret = kms.encrypt(KeyId=closed, Plaintext=b"v")["CiphertextBlob"]
    assert held.client("kms").decrypt(CiphertextBlob=secret)["Plaintext"] == b"v"
    said = refusal(stranger.client("kms").decrypt, CiphertextBlob=secret)[2]
    why = "because no resource-based policy allows the kms:Decrypt action"
    assert said == stranger.denied("kms:Decrypt", closed, why)


def test_a_key_is_known_by_its_tags(aws: Aws) -> None:
    tagged = aws.client("kms").create_key(Tags=[{"TagKey": "project", "TagValue": "mine"}])
    mine = tagged["KeyMetadata"]["Arn"]
    ours = {"aws:ResourceTag/project": "mine"}
    held = assume(aws, allow("kms:DescribeKey", "*", StringEquals=ours))
    held.client("kms").describe_key(KeyId=mine)
    assert "kms:DescribeKey" in refusal(held.client("kms").describe_key, KeyId=key(aws))[2]


def test_what_sagemaker_has_is_known_by_its_tags(aws: Aws) -> None:
    sagemaker, mine, other = aws.client("sagemaker"), unique("mine"), unique("other")
    for name in (mine, other):
        tags = [{"Key": "project", "Value": name}]
        sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=tags)
    ours = {"aws:ResourceTag/project": mine}
    held = assume(aws, allow("sagemaker:*", "*", StringEqualsIfExists=ours)).client("sagemaker")
    held.describe_model_package_group(ModelPackageGroupName=mine)
    said = refusal(held.describe_model_package_group, ModelPackageGroupName=other)
    assert "sagemaker:DescribeModelPackageGroup" in said[2]
    # What is being made has no tags yet
    held.create_model_package_group(ModelPackageGroupName=unique("new"))


def test_an_encrypted_topic_asks_its_publisher_for_its_key(aws: Aws) -> None:
    locked, topic = key(aws), aws.topic()
    aws.client("sns").set_topic_attributes(
        TopicArn=topic, AttributeName="KmsMasterKeyId", AttributeValue=locked
    )
    held = assume(aws, allow("sns:Publish", topic))
    said = refusal(held.client("sns").publish, TopicArn=topic, Message="m")
    assert said == (400, "KMSAccessDenied", held.denied("kms:GenerateDataKey", locked))
    via = {"kms:ViaService": f"sns.{aws.context.region}.amazonaws.com"}
    use = allow(["kms:Decrypt", "kms:GenerateDataKey"], locked, StringEquals=via)
    assume(aws, allow("sns:Publish", topic), use).client("sns").publish(TopicArn=topic, Message="m")


def test_logs_are_encrypted_only_with_a_key_whose_policy_lets_logs_in(aws: Aws) -> None:
    logs, group = aws.client("logs"), unique("group")
    said = refusal(logs.create_log_group, logGroupName=group, kmsKeyId=key(aws))
    arn = aws.context.arn("logs", f"log-group:{group}")
    assert said[1:] == (
        "AccessDeniedException",
        f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'",
    )
    service = {"Service": f"logs.{aws.context.region}.amazonaws.com"}
    context = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}}
    opened = key(aws, {**allow("kms:*"), "Principal": service, "Condition": context})
    logs.create_log_group(logGroupName=group, kmsKeyId=opened)


def test_a_role_is_assumed_only_by_whom_it_trusts(aws: Aws) -> None:
    """The administrator too."""
    closed = aws.role("codebuild")
    for who, arn in (
        (aws.client("sts"), f"arn:aws:iam::{ACCOUNT}:user/administrator"),
        ((held := assume(aws, ALL)).client("sts"), held.session),
    ):
        assert refusal(who.assume_role, RoleArn=closed, RoleSessionName="one") == (
            403, "AccessDenied",
            f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {closed} "
            "because no role trust policy allows the sts:AssumeRole action",
        )  # fmt: skip


def test_a_machine_needs_of_its_role_what_waiting_and_logging_need(aws: Aws) -> None:
    machines = aws.client("stepfunctions")
    follows = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": aws.context.arn("states", "stateMachine:other")},
        "End": True,
    }
    definition = json.dumps({"StartAt": "Run", "States": {"Run": follows}})
    role = aws.role("states", may=[allow("sagemaker:*")])
    made = {"name": unique("machine"), "definition": definition, "roleArn": role}
    assert refusal(machines.create_state_machine, **made)[1:] == (
        "AccessDeniedException", f"'{role}' is not authorized to create managed-rule.",
    )  # fmt: skip
    role = aws.role("states", may=[allow("events:*")])
    made, log = {**made, "roleArn": role}, aws.context.arn("logs", "log-group:g:*")
    logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": log}}]}
    said = refusal(machines.create_state_machine, **made, loggingConfiguration=logging)[2]
    assert said == "The state machine IAM Role is not authorized to access the Log Destination"
    arn = machines.create_state_machine(**made)["stateMachineArn"]
    lacking = aws.role("states", may=[allow("sagemaker:*")])
    said = refusal(machines.update_state_machine, stateMachineArn=arn, roleArn=lacking)[2]
    assert "managed-rule" in said


def test_a_state_acts_with_the_machines_role(aws: Aws) -> None:
    role = aws.role("states", may=[allow("sns:*")])
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "Parameters": {},
        "End": True,
    }
    machines = aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "List", "States": {"List": task}})
    machine = machines.create_state_machine(
        name=unique("machine"), definition=definition, roleArn=role
    )["stateMachineArn"]
    started = machines.start_execution(stateMachineArn=machine)["executionArn"]
    told = settled(lambda: machines.describe_execution(executionArn=started), "status", "RUNNING")
    assert "is not authorized to perform: s3:ListAllMyBuckets" in told["cause"]
    assert "Status Code: 403" in told["cause"]


@pytest.mark.parametrize("action", ["GetAuthorizationToken", "BatchGetImage"])
def test_a_job_whose_role_may_not_pull_its_image_fails_and_says_so(
    aws: Aws, tmp_path: Path, action: str
) -> None:
    image = aws.image(tmp_path, train="exit 0")
    deny = {"Effect": "Deny", "Action": f"ecr:{action}", "Resource": "*"}
    role = aws.role("sagemaker", may=[ALL, deny])
    told = ended(aws, start(aws, request(aws, image, RoleArn=role)))
    assert told["FailureReason"] == (
        f"ClientError: The role '{role}' does not have {action} permission for the image: "
        f"'{image}'."
    )


def test_what_a_service_does_with_a_role_beside_its_calls_is_asked_for_too(aws: Aws) -> None:
    held = assume(aws, allow("codecommit:GetCommit"))
    arn = aws.context.arn("codecommit", "r")
    with pytest.raises(ClientError, match="when calling the UploadArchive operation") as told:
        hold.require(held.role, "UploadArchive", Ask("codecommit:UploadArchive", arn))
    assert "codecommit:UploadArchive on resource" in told.value.response["Error"]["Message"]


def test_a_log_group_that_exists_need_not_be_created(aws: Aws) -> None:
    write = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    held, group = assume(aws, write), unique("group")
    keys = Credentials(*held.keys.values())
    with pytest.raises(ClientError, match="logs:CreateLogGroup on resource"):
        LogStream(keys, group, "stream")
    aws.client("logs").create_log_group(logGroupName=group)
    LogStream(keys, group, "stream").close()
    mute = assume(aws, allow("logs:CreateLogStream"))
    with pytest.raises(ClientError, match="logs:PutLogEvents on resource"):
        LogStream(Credentials(*mute.keys.values()), group, "other")


def test_a_rule_publishes_where_the_topics_policy_and_its_keys_let_it(
    aws: Aws, capfd: pytest.CaptureFixture[str]
) -> None:
    box, name = aws.mailbox(), unique("source")
    aws.client("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    aws.client("events").put_targets(Rule=name, Targets=[{"Id": "t", "Arn": box.topic}])
    attributes = {"TopicArn": box.topic, "AttributeName": "KmsMasterKeyId"}
    closed = key(aws)
    aws.client("sns").set_topic_attributes(**attributes, AttributeValue=closed)
    events.emit(name, "Sealed", [], {})
    said = "User: events.amazonaws.com is not authorized to perform: kms:GenerateDataKey"
    wait(lambda: said in capfd.readouterr().err)
    service = {"Service": "events.amazonaws.com"}
    opened = key(aws, {**allow(["kms:Decrypt", "kms:GenerateDataKey"]), "Principal": service})
    aws.client("sns").set_topic_attributes(**attributes, AttributeValue=opened)
    events.emit(name, "Open", [], {})
    assert json.loads(box.read(1)[0])["detail-type"] == "Open"
