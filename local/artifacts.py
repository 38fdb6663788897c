"""Artifacts between pipeline and builds: zips in the pipeline's bucket.

CodePipeline hands a build its artifacts outside the public API; here they wait under the
idempotency token with which the pipeline starts the build.
"""

import io
import threading
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.context import current
from local.credentials import Credentials

MAX_BYTES = 4 << 30


@dataclass(frozen=True)
class Location:
    """Where an artifact lies; `kms_key` encrypts it, None leaves it to the bucket's default."""

    name: str
    bucket: str
    key: str
    kms_key: str | None = None

    @property
    def arn(self) -> str:
        return f"arn:{current().partition}:s3:::{self.bucket}/{self.key}"

    def described(self) -> dict[str, Any]:
        """As CodePipeline shows it, in its API and in its events."""
        return {"name": self.name, "s3location": {"bucket": self.bucket, "key": self.key}}


@dataclass(frozen=True)
class Handover:
    """What a pipeline's action gives to the build it starts; the first input is primary."""

    pipeline: str
    inputs: tuple[Location, ...]
    outputs: tuple[Location, ...]
    revision: str | None


_lock = threading.Lock()
_waiting: dict[str, Handover] = {}
_versions: dict[tuple[str, str], str | None] = {}


def offer(token: str, handover: Handover) -> None:
    with _lock:
        _waiting[token] = handover


def take(token: str | None) -> Handover | None:
    with _lock:
        return _waiting.pop(token, None) if token else None


def download(credentials: Credentials, location: Location) -> bytes:
    """What was written last, by its version: a role needs s3:GetObjectVersion where the bucket has
    versions (CodePipeline User Guide, "Manage the CodePipeline service role")."""
    version = _versions.get((location.bucket, location.key))
    asked = {"VersionId": version} if version else {}
    answer = credentials.client("s3").get_object(Bucket=location.bucket, Key=location.key, **asked)
    return bytes(answer["Body"].read())


def upload(credentials: Credentials, location: Location, data: bytes) -> None:
    encryption = (
        {}
        if location.kms_key is None
        else {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": location.kms_key}
    )
    written = credentials.client("s3").put_object(
        Bucket=location.bucket, Key=location.key, Body=data, **encryption
    )
    _versions[(location.bucket, location.key)] = written.get("VersionId")


class ArchiveError(ValueError):
    """The archive is no zip, too large, or would write outside its folder."""


def pack(files: Iterable[tuple[Path, str]]) -> bytes:
    """A zip of (file, name inside)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in files:
            archive.write(path, name)
    return out.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """Write the files of a zip below `folder`; raises ArchiveError.

    As with the source artifacts of CodePipeline, executable bits are lost, and a symbolic link is
    a file that holds its target: only a full clone keeps links (aws-cdk, CodeCommitSourceOptions,
    codeBuildCloneOutput).
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise ArchiveError(str(error)) from None
    with archive:
        if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
            raise ArchiveError(f"the archive unpacks to more than {MAX_BYTES} bytes")
        for info in archive.infolist():
            if not (folder / info.filename).resolve().is_relative_to(folder.resolve()):
                raise ArchiveError(f"'{info.filename}' leaves the folder")
            archive.extract(info, folder)


def read(data: bytes, name: str) -> bytes:
    """One file of a zip; raises ArchiveError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(name)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ArchiveError(str(error).strip("\"'")) from None
