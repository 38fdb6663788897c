"""Conditional writes in S3, from several clients at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from botocore.exceptions import ClientError

from local.tests.aws import Aws

CLIENTS, ROUNDS = 6, 5
LARGE = b"x" * 2_000_000  # takes its time, in which others come


def taken(write: Callable[..., Any]) -> bool:
    try:
        write()
    except ClientError as error:
        assert error.response["Error"]["Code"] == "PreconditionFailed"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412
        return False
    return True


def test_of_writes_that_come_together_one_is_taken(aws: Aws) -> None:
    s3, place = aws.client("s3"), {"Bucket": aws.bucket(), "Key": "line"}
    together = Barrier(CLIENTS, timeout=60)
    last: dict[str, Any] = {"IfNoneMatch": "*"}

    def write(number: int) -> bool:
        together.wait()
        return taken(lambda: s3.put_object(**place, **last, Body=b"%d" % number + LARGE))

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(ROUNDS):
            assert sum(pool.map(write, range(CLIENTS))) == 1
            last = {"IfMatch": s3.head_object(**place)["ETag"]}
