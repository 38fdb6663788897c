"""What S3's operations ask for (Amazon S3 User Guide, "Required permissions for Amazon S3 API
operations"; API reference, "Permissions" of each operation)."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from moto.s3.models import FakeBucket, FakeKey, s3_backends

from local.authorization import keys
from local.authorization.ask import Ask, Unjudged
from local.context import current
from local.door.request import Asked

_ANY = {"ListBuckets": "s3:ListAllMyBuckets"}
# Operations on a bucket whose action has another name
_BUCKET = {
    "HeadBucket": "s3:ListBucket",
    "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "DeleteBucketTagging": "s3:PutBucketTagging",
    "DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
# … and those where it has the operation's
_BUCKET |= {
    name: f"s3:{name}"
    for name in (
        *("CreateBucket", "DeleteBucket", "DeleteBucketPolicy", "GetBucketAcl"),
        *("GetBucketLocation", "GetBucketLogging", "GetBucketOwnershipControls"),
        *("GetBucketPolicy", "GetBucketTagging", "GetBucketVersioning", "PutBucketLogging"),
        *("PutBucketOwnershipControls", "PutBucketPolicy", "PutBucketTagging"),
        "PutBucketVersioning",
    )
}


def asks(call: Asked) -> Iterator[Ask]:
    """Raises Unjudged."""
    name, members = call.name, call.members
    bucket, key = members.get("Bucket", ""), members.get("Key", "")
    if name in _ANY:
        yield Ask(_ANY[name])
    elif name in _BUCKET:
        prefix = {"s3:prefix": members["Prefix"]} if "Prefix" in members else {}
        yield Ask(_BUCKET[name], _arn(bucket), prefix)
    elif name in ("GetObject", "HeadObject"):
        yield from _read(bucket, key, members.get("VersionId"), head=name == "HeadObject")
    elif name in ("PutObject", "CreateMultipartUpload", "CopyObject", "UploadPartCopy"):
        if "CopySource" in members:
            yield from _read(*_source(members["CopySource"]))
        yield from _write(bucket, key, members)
    elif name in ("UploadPart", "CompleteMultipartUpload"):
        yield Ask("s3:PutObject", _arn(bucket, key))
        # the key decrypts the parts' data key (Protecting data with SSE-KMS, "Permissions")
        yield from keys.used(
            "s3", _of_upload(bucket, members), "Decrypt", **_encrypted(bucket, key)
        )
    elif name == "AbortMultipartUpload":
        yield Ask("s3:AbortMultipartUpload", _arn(bucket, key))
    elif name == "ListParts":
        yield Ask("s3:ListMultipartUploadParts", _arn(bucket, key))
    elif name == "DeleteObject":
        yield _delete(bucket, key, members.get("VersionId"))
    elif name == "DeleteObjects":
        yield from (
            _delete(bucket, one["Key"], one.get("VersionId"))
            for one in members["Delete"]["Objects"]
        )
    elif name in ("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"):
        version = "Version" if "VersionId" in members else ""
        yield Ask(f"s3:{name.replace('Object', f'Object{version}')}", _arn(bucket, key))
    else:
        raise Unjudged(f"s3:{name}")


def _read(
    bucket: str, key: str, version: str | None = None, *, head: bool = False
) -> Iterator[Ask]:
    """Of an object that is not there AWS says so only to who may list the bucket (API reference,
    GetObject, "Permissions"); what it tells of an object without its content needs no key."""
    yield Ask("s3:GetObjectVersion" if version else "s3:GetObject", _arn(bucket, key))
    found = _object(bucket, key, version)
    if found is None:
        if _bucket(bucket):
            yield Ask("s3:ListBucket", _arn(bucket))
    elif found.encryption == "aws:kms" and not head:
        yield from keys.used("s3", found.kms_key_id, "Decrypt", **_encrypted(bucket, key))


def _write(bucket: str, key: str, members: dict[str, Any]) -> Iterator[Ask]:
    yield Ask("s3:PutObject", _arn(bucket, key))
    if members.get("Tagging"):
        yield Ask("s3:PutObjectTagging", _arn(bucket, key))
    if members.get("ACL"):
        yield Ask("s3:PutObjectAcl", _arn(bucket, key))
    yield from keys.used("s3", _key(bucket, members), "GenerateDataKey", **_encrypted(bucket, key))


def _delete(bucket: str, key: str, version: str | None) -> Ask:
    return Ask("s3:DeleteObjectVersion" if version else "s3:DeleteObject", _arn(bucket, key))


def _source(given: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of a CopySource."""
    source = urlparse(given)  # as moto takes it to pieces
    bucket, _, key = unquote(source.path).lstrip("/").partition("/")
    return bucket, key, parse_qs(source.query).get("versionId", [None])[0]


def _key(bucket: str, members: dict[str, Any]) -> str | None:
    """The KMS key of what is written: the request's, else the bucket's."""
    asked = members.get("ServerSideEncryption")
    if members.get("SSEKMSKeyId") or asked == "AES256":
        return members.get("SSEKMSKeyId")
    found = _bucket(bucket)
    rule = (found.encryption or {}).get("Rule", {}) if found else {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
    return default if isinstance(default, str) else None


def _of_upload(bucket: str, members: dict[str, Any]) -> str | None:
    """The KMS key with which a multipart upload was begun."""
    found = _bucket(bucket)
    begun = found.multiparts.get(members.get("UploadId", "")) if found else None
    return (begun and begun.kms_key_id) or _key(bucket, {})


def _encrypted(bucket: str, key: str) -> dict[str, str]:
    """The encryption context: the object, or the bucket that has an S3 Bucket Key (User Guide,
    "Encryption context")."""
    found = _bucket(bucket)
    rule = (found.encryption or {}).get("Rule", {}) if found else {}
    whole = str(rule.get("BucketKeyEnabled", "")).lower() == "true"
    return {"kms:EncryptionContext:aws:s3:arn": _arn(bucket) if whole else _arn(bucket, key)}


def _bucket(name: str) -> FakeBucket | None:
    here = current()
    return s3_backends[here.account][here.partition].buckets.get(name)


def _object(bucket: str, key: str, version: str | None) -> FakeKey | None:
    here = current()
    if _bucket(bucket) is None:
        return None
    return s3_backends[here.account][here.partition].get_object(bucket, key, version)


def _arn(bucket: str, key: str = "") -> str:
    return f"arn:{current().partition}:s3:::{bucket}" + (f"/{key}" if key else "")
