"""The example of a program that prepares data, as SageMaker runs it."""

import json
import os
import subprocess
from pathlib import Path

import pytest

CONTAINER = Path(__file__).parents[2] / "container"
PROGRAM = CONTAINER / "examples/prepare/prepare"


def record(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + b"sums" + content + b"sums"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """/opt/ml with data of which the second example is held out."""
    data = tmp_path / "processing/input/data"
    data.mkdir(parents=True)
    parts = {"train-0": b"ab", "train-1": b"c", "validation": b"x", "eval": b"by"}
    for name, contents in parts.items():
        text = b"".join(record(bytes([one]) * 5) for one in contents)
        (data / f"{name}.tfrecords").write_bytes(text)
    (data / "classes.json").write_text('["one", "two"]')
    return tmp_path


def prepare(base: Path) -> subprocess.CompletedProcess[str]:
    # It lies beside `training` once it is copied there
    environment = {**os.environ, "SAGEMAKER_BASE_DIR": str(base), "PYTHONPATH": str(CONTAINER)}
    return subprocess.run([PROGRAM], env=environment, capture_output=True, text=True)


def test_what_is_held_out_is_not_trained_on_and_all_else_is_handed_on(base: Path) -> None:
    done = prepare(base)
    assert (done.returncode, done.stdout) == (
        0,
        "1 of 3 examples are held out too and left out\n",
    )
    given, made = (base / f"processing/{way}/data" for way in ("input", "output"))
    changed = {path.name for path in given.iterdir()
               if (made / path.name).read_bytes() != path.read_bytes()}  # fmt: skip
    assert changed == {"train-0.tfrecords"}
    assert (made / "train-0.tfrecords").read_bytes() == record(b"aaaaa")


def test_the_manifest_is_checked_and_not_handed_on(base: Path) -> None:
    """What is trained on is other data: nobody looks at it there."""
    data, made = base / "processing/input/data", base / "processing/output/data"
    files = [{"key": path.name} for path in data.glob("*.tfrecords")]
    (data / "manifest.json").write_text(json.dumps({"files": files}))
    assert prepare(base).returncode == 0
    assert "manifest.json" not in {path.name for path in made.iterdir()}
    (data / "train-1.tfrecords").unlink()
    assert prepare(base).returncode == 1
    said = (base / "output/message").read_text()
    assert said == "manifest.json names what is not here: train-1.tfrecords"


def test_nothing_to_train_on_is_told_as_the_jobs_reason(base: Path) -> None:
    for path in (base / "processing/input/data").glob("train*"):
        path.write_bytes(record(b"b" * 5))
    assert prepare(base).returncode == 1
    assert (base / "output/message").read_text() == "every example of the training is held out too"
