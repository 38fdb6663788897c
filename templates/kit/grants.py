"""Grants by intent. Each returns statements that travel with the step or action that needs them.

Action names and their resource levels: Service Authorization Reference. `"*"` appears only where
the API has no resource level; the reason stands beside it.
"""

from awacs import cloudwatch, ecr, events, iam, kms, logs, s3, sns, xray
from awacs.aws import Action, Bool, Statement, StringEquals, StringLike
from troposphere.ecr import Repository
from troposphere.iam import Role
from troposphere.kms import Key
from troposphere.logs import LogGroup
from troposphere.s3 import Bucket
from troposphere.sns import Topic

from templates.kit.iam import Resource, allow, arn, via


def read_objects(sid: str, pattern: Resource) -> list[Statement]:
    """Read the objects that an ARN pattern names."""
    return [allow(sid, [s3.GetObject], [pattern])]


def read_artifacts(pattern: Resource) -> list[Statement]:
    """Read what a pipeline hands on: CodePipeline and CodeBuild ask for a version of an object."""
    return [allow("ReadArtifacts", [s3.GetObject, s3.GetObjectVersion], [pattern])]


def list_objects(sid: str, bucket: Bucket, prefix: str) -> list[Statement]:
    """List a bucket under a prefix only."""
    return [
        allow(
            sid,
            [s3.ListBucket],
            [bucket.get_att("Arn")],
            StringLike("s3:prefix", f"{prefix}*"),
        )
    ]


def write_objects(sid: str, pattern: Resource) -> list[Statement]:
    """Write the objects that an ARN pattern names, in parts where they are large."""
    return [allow(sid, [s3.PutObject, s3.AbortMultipartUpload], [pattern])]


def use_key(sid: str, key: Key, service: str, *actions: Action) -> list[Statement]:
    """Use the stack's key, only through a service (kms:ViaService).

    To read takes Decrypt, to write GenerateDataKey; to write in parts takes both (Uploading and
    copying objects using multipart upload, S3 User Guide), and so does publishing (Key management,
    SNS Developer Guide).
    """
    through = StringEquals("kms:ViaService", via(service))
    return [allow(sid, actions, [key.get_att("Arn")], through)]


def lend_key(key: Key) -> list[Statement]:
    """Let SageMaker encrypt the volumes of its instances: it creates a grant on the key for itself.

    Protect Data at Rest Using Encryption (SageMaker Developer Guide). Looking at the key is a
    grant of its own: only calls about grants carry kms:GrantIsForAWSResource.
    """
    return [
        allow(
            "LendKeyToInstances",
            [kms.CreateGrant],
            [key.get_att("Arn")],
            Bool("kms:GrantIsForAWSResource", "true"),
        ),
        *see_key(key),
    ]


def see_key(key: Key) -> list[Statement]:
    """Look at the key's description, which tells nothing of what it encrypts."""
    return [allow("SeeKey", [kms.DescribeKey], [key.get_att("Arn")])]


def sign_in_to_registry() -> list[Statement]:
    """The token that docker and SageMaker need before any pull or push."""
    # ecr:GetAuthorizationToken has no resource level
    return [allow("SignInToRegistry", [ecr.GetAuthorizationToken], ["*"])]


def pull_images(sid: str, repository: Resource) -> list[Statement]:
    """Pull images of one repository, once signed in to the registry."""
    actions = [ecr.BatchCheckLayerAvailability, ecr.BatchGetImage, ecr.GetDownloadUrlForLayer]
    return [allow(sid, actions, [repository])]


def push_images(repository: Repository) -> list[Statement]:
    """Push images to one repository, and look digests up (Pushing an image, ECR User Guide)."""
    actions = [
        ecr.BatchCheckLayerAvailability,
        ecr.BatchGetImage,
        ecr.CompleteLayerUpload,
        ecr.InitiateLayerUpload,
        ecr.PutImage,
        ecr.UploadLayerPart,
    ]
    return [*sign_in_to_registry(), allow("PushImages", actions, [repository.get_att("Arn")])]


def pass_role(sid: str, role: Role, service: str) -> list[Statement]:
    """Hand one role to one service."""
    to_service = StringEquals("iam:PassedToService", f"{service}.amazonaws.com")
    return [allow(sid, [iam.PassRole], [role.get_att("Arn")], to_service)]


def write_log_group(group: LogGroup) -> list[Statement]:
    """Write to a log group of this stack; its ARN ends in `:*`, which covers the streams."""
    return [allow("WriteLogs", [logs.CreateLogStream, logs.PutLogEvents], [group.get_att("Arn")])]


def write_job_logs(group: str, streams: Resource) -> list[Statement]:
    """Let SageMaker write the output of containers to streams of a group it may have to create.

    A group is asked for with and without `:*` (Overview of managing access permissions to your
    CloudWatch Logs resources).
    """
    find = [logs.CreateLogGroup, logs.DescribeLogStreams]
    groups = [arn("logs", f"log-group:{group}"), arn("logs", f"log-group:{group}:*")]
    return [
        allow("FindLogStreams", find, groups),
        allow("WriteLogs", [logs.CreateLogStream, logs.PutLogEvents], [streams]),
    ]


def put_metrics(namespace: Resource) -> list[Statement]:
    """Publish metrics into one namespace."""
    # cloudwatch:PutMetricData has no resource level; the namespace is the limit
    limit = StringLike("cloudwatch:namespace", namespace)
    return [allow("PutMetrics", [cloudwatch.PutMetricData], ["*"], limit)]


def follow_by_rule(rule: str) -> list[Statement]:
    """Let Step Functions keep the EventBridge rule by which `.sync` learns that a job has ended.

    Without it creating the state machine fails: "not authorized to create managed-rule" (IAM
    policies for integrated services, Step Functions Developer Guide).
    """
    actions = [events.PutTargets, events.PutRule, events.DescribeRule]
    return [
        allow(
            "FollowBy" + rule.removeprefix("StepFunctions"),
            actions,
            [arn("events", f"rule/{rule}")],
        )
    ]


def deliver_workflow_logs() -> list[Statement]:
    """Let Step Functions log (Using CloudWatch Logs to log execution history)."""
    return [
        allow(
            "DeliverLogs",
            [
                logs.CreateLogDelivery,
                logs.GetLogDelivery,
                logs.UpdateLogDelivery,
                logs.DeleteLogDelivery,
                logs.ListLogDeliveries,
                logs.PutResourcePolicy,
                logs.DescribeResourcePolicies,
                logs.DescribeLogGroups,
            ],
            ["*"],  # log deliveries and resource policies belong to the account: no resource level
        )
    ]


def trace_runs() -> Statement:
    """Send traces of runs, where the parameter Tracing says so (IAM policies for AWS X-Ray, Step
    Functions Developer Guide): none of these has a resource level."""
    return allow(
        "TraceRuns",
        [
            xray.GetSamplingRules,
            xray.GetSamplingTargets,
            xray.PutTelemetryRecords,
            xray.PutTraceSegments,
        ],
        ["*"],
    )


def publish(topic: Topic, key: Key) -> list[Statement]:
    """Publish to an encrypted topic."""
    return [
        allow("Publish", [sns.Publish], [topic.ref()]),
        *use_key("UseKeyForTopic", key, "sns", kms.Decrypt, kms.GenerateDataKey),
    ]
