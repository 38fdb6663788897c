"""Who judges a request and who serves it read the same: what could be read in two ways is refused.

Requests as bytes, since no SDK would send them.
"""

import gzip
import socket
from datetime import UTC, datetime

import pytest

from local.credentials import administrator
from local.tests.aws import Aws

JSON, FORM = "application/x-amz-json-1.1", "application/x-www-form-urlencoded"
LOGS = {"Content-Type": JSON, "X-Amz-Target": "Logs_20140328.DescribeLogStreams"}
KMS = {"Content-Type": JSON, "X-Amz-Target": "TrentService.Decrypt"}
GET_ROLE = b"Action=GetRole&Version=2010-05-08&RoleName=mine"
BOMB = gzip.compress(b"\0" * 129 * 1024**2)


def sent(
    aws: Aws, service: str, first: str, body: bytes = b"", key: str = "", **headers: str
) -> tuple[int, str]:
    """The status and the body of the answer to exactly this."""
    day, key = f"{datetime.now(UTC):%Y%m%d}", key or administrator().access_key_id
    scope = f"{key}/{day}/{aws.context.region}/{service}/aws4_request"
    lines = {
        "Host": "127.0.0.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Length": str(len(body)),
        **headers,
    }
    if "Transfer-Encoding" in headers:
        del lines["Content-Length"]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with socket.create_connection(("127.0.0.1", aws.context.port), timeout=60) as line:
        line.sendall(f"{first} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
    head_, _, text = answer.partition(b"\r\n\r\n")
    return int(head_.split()[1]), text.decode()


@pytest.fixture(scope="module", autouse=True)
def _there(aws: Aws) -> None:
    """What each of the requests below would be on."""
    trust = '{"Version": "2012-10-17", "Statement": []}'
    for name in ("mine", "other"):
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        aws.client("logs").create_log_group(logGroupName=name)
    s3 = aws.client("s3")
    where = {"LocationConstraint": aws.context.region}
    s3.create_bucket(Bucket="read-once", CreateBucketConfiguration=where)
    for key in ("a", "a#b"):
        s3.put_object(Bucket="read-once", Key=key, Body=b"a")


@pytest.mark.parametrize(
    ("service", "first", "headers", "body"),
    [
        ("logs", "POST /?logGroupName=other", LOGS, b'{"logGroupName": "mine"}'),
        ("iam", "POST /", {"Content-Type": FORM}, GET_ROLE + b"&RoleName=other"),
        ("iam", "POST /?RoleName=other", {"Content-Type": FORM}, GET_ROLE),
        ("iam", f"GET /?{GET_ROLE.decode()}&RoleName=other", {}, b""),
        ("s3", "GET /read-once?list-type=2&prefix=a&prefix=b", {}, b""),
        ("s3", "GET /read-once/a?versionId=null&versionId=", {}, b""),
        ("s3", "DELETE /read-once?encryption&policy", {}, b""),
        ("s3", "GET /read-once?encryption&versions", {}, b""),
        ("s3", "GET /read-once/a#b", {}, b""),
        ("kms", "POST /", KMS, b'{"CiphertextBlob": "a"}'),
        ("kms", "POST /", KMS, b'{"CiphertextBlob": "YQ=="}'),
        ("logs", "POST /", {**LOGS, "Content-Encoding": "gzip"}, BOMB),
        ("logs", "POST /", {**LOGS, "Transfer-Encoding": "chunked"}, b"not a length\r\n"),
        ("s3", "PUT /read-once/b", {"Transfer-Encoding": "chunked"}, b"not a length\r\n"),
    ],
    ids=lambda each: each.split("?")[0] if isinstance(each, str) else "",
)
def test_what_could_be_read_in_two_ways_or_not_at_all_is_refused(
    aws: Aws, service: str, first: str, headers: dict[str, str], body: bytes
) -> None:
    status, text = sent(aws, service, first, body, **headers)
    assert 400 <= status < 500, text


def test_what_is_sent_in_chunks_is_read(aws: Aws) -> None:
    chunked = {"Transfer-Encoding": "chunked"}
    body = b"18\r\n" + b'{"logGroupName": "mine"}' + b"\r\n0\r\n\r\n"
    assert sent(aws, "logs", "POST /", body, **LOGS, **chunked)[0] == 200
    assert sent(aws, "s3", "PUT /read-once/c", b"2\r\nab\r\n0\r\n\r\n", **chunked)[0] == 200
    assert aws.client("s3").get_object(Bucket="read-once", Key="c")["Body"].read() == b"ab"


def test_what_is_packed_may_be_no_larger_than_what_is_not(aws: Aws) -> None:
    assert sent(aws, "logs", "POST /", BOMB, **LOGS, **{"Content-Encoding": "gzip"})[0] == 413
