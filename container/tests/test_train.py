"""The executable that SageMaker starts, as a process, up to where TensorFlow would be loaded."""

import os
import signal
import subprocess
import sys
from pathlib import Path

TRAIN = Path(__file__).parents[1] / "train"


def settings(base: Path) -> Path:
    """Where SageMaker puts the hyperparameters."""
    folder = base / "input/config"
    folder.mkdir(parents=True)
    return folder / "hyperparameters.json"


def start(base: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, TRAIN],
        env={**os.environ, "SAGEMAKER_BASE_DIR": str(base)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_failure_is_one_clear_line_and_its_traceback_stays_in_the_log(tmp_path: Path) -> None:
    settings(tmp_path).write_text('{"epoch": "3"}')
    job = start(tmp_path)
    log = job.communicate(timeout=60)[1]
    assert job.returncode == 1
    assert (tmp_path / "output/failure").read_text() == (
        "HyperparameterError: unknown hyperparameter epoch: did you mean epochs?"
    )
    assert "Traceback" in log
    assert not (tmp_path / "model").exists()


def test_a_failure_with_a_long_text_fits_into_the_failure_reason(tmp_path: Path) -> None:
    settings(tmp_path).write_text(f'{{"{"x" * 5000}": "3"}}')
    assert start(tmp_path).wait(60) == 1
    assert len((tmp_path / "output/failure").read_text()) == 1000


def test_a_stopped_job_ends_cleanly_and_has_not_failed(tmp_path: Path) -> None:
    waited_for = settings(tmp_path)
    os.mkfifo(waited_for)
    job = start(tmp_path)
    with waited_for.open("w"):  # opens when the job reads its other end
        job.send_signal(signal.SIGTERM)
        assert job.wait(60) == 0
    assert not (tmp_path / "output/failure").exists()
