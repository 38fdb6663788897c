"""Where things are kept: a bucket for data, one for artifacts, one for who read them."""

from collections.abc import Iterable
from dataclasses import dataclass

from awacs import s3
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Bool,
    Condition,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
)
from troposphere import AccountId, Retain, RetainExceptOnCreate, Sub, Template
from troposphere import s3 as buckets
from troposphere.kms import Key
from troposphere.s3 import Bucket, BucketPolicy

from templates.kit.iam import VERSION, objects
from templates.kit.names import (
    BATCH,
    CAPTURED,
    CHECKPOINTS,
    DRIFT,
    LOOKED_AT,
    PREPARED,
    SEEN_EVENTS,
)
from templates.parameters import Parameters


@dataclass(frozen=True)
class Storage:
    key: Key
    data: Bucket
    artifacts: Bucket


def add_storage(template: Template, parameters: Parameters, key: Key) -> Storage:
    """Encrypted, versioned, private buckets that outlive the stack.

    Like everything that holds work they are kept, but for what a failed creation has made: it is
    empty, and would stand in the way of the second try (RetainExceptOnCreate, DeletionPolicy
    attribute, CloudFormation User Guide).
    """
    access_logs = template.add_resource(_access_logs(parameters))
    delivery = _log_delivery(access_logs, ["DataBucket", "ArtifactBucket"])
    template.add_resource(_policy(access_logs, *delivery))
    data = template.add_resource(
        _bucket(
            "DataBucket",
            key,
            access_logs,
            keep_old_versions_days=365,
            # Puts every upload on EventBridge, for whoever wants to train when data arrives
            NotificationConfiguration=buckets.NotificationConfiguration(
                EventBridgeConfiguration=buckets.EventBridgeConfiguration(EventBridgeEnabled=True)
            ),
        )
    )
    artifacts = template.add_resource(
        _bucket("ArtifactBucket", key, access_logs, 90, expiring=_artifact_rules())
    )
    template.add_resource(_policy(data))
    template.add_resource(_policy(artifacts))
    return Storage(key=key, data=data, artifacts=artifacts)


def add_bootstrap_bucket(template: Template) -> Bucket:
    """The bucket that exists before the stack.

    SSE-S3, not a key of its own: CodeCommit and the workflow of any stack in the account read it
    with no further permission, and what lies in it is the public starting point, not the project's
    data.
    """
    bucket = template.add_resource(
        Bucket(
            "Bucket",
            DeletionPolicy=RetainExceptOnCreate,
            UpdateReplacePolicy=Retain,
            BucketEncryption=_encryption(None),
            LifecycleConfiguration=_lifecycle(keep_old_versions_days=30),
            OwnershipControls=_owned(),
            PublicAccessBlockConfiguration=_private(),
            VersioningConfiguration=buckets.VersioningConfiguration(Status="Enabled"),
        )
    )
    template.add_resource(_policy(bucket))
    return bucket


def _bucket(
    title: str,
    key: Key,
    logs: Bucket,
    keep_old_versions_days: int,
    expiring: Iterable[buckets.LifecycleRule] = (),
    **more: object,
) -> Bucket:
    return Bucket(
        title,
        # S3 refuses a destination that its log delivery may not write to yet
        DependsOn=[f"{logs.title}Policy"],
        DeletionPolicy=RetainExceptOnCreate,
        UpdateReplacePolicy=Retain,
        BucketEncryption=_encryption(key),
        LifecycleConfiguration=_lifecycle(keep_old_versions_days, expiring),
        LoggingConfiguration=buckets.LoggingConfiguration(
            DestinationBucketName=logs.ref(), LogFilePrefix=f"{title}/"
        ),
        **more,
        OwnershipControls=_owned(),
        PublicAccessBlockConfiguration=_private(),
        VersioningConfiguration=buckets.VersioningConfiguration(Status="Enabled"),
    )


def _access_logs(parameters: Parameters) -> Bucket:
    # SSE-S3: log delivery cannot write to a bucket with a customer key (Enabling Amazon S3 server
    # access logging)
    return Bucket(
        "AccessLogBucket",
        # Logs may arrive while a creation fails, and a bucket that holds something would fail the
        # rollback too: it stays, and what is in it expires
        DeletionPolicy=Retain,
        UpdateReplacePolicy=Retain,
        BucketEncryption=_encryption(None),
        LifecycleConfiguration=buckets.LifecycleConfiguration(
            Rules=[
                buckets.LifecycleRule(
                    Id="ExpireLogs",
                    Status="Enabled",
                    ExpirationInDays=parameters.log_retention_days.ref(),
                )
            ]
        ),
        OwnershipControls=_owned(),
        PublicAccessBlockConfiguration=_private(),
    )


def _encryption(key: Key | None) -> buckets.BucketEncryption:
    default = (
        buckets.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
        if key is None
        else buckets.ServerSideEncryptionByDefault(
            SSEAlgorithm="aws:kms", KMSMasterKeyID=key.get_att("Arn")
        )
    )
    rule = buckets.ServerSideEncryptionRule(ServerSideEncryptionByDefault=default)
    if key is not None:
        rule.BucketKeyEnabled = True
    return buckets.BucketEncryption(ServerSideEncryptionConfiguration=[rule])


def _owned() -> buckets.OwnershipControls:
    rule = buckets.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")
    return buckets.OwnershipControls(Rules=[rule])


def _private() -> buckets.PublicAccessBlockConfiguration:
    return buckets.PublicAccessBlockConfiguration(
        BlockPublicAcls=True,
        BlockPublicPolicy=True,
        IgnorePublicAcls=True,
        RestrictPublicBuckets=True,
    )


# ---- who may reach a bucket at all: nobody without TLS; S3 itself, to deliver access logs


def _policy(bucket: Bucket, *allowed: Statement) -> BucketPolicy:
    """The policy of one bucket: what is allowed to others, and TLS for everybody."""
    everything = [bucket.get_att("Arn"), objects(bucket)]
    tls_only = Statement(
        Sid="DenyWithoutTls",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[Action("s3", "*")],
        Resource=everything,
        Condition=Condition([Bool("aws:SecureTransport", "false")]),
    )
    return BucketPolicy(
        f"{bucket.title}Policy",
        Bucket=bucket.ref(),
        PolicyDocument=PolicyDocument(Version=VERSION, Statement=[*allowed, tls_only]),
    )


def _log_delivery(logs: Bucket, sources: list[str]) -> list[Statement]:
    """Let S3 write the access logs of `sources` (Enabling Amazon S3 server access logging)."""
    return [
        Statement(
            Sid=f"LogAccessTo{source}",
            Effect=Allow,
            Principal=Principal("Service", "logging.s3.amazonaws.com"),
            Action=[s3.PutObject],
            Resource=[objects(logs, f"{source}/")],
            Condition=Condition(
                [
                    StringEquals("aws:SourceAccount", AccountId),
                    # A pattern, as naming the bucket here would be circular
                    ArnLike("aws:SourceArn", Sub("arn:${AWS::Partition}:s3:::*")),
                ]
            ),
        )
        for source in sources
    ]


# ---- what leaves the buckets by itself, and when


def _lifecycle(
    keep_old_versions_days: int, expiring: Iterable[buckets.LifecycleRule] = ()
) -> buckets.LifecycleConfiguration:
    """Old versions and cut-off uploads go after a while, beside what `expiring` names."""
    old_versions = buckets.LifecycleRule(
        Id="ExpireOldVersions",
        Status="Enabled",
        AbortIncompleteMultipartUpload=buckets.AbortIncompleteMultipartUpload(
            DaysAfterInitiation=7
        ),
        NoncurrentVersionExpiration=buckets.NoncurrentVersionExpiration(
            NoncurrentDays=keep_old_versions_days
        ),
    )
    return buckets.LifecycleConfiguration(Rules=[old_versions, *expiring])


def _artifact_rules() -> list[buckets.LifecycleRule]:
    """What the pipeline hands from stage to stage, what an unfinished training may resume from,
    what a commit made of the data, which is there for its own run, captured requests, what batches
    and looks at drift left, and which events came. Models stay, and so does the evaluation of each:
    its baseline and its golden requests are asked for as long as it may serve.

    What later runs begin with lies beside these folders, and never goes: retraining/newest.json,
    retraining/last.json, drift/last.json. A look's own folder begins with its version's name.

    An event may be delivered for 24 hours (Target RetryPolicy, EventBridge and EventBridge
    Scheduler API References), and one that could not be is kept for two weeks (undelivered.py).

    A checkpoint is replaced by the next within minutes: its old versions go after a day. Where
    rules overlap, the shorter expiration counts (How Amazon S3 handles conflicts in lifecycle
    configurations, S3 User Guide).
    """
    return [
        buckets.LifecycleRule(
            Id="ExpirePipelineArtifacts",
            Status="Enabled",
            Prefix=Sub("${ProjectName}/"),
            ExpirationInDays=90,
        ),
        buckets.LifecycleRule(
            Id="ExpireCheckpoints",
            Status="Enabled",
            Prefix=CHECKPOINTS,
            ExpirationInDays=30,
            NoncurrentVersionExpiration=buckets.NoncurrentVersionExpiration(NoncurrentDays=1),
        ),
        *(
            buckets.LifecycleRule(Id=name, Status="Enabled", Prefix=prefix, ExpirationInDays=days)
            for name, prefix, days in (
                ("ExpirePrepared", PREPARED, 90),
                ("ExpireLooks", Sub(f"{DRIFT}${{ProjectName}}-"), 90),
                ("ExpireLookedAt", LOOKED_AT, 30),
                ("ExpireEvents", SEEN_EVENTS, 30),
            )
        ),
        *(
            buckets.LifecycleRule(
                Id=name,
                Status="Enabled",
                Prefix=prefix,
                ExpirationInDays=30,
                # It may be personal data: what has expired is gone, and no old version stays
                NoncurrentVersionExpiration=buckets.NoncurrentVersionExpiration(NoncurrentDays=1),
            )
            for name, prefix in (("ExpireCaptured", CAPTURED), ("ExpireBatch", BATCH))
        ),
    ]
