"""Is all the data here that its manifest names, and no other? Whoever uploads data may send
manifest.json last; whoever has none is taken as whole.

`{"files": [{"key": "train.tfrecords", "bytes": 1234, "sha256": "…"}, …]}`, keys from the folder of
the data on; a file that has a size or a hash has to have that one. All data is read before it is
trained on anyway: hashing 1 GB takes 0.7 seconds more of a processor with instructions for SHA,
and some without.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from training.errors import DatasetError

NAME = "manifest.json"
LARGEST_BYTES = 64 * 1024 * 1024
NAMED = 3  # files that a refusal names


def check_manifest(channel: Path) -> None:
    """Raises DatasetError, which names what is missing, cut off, changed, or there beside it."""
    path = channel / NAME
    if not path.is_file():
        return
    files = _files(path)
    bad = [problem for each in files if (problem := _problem(channel, each))]
    if bad:
        raise DatasetError(f"{NAME} names what is not here: {_some(bad)}")
    named = {str(each["key"]) for each in files}
    here = {one.relative_to(channel).as_posix() for one in channel.rglob("*.tfrecords")}
    if more := sorted(here - named):
        raise DatasetError(
            f"{NAME} does not name {_some(more)}: remove from the data what does not belong to it, "
            f"or send all of it again by `make data-upload`; without {NAME} all is trained on"
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _files(path: Path) -> list[dict[str, Any]]:
    if path.stat().st_size > LARGEST_BYTES:
        raise DatasetError(f"{NAME} is larger than {LARGEST_BYTES >> 20} MB")
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
        assert isinstance(files, list) and all(isinstance(each["key"], str) for each in files)
    except (ValueError, LookupError, TypeError, AssertionError, RecursionError):
        raise DatasetError(f'{NAME} is no JSON of the form {{"files": [{{"key": …}}]}}') from None
    return files


def _problem(channel: Path, file: dict[str, Any]) -> str:
    path = (channel / file["key"]).resolve()
    if not path.is_relative_to(channel.resolve()):
        return f"{file['key']!r} (outside the data)"
    if not path.is_file():
        return str(file["key"])
    size, sha256 = file.get("bytes"), file.get("sha256")
    if size is not None and size != path.stat().st_size:
        return f"{file['key']} ({path.stat().st_size} bytes, not {size})"
    if sha256 is not None and sha256 != _sha256(path):
        return f"{file['key']} (of another content)"
    return ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
