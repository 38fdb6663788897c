"""The container contract of SageMaker: what runs, what lies under /opt/ml, and its way to S3.

Sources: SageMaker Developer Guide, "How Amazon SageMaker AI Runs Your Training Image", "… Provides
Training Information", "… Processes Training Output", "Custom Inference Code with Hosting Services".
"""

import gzip
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import images, processes
from local.images import StoredImage

MAX_MODEL_BYTES = 20 * 1024**3
MANIFEST_BYTES = 10 * 1024**2


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of s3://bucket/key; ValueError for anything else."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket:
        raise ValueError(f"{uri} is not an S3 URI (s3://bucket/key)")
    return bucket, key


def join(uri: str, *names: str) -> str:
    return "/".join([uri.rstrip("/"), *names])


def keys(s3: Any, uri: str) -> list[str]:
    """Every key under a prefix, without the empty markers that consoles make for folders."""
    bucket, prefix = split(uri)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return [key for key in found if not key.endswith("/")]


def download(s3: Any, uri: str, folder: Path) -> int:
    """Every object under the prefix into `folder`; returns how many."""
    bucket, prefix = split(uri)
    found = keys(s3, uri)
    base = prefix if prefix.endswith("/") or not prefix else prefix.rpartition("/")[0] + "/"
    root = folder.resolve()
    for key in found:
        # s3://b/data names the folder data/ too; its objects then lie directly in the channel
        relative = key.removeprefix(prefix).lstrip("/") if key.startswith(prefix + "/") else ""
        target = (root / (relative or key.removeprefix(base))).resolve()
        if not target.is_relative_to(root):
            raise ValueError(f"the key {key!r} would be written outside its channel")
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch(s3, bucket, key, target)
    return len(found)


def download_listed(s3: Any, uri: str, folder: Path) -> int:
    """Every object that a manifest names, under its name after the prefix; returns how many.

    `[{"prefix": "s3://…/"}, "name", …]` (S3DataSource, ManifestFile, SageMaker API Reference).
    Raises ValueError for what is no manifest, or names what is not there.
    """
    bucket, key = split(uri)
    root = folder.resolve()
    try:
        found = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read(MANIFEST_BYTES))
        first, *names = found
        prefix = str(first["prefix"])
        place, start = split(prefix)
        for name in names:
            target = (root / str(name)).resolve()
            if not target.is_relative_to(root):
                raise ValueError(f"the name {name!r} would be written outside its channel")
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(s3, place, f"{start}{name}", target)
    except (ClientError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"the manifest {uri} cannot be followed: {error}") from error
    return len(names)


def _fetch(s3: Any, bucket: str, key: str, target: Path) -> None:
    """In one request: boto3's own download asks for the size first, by threads of its own, which
    ten thousand small files would wait for."""
    with target.open("wb") as file:
        shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=key)["Body"], file)


def encryption(key: str | None) -> dict[str, str]:
    """What an upload says of the key that the request names for what the job leaves."""
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}


class NoProgram(LookupError):
    """An image without the program that SageMaker would run in it; the text is the command."""


@dataclass(frozen=True)
class Program:
    """What `docker run <image>` would run, and where."""

    image: StoredImage
    argv: list[str]

    @property
    def folder(self) -> Path:
        """The image's working directory."""
        return self.image.locate(self.image.workdir)

    def environment(self, requested: dict[str, str], ml: Path) -> dict[str, str]:
        """The image's ENV, the request's on top, and where this endpoint put /opt/ml."""
        base, image = processes.base_environment(), self.image
        located = {
            name: os.pathsep.join(str(image.locate(each)) for each in value.split(":") if each)
            for name, value in image.environment.items()
            if name in ("PATH", "PYTHONPATH")
        }
        located["PATH"] = os.pathsep.join(filter(None, [located.get("PATH"), base["PATH"]]))
        return {
            **base,
            **image.environment,
            **located,
            **requested,
            "SAGEMAKER_BASE_DIR": str(ml),
        }


def program(uri: str, arguments: Sequence[str], entrypoint: Sequence[str] = ()) -> Program:
    """What Docker runs of the image of this URI: its ENTRYPOINT, unless another is given, with
    these arguments, or with its CMD where neither is given.

    Raises ImageNotFound and NoProgram.
    """
    image = images.resolve(uri)
    before = [*(entrypoint or image.entrypoint)]
    words = [*before, *(arguments or ([] if entrypoint else image.command))]
    named = f"--entrypoint {entrypoint[0]} <image>" if entrypoint else "<image>"
    command = " ".join(["docker run", named, *entrypoint[1:], *arguments])
    if not words:
        raise NoProgram(command)
    first = Path(words[0])
    found = image.locate(words[0]) if first.is_absolute() else image.program(words[0])
    if found is None or not found.is_file():
        # an interpreter that only a real image would hold
        outside = shutil.which(first.name) if before else None
        found = Path(outside) if outside else None
    if found is None:
        raise NoProgram(command)
    return Program(image, [str(found), *words[1:]])


def fill(s3: Any, job: dict[str, Any], volumes: Mapping[str, Path]) -> None:
    """Make the /opt/ml of every host of a training job: the channels' data, and input/config.

    Raises ValueError for a channel without data.
    """
    for ml in volumes.values():
        for folder in ("input/config", "input/data", "model", "output/data", "checkpoints"):
            (ml / folder).mkdir(parents=True)
    channels = {}
    for channel in job.get("InputDataConfig", []):
        _distribute(s3, channel, list(volumes.values()))
        source = channel["DataSource"]["S3DataSource"]
        channels[channel["ChannelName"]] = {
            "TrainingInputMode": "File",  # for FastFile too (Provides Training Information)
            "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
        }
    for host, ml in volumes.items():
        resources = {
            "current_host": host,
            "current_instance_type": job["ResourceConfig"].get("InstanceType"),
            "hosts": sorted(volumes),  # as text (the same page)
            "network_interface_name": "lo",
        }
        for name, content in (
            ("hyperparameters", job.get("HyperParameters", {})),
            ("inputdataconfig", channels),
            ("resourceconfig", resources),
        ):
            (ml / "input" / "config" / f"{name}.json").write_text(json.dumps(content))


def upload(s3: Any, job: dict[str, Any], volumes: Mapping[str, Path], model: bool) -> None:
    """Upload output.tar.gz, and model.tar.gz if wanted; empty ones are left out."""
    extra = encryption(job["OutputDataConfig"].get("KmsKeyId"))
    target = job["ModelArtifacts"]["S3ModelArtifacts"].rpartition("/")[0]
    for name, folder, wanted in (("output", "output/data", True), ("model", "model", model)):
        entries = _merged(ml / folder for ml in volumes.values())
        if wanted and entries:
            archive = next(iter(volumes.values())).parent / f"{name}.tar.gz"
            _pack(entries, archive)
            bucket, key = split(f"{target}/{archive.name}")
            s3.upload_file(str(archive), bucket, key, ExtraArgs=extra)
            archive.unlink()


def unpack(archive: Path, folder: Path, limit: int = MAX_MODEL_BYTES) -> None:
    """Extract a tar.gz; ValueError for one that is broken, too large or points outside."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            size = 0
            for entry in tar:
                size += entry.size
                if size > limit:
                    raise ValueError(f"the archive holds more than {limit} bytes")
                tar.extract(entry, folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"not a usable tar.gz archive: {error}") from error


def _distribute(s3: Any, channel: dict[str, Any], volumes: Sequence[Path]) -> None:
    """Download a channel once; the hosts' files are links to the one copy.

    ShardedByS3Key gives each about 1/n of the objects (API reference, S3DataSource).
    """
    source = channel["DataSource"]["S3DataSource"]
    whole = volumes[0].parent / "download"
    if not download(s3, source["S3Uri"], whole):
        raise ValueError(f"Data download failed:No S3 objects found under S3 URL {source['S3Uri']}")
    files = sorted(path for path in whole.rglob("*") if path.is_file())
    sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
    for index, ml in enumerate(volumes):
        folder = ml / "input" / "data" / channel["ChannelName"]
        folder.mkdir()
        for path in files[index :: len(volumes)] if sharded else files:
            target = folder / path.relative_to(whole)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(path)
    shutil.rmtree(whole)


def _merged(folders: Iterable[Path]) -> dict[str, Path]:
    """Everything in the folders by its name in them; where names clash, the first folder's.

    On SageMaker instances "should ensure no file/directory names clash", and which wins is not said
    (Developer Guide, "How Amazon SageMaker AI Processes Training Output").
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            found.setdefault(path.relative_to(folder).as_posix(), path)
    return found


def _pack(entries: Mapping[str, Path], archive: Path) -> None:
    """The entries as tar.gz; equal content gives equal bytes."""

    def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = 0
        return entry

    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name in sorted(entries):
            tar.add(entries[name], arcname=name, recursive=False, filter=anonymous)
