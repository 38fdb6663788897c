"""Data that is not what its manifest says is not trained on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from training.errors import DatasetError
from training.manifest import check_manifest


def channel(folder: Path, manifest: Any) -> Path:
    (folder / "sub").mkdir()
    for name in ("train.tfrecords", "sub/more.tfrecords"):
        (folder / name).write_bytes(b"12345")
    text = manifest if isinstance(manifest, str) else json.dumps(manifest)
    (folder / "manifest.json").write_text(text)
    return folder


def listed(*files: Any) -> dict[str, Any]:
    return {"files": [{"key": each} if isinstance(each, str) else each for each in files]}


def test_data_without_a_manifest_is_taken_as_whole(tmp_path: Path) -> None:
    check_manifest(tmp_path)


def test_data_that_is_all_there_is_whole(tmp_path: Path) -> None:
    sized = {"key": "train.tfrecords", "bytes": 5, "sha256": hashlib.sha256(b"12345").hexdigest()}
    check_manifest(channel(tmp_path, listed(sized, "sub/more.tfrecords")))


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (listed("gone", "train.tfrecords"), "names what is not here: gone$"),
        (listed("a", "b", "c", "d", "e"), "a, b, c and 2 more$"),
        (listed({"key": "train.tfrecords", "bytes": 6}), r"train.tfrecords \(5 bytes, not 6\)"),
        (
            listed({"key": "train.tfrecords", "sha256": "x"}),
            r"train.tfrecords \(of another content\)",
        ),
        (
            listed("sub/more.tfrecords"),
            "does not name train.tfrecords: remove .* `make data-upload`",
        ),
        (listed("train.tfrecords"), "does not name sub/more.tfrecords: "),
        (listed("../manifest.json"), r"outside the data"),
        ("{", "is no JSON of the form"),
        ("[" * 100_000, "is no JSON of the form"),
        ([], "is no JSON of the form"),
        ({"files": [7]}, "is no JSON of the form"),
        ({"files": [{"key": 7}]}, "is no JSON of the form"),
    ],
)
def test_what_is_not_as_it_says_is_named(tmp_path: Path, manifest: Any, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        check_manifest(channel(tmp_path, manifest))
