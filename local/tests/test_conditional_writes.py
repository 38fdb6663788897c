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
        assert error.response["Error"]["Code"] == "PreconditionFailed"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412
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
