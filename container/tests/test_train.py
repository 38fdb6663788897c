"""The executable that SageMaker starts, as a process, where it does not come to training."""

import os
import signal
from pathlib import Path

import pytest
from jobs import Job
from records import channel

pytestmark = pytest.mark.slow


def ended(job: Job) -> tuple[str, str]:
    """Reason and log of a job that failed."""
    host = job.start()
    code, log = host.end()
    assert code == 1, log
    assert not (host.base / "model").exists()
    return host.failure or "", log


def test_a_mistake_is_told_in_one_line_that_fits_into_the_failure_reason(tmp_path: Path) -> None:
    reason, log = ended(Job.create(tmp_path, tmp_path / "none", **{"x" * 5000: 3}))
    assert reason.startswith("unknown hyperparameter xxx")
    assert "(5000 characters): known are epochs" in reason
    assert len(reason) < 1000
    assert reason in log
    assert "Traceback" not in log


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    data = channel(tmp_path / "data")
    job = Job.create(tmp_path, data, learning_rate=1, batch_size=60)
    program = tmp_path / "program/model.py"
    program.write_text(program.read_text().replace("return feature", "return 1e38 * feature", 1))
    assert ended(job)[0].startswith("the loss is nan at step 1: lower learning_rate, now 1")


def test_a_module_that_does_not_import_is_told_and_its_traceback_is_in_the_log(
    tmp_path: Path,
) -> None:
    job = Job.create(tmp_path, tmp_path / "none")
    (tmp_path / "program/model.py").write_text("import nowhere")
    reason, log = ended(job)
    assert reason == "ModuleNotFoundError: No module named 'nowhere'"
    assert "Traceback" in log


def test_a_job_stopped_before_it_trains_ends_cleanly_and_has_not_failed(tmp_path: Path) -> None:
    (tmp_path / "program").mkdir()
    pipe = tmp_path / "program/fifo"
    os.mkfifo(pipe)
    job = Job.create(tmp_path / "job", tmp_path / "none")
    (tmp_path / "job/program/model.py").write_text(f"open({str(pipe)!r}).read()")
    host = job.start()
    with pipe.open("w"):  # opens when the job reads its other end
        host.send(signal.SIGTERM)
        assert host.end()[0] == 0
    assert host.failure is None
