"""Conditional writes in S3, from several clients at once."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import Aws, unique

CLIENTS, ROUNDS = 6, 40


def taken(write: Callable[..., Any]) -> bool:
    try:
        write()
    except ClientError as error:
        known = {"PreconditionFailed": 412, "NoSuchKey": 404}
        code = error.response["Error"]["Code"]
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == known[code]
        return False
    return True


@pytest.fixture(autouse=True)
def _in_turns() -> Iterator[None]:
    """Requests come between each other's lines, which they do seldom otherwise."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_of_writes_that_come_together_one_is_taken(aws: Aws) -> None:
    s3, place = aws.client("s3"), {"Bucket": aws.bucket(), "Key": "line"}
    together = Barrier(CLIENTS, timeout=60)
    last: dict[str, Any] = {"IfNoneMatch": "*"}

    def write(_: int) -> bool:
        together.wait()
        # Each another body: one that is written again has the ETag that it had
        return taken(lambda: s3.put_object(**place, **last, Body=unique("").encode()))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(ROUNDS):
            assert sum(pool.map(write, range(CLIENTS))) == 1
            last = {"IfMatch": s3.head_object(**place)["ETag"]}


def test_of_a_deletion_and_a_write_that_come_together_one_is_taken(aws: Aws) -> None:
    s3, place = aws.client("s3"), {"Bucket": aws.bucket(), "Key": "line"}
    together = Barrier(CLIENTS, timeout=60)

    def change(number: int) -> bool:
        together.wait()
        if number % 2:
            return taken(lambda: s3.delete_object(**place, IfMatch=seen))
        return taken(lambda: s3.put_object(**place, IfMatch=seen, Body=unique("").encode()))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(ROUNDS):
            seen = s3.put_object(**place, Body=unique("").encode())["ETag"]
            assert sum(pool.map(change, range(CLIENTS))) == 1


def test_of_uploads_that_end_together_one_makes_the_object(aws: Aws) -> None:
    s3, bucket = aws.client("s3"), aws.bucket()
    together = Barrier(CLIENTS, timeout=60)

    def end(upload: tuple[str, dict[str, Any]]) -> bool:
        name, part = upload
        together.wait()
        return taken(
            lambda: s3.complete_multipart_upload(
                **place, UploadId=name, MultipartUpload={"Parts": [part]}, IfNoneMatch="*"
            )
        )

    with ThreadPoolExecutor(CLIENTS) as pool:
        for number in range(ROUNDS // 4):
            place, uploads = {"Bucket": bucket, "Key": f"object-{number}"}, []
            for _ in range(CLIENTS):
                name = s3.create_multipart_upload(**place)["UploadId"]
                body = unique("").encode()
                tag = s3.upload_part(**place, UploadId=name, PartNumber=1, Body=body)["ETag"]
                uploads.append((name, {"PartNumber": 1, "ETag": tag}))
            assert sum(pool.map(end, uploads)) == 1
