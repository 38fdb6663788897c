"""AWS::S3::Bucket and its policy."""

from collections.abc import Callable
from typing import Any

from local.cfn.errors import AlreadyExists
from local.cfn.handler import Handler, Work
from local.cfn.types.common import document, exists, only, tag_list


def _create_bucket(work: Work) -> None:
    s3, name = work.client("s3"), work.name("BucketName", 63, lower=True)
    if exists(s3.head_bucket, Bucket=name):  # in us-east-1 creating it again is no error
        raise AlreadyExists(name)
    where = {"LocationConstraint": work.context.region}
    elsewhere = work.context.region != "us-east-1"
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if elsewhere else {}))
    region, suffix = work.context.region, work.context.url_suffix
    work.made(
        name,
        Arn=f"arn:{work.context.partition}:s3:::{name}",
        DomainName=f"{name}.s3.{suffix}",
        RegionalDomainName=f"{name}.s3.{region}.{suffix}",
        DualStackDomainName=f"{name}.s3.dualstack.{region}.{suffix}",
    )
    _configure(work)


def _configure(work: Work) -> None:
    """Every changed property by its own call; one that is no longer set goes back to AWS's
    default."""
    s3, bucket = work.client("s3"), {"Bucket": work.id}
    steps: dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
        "VersioningConfiguration": (
            lambda v: s3.put_bucket_versioning(VersioningConfiguration=v, **bucket),
            lambda: s3.put_bucket_versioning(
                VersioningConfiguration={"Status": "Suspended"}, **bucket
            ),
        ),
        "PublicAccessBlockConfiguration": (
            lambda v: s3.put_public_access_block(PublicAccessBlockConfiguration=v, **bucket),
            lambda: s3.delete_public_access_block(**bucket),
        ),
        "BucketEncryption": (
            lambda v: s3.put_bucket_encryption(
                ServerSideEncryptionConfiguration=_encryption(work, v), **bucket
            ),
            lambda: s3.delete_bucket_encryption(**bucket),
        ),
        "LifecycleConfiguration": (
            lambda v: s3.put_bucket_lifecycle_configuration(
                LifecycleConfiguration={"Rules": [_lifecycle(work, one) for one in v["Rules"]]},
                **bucket,
            ),
            lambda: s3.delete_bucket_lifecycle(**bucket),
        ),
        "OwnershipControls": (
            lambda v: s3.put_bucket_ownership_controls(OwnershipControls=v, **bucket),
            lambda: s3.delete_bucket_ownership_controls(**bucket),
        ),
        "LoggingConfiguration": (
            lambda v: s3.put_bucket_logging(BucketLoggingStatus=_logging(work, v), **bucket),
            lambda: s3.put_bucket_logging(BucketLoggingStatus={}, **bucket),
        ),
        "NotificationConfiguration": (
            lambda v: s3.put_bucket_notification_configuration(
                NotificationConfiguration=_notification(work, v), **bucket
            ),
            lambda: s3.put_bucket_notification_configuration(
                NotificationConfiguration={}, **bucket
            ),
        ),
        "Tags": (
            lambda v: s3.put_bucket_tagging(Tagging={"TagSet": tag_list(work)}, **bucket),
            lambda: s3.delete_bucket_tagging(**bucket),
        ),
    }
    for key, (put, clear) in steps.items():
        if work.changed(key):
            put(work.properties[key]) if key in work.properties else clear()


def _encryption(work: Work, value: Any) -> dict[str, Any]:
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        only(work, "BucketEncryption", rule, "ServerSideEncryptionByDefault", "BucketKeyEnabled")
        keys = {"BucketKeyEnabled": rule["BucketKeyEnabled"]} if "BucketKeyEnabled" in rule else {}
        rules.append(
            {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"], **keys}
        )
    return {"Rules": rules}


def _lifecycle(work: Work, rule: dict[str, Any]) -> dict[str, Any]:
    same = ("AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    expiration = {
        "ExpirationInDays": "Days",
        "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
    }
    lists = {"Transitions": "Days", "NoncurrentVersionTransitions": "NoncurrentDays"}
    only(
        work,
        "LifecycleConfiguration.Rules",
        rule,
        "Id",
        "Status",
        "Prefix",
        *same,
        *expiration,
        *lists,
    )
    made = {
        "ID": rule.get("Id", f"{work.logical}-{rule.get('Prefix', '')}"),
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        **{key: rule[key] for key in same if key in rule},
    }
    if expires := {to: rule[key] for key, to in expiration.items() if key in rule}:
        made["Expiration"] = expires
    for key, days in lists.items():
        if key in rule:
            made[key] = [_transition(work, key, one, days) for one in rule[key]]
    return made


def _transition(work: Work, key: str, value: dict[str, Any], days: str) -> dict[str, Any]:
    where = f"LifecycleConfiguration.Rules.{key}"
    only(work, where, value, "StorageClass", "TransitionInDays", "NewerNoncurrentVersions")
    rest = {k: v for k, v in value.items() if k != "TransitionInDays"}
    return {days: value["TransitionInDays"], **rest}


def _logging(work: Work, value: dict[str, Any]) -> dict[str, Any]:
    only(work, "LoggingConfiguration", value, "DestinationBucketName", "LogFilePrefix")
    target = value.get("DestinationBucketName", work.id)
    prefix = value.get("LogFilePrefix", "")
    return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix}}


def _notification(work: Work, value: dict[str, Any]) -> dict[str, Any]:
    only(work, "NotificationConfiguration", value, "EventBridgeConfiguration")
    bridge = value.get("EventBridgeConfiguration", {})
    on = bridge.get("EventBridgeEnabled", "EventBridgeConfiguration" in value)
    return {"EventBridgeConfiguration": {}} if on else {}


def _put_policy(work: Work) -> None:
    bucket = work.properties["Bucket"]
    policy = document(work.properties["PolicyDocument"])
    work.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    work.made(bucket)


HANDLERS = {
    "AWS::S3::Bucket": Handler(
        frozenset(
            {
                "BucketName",
                "VersioningConfiguration",
                "PublicAccessBlockConfiguration",
                "BucketEncryption",
                "LifecycleConfiguration",
                "OwnershipControls",
                "LoggingConfiguration",
                "NotificationConfiguration",
                "Tags",
            }
        ),
        create=_create_bucket,
        update=_configure,
        delete=lambda work: work.client("s3").delete_bucket(Bucket=work.id),
        name="BucketName",
    ),
    "AWS::S3::BucketPolicy": Handler(
        frozenset({"Bucket", "PolicyDocument"}),
        create=_put_policy,
        update=_put_policy,
        delete=lambda work: work.client("s3").delete_bucket_policy(Bucket=work.id),
    ),
}
