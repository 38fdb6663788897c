"""What an ETag says of an object, and what it does not: as S3 has it, by how it is encrypted."""

import hashlib
from typing import Any

import pytest

from local.tests.aws import Aws

CONTENT = b"the same"
MD5 = f'"{hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()}"'
KMS = {"ServerSideEncryption": "aws:kms"}


def test_without_a_key_it_is_the_md5_of_the_content(aws: Aws) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    assert {put(s3, bucket, key) for key in ("one", "one", "two")} == {MD5}


@pytest.mark.parametrize("by_bucket", [True, False])
def test_under_a_key_the_same_content_has_another_each_time(aws: Aws, by_bucket: bool) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    if by_bucket:
        encrypt(s3, bucket)
    asked = {} if by_bucket else KMS
    put_as = [put(s3, bucket, "one", **asked) for _ in range(3)]
    copied = s3.copy_object(Bucket=bucket, Key="two", CopySource=f"{bucket}/one", **asked)
    tags = {*put_as, copied["CopyObjectResult"]["ETag"]}
    assert len(tags) == 4 and MD5 not in tags
    # Whoever asks for the object is told what its writer was
    last = put_as[-1]
    assert s3.head_object(Bucket=bucket, Key="one")["ETag"] == last
    listed = {one["Key"]: one["ETag"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed == {"one": last, "two": copied["CopyObjectResult"]["ETag"]}
    assert put(s3, bucket, "one", IfMatch=last, **asked) != last


def test_under_a_key_an_object_in_parts_has_another_too_with_their_number(aws: Aws) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    encrypt(s3, bucket)
    tags = []
    for _ in range(2):
        place = {"Bucket": bucket, "Key": "parts"}
        upload = s3.create_multipart_upload(**place)["UploadId"]
        part = s3.upload_part(**place, UploadId=upload, PartNumber=1, Body=CONTENT)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
        done = s3.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
        tags.append(done["ETag"])
    assert tags[0] != tags[1] and all(one.endswith('-1"') for one in tags)


def put(s3: Any, bucket: str, key: str, **more: str) -> str:
    return str(s3.put_object(Bucket=bucket, Key=key, Body=CONTENT, **more)["ETag"])


def encrypt(s3: Any, bucket: str) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
