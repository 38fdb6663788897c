"""The executable that SageMaker starts to look for drift, as a process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from captures import answers, baseline, capture, record

CONTAINER = Path(__file__).parents[1]
ARGUMENTS = {
    "--threshold": "0.25",
    "--minimum": "20",
    "--cooldown-days": "7",
    "--since": "2026-11-01T00:00:00Z",
}
ROWS = np.random.default_rng(0).normal(5, 2, (40, 4)).astype(np.float32)


def drift(
    ml: Path, given: dict[str, str] = ARGUMENTS, program: Path = CONTAINER
) -> "subprocess.CompletedProcess[str]":
    words = [word for pair in given.items() for word in pair]
    return subprocess.run(
        [sys.executable, program / "drift", *words],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(ml)},
        capture_output=True,
        text=True,
    )


def message(ml: Path) -> str | None:
    """What DescribeProcessingJob shows as ExitMessage."""
    file = ml / "output/message"
    return file.read_text() if file.exists() else None


@pytest.mark.slow
def test_it_writes_where_sagemaker_takes_it_from_and_tells_nothing_to_mend(tmp_path: Path) -> None:
    processing = tmp_path / "processing"
    baseline(processing, ROWS[:20], answers(20))
    capture(processing, [record(ROWS[20:], answers(20, seed=1))])
    done = drift(tmp_path)
    assert (done.returncode, done.stderr, message(tmp_path)) == (0, "", None)
    assert done.stdout.startswith("steady: ")
    found = json.loads((processing / "output/drift/drift.json").read_text())
    assert found["verdict"] == "steady"
    assert (processing / "output/drift/report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threshold", "nan"),
        ("threshold", "0"),
        ("minimum", "0"),
        ("cooldown-days", "-1"),
        ("since", "yesterday"),
    ],
)
def test_what_it_was_told_wrongly_is_in_the_message(tmp_path: Path, name: str, value: str) -> None:
    done = drift(tmp_path, {**ARGUMENTS, f"--{name}": value})
    assert done.returncode == 1
    told = message(tmp_path) or ""
    assert told.startswith(f"drift was started wrongly: argument --{name}: invalid")
    assert repr(value) in told


@pytest.mark.slow
def test_a_failure_is_in_the_message_and_its_traceback_in_the_log(tmp_path: Path) -> None:
    program = tmp_path / "program"
    (program / "monitoring").mkdir(parents=True)
    shutil.copy(CONTAINER / "drift", program)
    (program / "monitoring/__init__.py").write_text("raise ValueError('no\\nsuch thing')")
    done = drift(tmp_path, program=program)
    assert done.returncode == 1
    assert message(tmp_path) == "ValueError: no such thing"
    assert "Traceback" in done.stderr


def test_it_starts_without_what_a_training_takes_seconds_for() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import monitoring.job, sys; print('tensorflow' in sys.modules)"],
        cwd=CONTAINER,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "False\n"
