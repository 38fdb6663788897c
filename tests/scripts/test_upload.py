"""Uploading twice transfers nothing twice."""

import io

import pytest

from scripts.clients import Clients
from scripts.console import Console
from scripts.upload import put


def test_unchanged_bytes_are_not_sent_again(
    memory: Clients, console: Console, page: io.StringIO
) -> None:
    memory.s3.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    memory.s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    assert put(memory.s3, "bucket", "seed/code.zip", io.BytesIO(b"one"), console)
    assert not put(memory.s3, "bucket", "seed/code.zip", io.BytesIO(b"one"), console)
    assert put(memory.s3, "bucket", "seed/code.zip", io.BytesIO(b"two"), console)
    body = memory.s3.get_object(Bucket="bucket", Key="seed/code.zip")["Body"].read()
    assert body == b"two"
    assert len(memory.s3.list_object_versions(Bucket="bucket")["Versions"]) == 2


def test_a_missing_bucket_is_not_taken_for_a_missing_object(
    memory: Clients, console: Console
) -> None:
    with pytest.raises(memory.s3.exceptions.NoSuchBucket):
        put(memory.s3, "nowhere", "key", io.BytesIO(b""), console)
