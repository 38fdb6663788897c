"""An object that is put into a bucket reaches the rules for it, once and with S3's own detail."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from local.tests.aws import Aws, Mailbox, unique

PART = 5 * 1024**2


def told(aws: Aws, versioned: bool = False) -> str:
    """A bucket that tells EventBridge of its objects."""
    s3, bucket = aws.client("s3"), aws.bucket()
    if versioned:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    return bucket


def listen(aws: Aws, bucket: str, key: Any = None) -> Mailbox:
    """What a rule for objects of the bucket, with this matcher of their keys, delivers."""
    mailbox, name, events = aws.mailbox(), unique("rule"), aws.client("events")
    detail = {"bucket": {"name": [bucket]}, **({"object": {"key": key}} if key else {})}
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": detail}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "Only", "Arn": mailbox.topic}])
    return mailbox


def keys(mailbox: Mailbox, number: int) -> list[str]:
    return sorted(json.loads(each)["detail"]["object"]["key"] for each in mailbox.read(number))


def test_an_object_is_told_with_what_s3_tells_of_it(aws: Aws) -> None:
    bucket = told(aws, versioned=True)
    mailbox = listen(aws, bucket)
    put = aws.client("s3").put_object(Bucket=bucket, Key="a/b c+ü.json", Body=b"hello")
    event = json.loads(mailbox.read(1)[0])
    assert event["resources"] == [f"arn:aws:s3:::{bucket}"]
    detail = event["detail"]
    assert len(detail.pop("request-id")) == 16
    assert int(detail["object"].pop("sequencer"), 16) > 0
    assert detail == {
        "version": "0",
        "event-version": "1.0",
        "bucket": {"name": bucket},
        "object": {
            "key": "a/b c+ü.json",
            "size": 5,
            "etag": put["ETag"].strip('"'),
            "version-id": put["VersionId"],
        },
        "requester": aws.context.account,
        "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    }


def test_a_copy_and_an_upload_in_parts_are_told_once_each_in_their_order(aws: Aws) -> None:
    s3, bucket = aws.client("s3"), told(aws)
    mailbox = listen(aws, bucket)
    at = {"Bucket": bucket, "Key": "parts"}
    upload = s3.create_multipart_upload(**at)["UploadId"]
    part = s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"x" * 10)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**at, UploadId=upload, MultipartUpload=parts)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/parts")
    s3.put_object(Bucket=bucket, Key="last", Body=b"")
    details = [json.loads(each)["detail"] for each in mailbox.read(3)]
    details.sort(key=lambda one: str(one["object"]["sequencer"]))
    assert [(one["object"]["key"], one["object"]["size"], one["reason"]) for one in details] == [
        ("parts", 10, "CompleteMultipartUpload"),
        ("copy", 10, "CopyObject"),
        ("last", 0, "PutObject"),
    ]
    assert "version-id" not in details[0]["object"]
    time.sleep(0.2)
    assert len(mailbox.read(0)) == 3


@pytest.mark.parametrize(
    "matcher",
    [
        "data/one/manifest.json",
        {"suffix": "/manifest.json"},
        {"prefix": "data/one/m"},
        {"wildcard": "data/*/manifest.json"},
        {"anything-but": {"prefix": "data/one/p"}},
    ],
)
def test_a_rule_chooses_among_the_keys(aws: Aws, matcher: Any) -> None:
    bucket = told(aws)
    mailbox = listen(aws, bucket, [matcher])
    for key in ("data/one/part", "data/one/manifest.json"):
        aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"")
    assert keys(mailbox, 1) == ["data/one/manifest.json"]


def test_of_ten_thousand_objects_a_rule_for_one_key_hears_of_its_own_alone(aws: Aws) -> None:
    """Put behind the door, which would take a minute for them."""
    bucket = told(aws)
    mailbox = listen(aws, bucket, ["data/manifest.json"])
    objects = s3_backends[aws.context.account]["aws"]
    for number in range(10_000):
        objects.put_object(bucket, f"data/part-{number}", b"")
    aws.client("s3").put_object(Bucket=bucket, Key="data/manifest.json", Body=b"")
    assert keys(mailbox, 1) == ["data/manifest.json"]
    assert keys(mailbox, 0) == ["data/manifest.json"]


def test_a_bucket_that_does_not_say_so_tells_nothing(aws: Aws) -> None:
    silent, s3 = aws.bucket(), aws.client("s3")
    mailbox = listen(aws, silent)
    s3.put_object(Bucket=silent, Key="before", Body=b"")
    on: dict[str, Any] = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=silent, NotificationConfiguration=on)
    s3.put_object(Bucket=silent, Key="between", Body=b"")
    s3.put_bucket_notification_configuration(Bucket=silent, NotificationConfiguration={})
    s3.put_object(Bucket=silent, Key="after", Body=b"")
    assert keys(mailbox, 1) == ["between"]


def test_a_matcher_that_nobody_knows_is_refused_instead_of_matching_all(aws: Aws) -> None:
    pattern = {"detail": {"$or": [{"object": {"key": [{"ends-with": "x"}]}}]}}
    with pytest.raises(ClientError, match="ends-with of key is not supported") as refused:
        aws.client("events").put_rule(Name="r", EventPattern=json.dumps(pattern))
    assert refused.value.response["Error"]["Code"] == "InvalidEventPatternException"
