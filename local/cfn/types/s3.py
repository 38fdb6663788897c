"""AWS::S3::Bucket and its policy."""

from typing import Any

from local.cfn.resource_type import AlreadyExists, ResourceType, ResourceWork
from local.cfn.schema import PropertyError
from local.refusals import unsupported

# A property's put call, its argument there, and what undoes it: a call, or a value to put
SETTINGS: dict[str, tuple[str, str, Any]] = {
    "VersioningConfiguration": (
        "put_bucket_versioning",
        "VersioningConfiguration",
        {"Status": "Suspended"},
    ),
    "PublicAccessBlockConfiguration": (
        "put_public_access_block",
        "PublicAccessBlockConfiguration",
        "delete_public_access_block",
    ),
    "BucketEncryption": (
        "put_bucket_encryption",
        "ServerSideEncryptionConfiguration",
        "delete_bucket_encryption",
    ),
    "LifecycleConfiguration": (
        "put_bucket_lifecycle_configuration",
        "LifecycleConfiguration",
        "delete_bucket_lifecycle",
    ),
    "OwnershipControls": (
        "put_bucket_ownership_controls",
        "OwnershipControls",
        "delete_bucket_ownership_controls",
    ),
    "LoggingConfiguration": ("put_bucket_logging", "BucketLoggingStatus", {}),
    "NotificationConfiguration": (
        "put_bucket_notification_configuration",
        "NotificationConfiguration",
        {},
    ),
    "Tags": ("put_bucket_tagging", "Tagging", "delete_bucket_tagging"),
}


def _create_bucket(work: ResourceWork) -> None:
    name, region = work.name("BucketName", 63, lower=True), work.context.region
    if work.exists("s3.head_bucket", Bucket=name):  # in us-east-1 creating it again is no error
        raise AlreadyExists(name)
    where = {"LocationConstraint": region} if region != "us-east-1" else None
    work.call("s3.create_bucket", Bucket=name, CreateBucketConfiguration=where)
    suffix = work.context.url_suffix
    work.made(
        name,
        Arn=f"arn:{work.context.partition}:s3:::{name}",
        DomainName=f"{name}.s3.{suffix}",
        RegionalDomainName=f"{name}.s3.{region}.{suffix}",
        DualStackDomainName=f"{name}.s3.dualstack.{region}.{suffix}",
    )
    _configure(work)


def _configure(work: ResourceWork) -> None:
    """Every changed property by its own call; one that is gone goes back to AWS's default."""
    for key, (put, argument, undo) in SETTINGS.items():
        if not work.changed(key):
            continue
        if key in work.properties:
            value = _worded(work, key, work.properties[key])
            work.call(f"s3.{put}", Bucket=work.id, **{argument: value})
        elif isinstance(undo, str):
            work.call(f"s3.{undo}", Bucket=work.id)
        else:
            work.call(f"s3.{put}", Bucket=work.id, **{argument: undo})


def _worded(work: ResourceWork, key: str, value: Any) -> Any:
    """A property's value as the API has it."""
    match key:
        case "BucketEncryption":
            names = {
                "ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault",
                "BucketKeyEnabled": "BucketKeyEnabled",
            }
            rules = value["ServerSideEncryptionConfiguration"]
            return {"Rules": [_renamed(key, rule, names) for rule in rules]}
        case "LifecycleConfiguration":
            return {"Rules": [_lifecycle(work, key, rule) for rule in value["Rules"]]}
        case "LoggingConfiguration":
            names = {"DestinationBucketName": "TargetBucket", "LogFilePrefix": "TargetPrefix"}
            target = {"TargetBucket": work.id, "TargetPrefix": "", **_renamed(key, value, names)}
            return {"LoggingEnabled": target}
        case "NotificationConfiguration":
            bridge = _renamed(key, value, {"EventBridgeConfiguration": "on"}).get("on")
            on = bridge is not None and bridge.get("EventBridgeEnabled", True)
            return {"EventBridgeConfiguration": {}} if on else {}
        case "Tags":
            return {"TagSet": value}
    return value


def _lifecycle(work: ResourceWork, key: str, rule: dict[str, Any]) -> dict[str, Any]:
    same = ("Status", "AbortIncompleteMultipartUpload", "NoncurrentVersionExpiration")
    names = {"Id": "ID", "Prefix": "Filter", "ExpirationInDays": "Expiration"}
    made = _renamed(f"{key}.Rules", rule, {**names, **dict(zip(same, same, strict=True))})
    prefix = made.get("Filter", "")
    made = {"ID": f"{work.logical}-{prefix}", **made, "Filter": {"Prefix": prefix}}
    return {**made, "Expiration": {"Days": made["Expiration"]}} if "Expiration" in made else made


def _renamed(where: str, value: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """With the API's keys in the place of the template's; any other is refused."""
    if unknown := sorted(value.keys() - names.keys()):
        raise PropertyError(unsupported(f"Property {where}.{unknown[0]}", *names))
    return {names[key]: one for key, one in value.items()}


def _put_policy(work: ResourceWork) -> None:
    work.call("s3.put_bucket_policy", Policy=work.properties["PolicyDocument"])
    work.made(work.properties["Bucket"])


TYPES = {
    "AWS::S3::Bucket": ResourceType(
        frozenset({"BucketName", *SETTINGS}),
        create=_create_bucket,
        update=_configure,
        delete=lambda work: work.call("s3.delete_bucket", Bucket=work.id),
        name="BucketName",
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        frozenset({"Bucket", "PolicyDocument"}),
        create=_put_policy,
        update=_put_policy,
        delete=lambda work: work.call("s3.delete_bucket_policy", Bucket=work.id),
    ),
}
