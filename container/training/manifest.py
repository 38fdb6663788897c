"""Is all the data here that its manifest names? Whoever uploads data may send manifest.json last;
whoever has none is taken as whole.

`{"files": [{"key": "train.tfrecords", "bytes": 1234, "sha256": "…"}, …]}`, keys from the folder of
the data on. Sizes are compared and not hashes, which the training would have to read it all for.
"""

import json
from pathlib import Path
from typing import Any

from training.errors import DatasetError

NAME = "manifest.json"
LARGEST_BYTES = 64 * 1024 * 1024
NAMED = 3  # files that a refusal names


def check_manifest(channel: Path) -> None:
    """Raises DatasetError, which names what is missing or cut off."""
    path = channel / NAME
    if not path.is_file():
        return
    bad = [problem for each in _files(path) if (problem := _problem(channel, each))]
    if bad:
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise DatasetError(f"{NAME} names what is not here: {', '.join(bad[:NAMED])}{more}")


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
    size = file.get("bytes")
    if size is not None and size != path.stat().st_size:
        return f"{file['key']} ({path.stat().st_size} bytes, not {size})"
    return ""
