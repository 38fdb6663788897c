"""The container contract of SageMaker: what lies under /opt/ml, and how archives get there.

Sources: SageMaker Developer Guide, "How Amazon SageMaker AI Runs Your Training Image", "… Provides
Training Information", "Custom Inference Code with Hosting Services".
"""

import gzip
import os
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from local import processes
from local.images import StoredImage

MAX_MODEL_BYTES = 20 * 1024**3


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
        s3.download_file(bucket, key, str(target))
    return len(found)


def merged(folders: Iterable[Path]) -> dict[str, Path]:
    """Everything in the folders by its name in them; where names clash, the first folder's.

    On SageMaker instances "should ensure no file/directory names clash", and which wins is not said
    (Developer Guide, "How Amazon SageMaker AI Processes Training Output").
    """
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            found.setdefault(path.relative_to(folder).as_posix(), path)
    return found


def pack(entries: Mapping[str, Path], archive: Path) -> None:
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


def command(image: StoredImage, program: str) -> list[str] | None:
    """What `docker run <image> <program>` would run, or None if there is no such program."""
    words = [*image.entrypoint, program]
    first = Path(words[0])
    found = image.locate(words[0]) if first.is_absolute() else image.program(words[0])
    if found is None and image.entrypoint:  # an interpreter that only a real image would hold
        outside = shutil.which(first.name)
        found = Path(outside) if outside else None
    return [str(found), *words[1:]] if found else None


def environment(image: StoredImage, requested: dict[str, str], ml: Path) -> dict[str, str]:
    """The image's ENV, the request's Environment on top, and where this endpoint put /opt/ml."""
    base = processes.base_environment()
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
