"""Where things are kept: one key, a bucket for data, one for artifacts, one for who read them."""

from collections.abc import Iterable
from dataclasses import dataclass

from troposphere import Retain, Template
from troposphere import s3 as buckets
from troposphere.kms import Key
from troposphere.s3 import Bucket

from templates.bucket_policies import bucket_policy, log_delivery
from templates.encryption import add_key
from templates.lifecycle import artifact_rules, lifecycle
from templates.parameters import Parameters


@dataclass(frozen=True)
class Storage:
    key: Key
    data: Bucket
    artifacts: Bucket


def add_storage(template: Template, parameters: Parameters) -> Storage:
    """Encrypted, versioned, private buckets that outlive the stack."""
    key = add_key(template)
    access_logs = template.add_resource(_access_logs(parameters))
    delivery = log_delivery(access_logs, ["DataBucket", "ArtifactBucket"])
    template.add_resource(bucket_policy(access_logs, *delivery))
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
        _bucket("ArtifactBucket", key, access_logs, 90, expiring=artifact_rules())
    )
    template.add_resource(bucket_policy(data))
    template.add_resource(bucket_policy(artifacts))
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
            DeletionPolicy=Retain,
            UpdateReplacePolicy=Retain,
            BucketEncryption=_encryption(None),
            LifecycleConfiguration=lifecycle(keep_old_versions_days=30),
            OwnershipControls=_owned(),
            PublicAccessBlockConfiguration=_private(),
            VersioningConfiguration=buckets.VersioningConfiguration(Status="Enabled"),
        )
    )
    template.add_resource(bucket_policy(bucket))
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
        DeletionPolicy=Retain,
        UpdateReplacePolicy=Retain,
        BucketEncryption=_encryption(key),
        LifecycleConfiguration=lifecycle(keep_old_versions_days, expiring),
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
