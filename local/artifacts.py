"""Artifacts between pipeline and builds: zips in the pipeline's bucket.

CodePipeline hands a build its artifacts outside the public API; here they wait under the
idempotency token with which the pipeline starts the build.
"""

import threading
from dataclasses import dataclass

from local.credentials import Credentials


@dataclass(frozen=True)
class Location:
    """Where an artifact lies; `kms_key` encrypts it, None leaves it to the bucket's default."""

    name: str
    bucket: str
    key: str
    kms_key: str | None = None

    @property
    def s3(self) -> dict[str, str]:
        return {"bucket": self.bucket, "key": self.key}


@dataclass(frozen=True)
class Handover:
    """What a pipeline's action gives to the build it starts; the first input is primary."""

    pipeline: str
    inputs: tuple[Location, ...]
    outputs: tuple[Location, ...]
    revision: str | None


_lock = threading.Lock()
_waiting: dict[str, Handover] = {}


def offer(token: str, handover: Handover) -> None:
    with _lock:
        _waiting[token] = handover


def take(token: str | None) -> Handover | None:
    with _lock:
        return _waiting.pop(token, None) if token else None


def download(credentials: Credentials, location: Location) -> bytes:
    answer = credentials.client("s3").get_object(Bucket=location.bucket, Key=location.key)
    return bytes(answer["Body"].read())


def upload(credentials: Credentials, location: Location, data: bytes) -> None:
    encryption = (
        {}
        if location.kms_key is None
        else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": location.kms_key}
    )
    credentials.client("s3").put_object(
        Bucket=location.bucket, Key=location.key, Body=data, **encryption
    )
