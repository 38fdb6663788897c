"""The executable that SageMaker starts to evaluate, as a process."""

import json
import os
import signal
from pathlib import Path

import pytest
from evaluations import answers, artifact, held_out, start
from waiting import SECONDS

pytestmark = pytest.mark.slow

ARGUMENTS = ("--version", "mlops-new", "--commit", "0123abc", "--champion")


def message(ml: Path) -> str | None:
    """What DescribeProcessingJob shows as ExitMessage."""
    file = ml / "output/message"
    return file.read_bytes().decode() if file.exists() else None


def test_it_writes_where_sagemaker_takes_it_from_and_tells_nothing_to_mend(tmp_path: Path) -> None:
    held_out(tmp_path / "processing/input/data", [0, 1, 2] * 4)
    for who in ("candidate", "champion"):
        artifact(tmp_path / f"processing/input/{who}/model.tar.gz", answers())
    process = start(tmp_path, tmp_path, *ARGUMENTS, "mlops-old")
    log, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, log
    assert "100.0 % against 100.0 % of mlops-old: the same of 12 examples" in log
    assert message(tmp_path) is None
    summary = tmp_path / "processing/output/evaluation/summary.json"
    assert json.loads(summary.read_text())["comparison"]["outcome"] == "compared"


def test_a_mistake_is_one_sentence_in_the_message_and_no_traceback(tmp_path: Path) -> None:
    mistake = "from training.errors import DatasetError\nraise DatasetError('give more\\ndata')"
    process = start(tmp_path, tmp_path, *ARGUMENTS, "none", model=mistake)
    log, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert (message(tmp_path), log) == ("give more data", "give more data\n")


def test_a_module_that_does_not_import_is_told_and_its_traceback_is_in_the_log(
    tmp_path: Path,
) -> None:
    broken = f"raise ValueError('数' * 1000 + {chr(0xDC80)!r})"
    process = start(tmp_path, tmp_path, *ARGUMENTS, "none", model=broken)
    log, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    told = message(tmp_path) or ""
    assert told.startswith("ValueError: 数数")
    assert len(told.encode()) <= 1000
    assert "Traceback" in log


def test_a_job_that_is_stopped_ends_at_once_and_has_not_failed(tmp_path: Path) -> None:
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)
    process = start(tmp_path, tmp_path, *ARGUMENTS, "none", model=f"open({str(pipe)!r}).read()")
    with pipe.open("w"):  # opens when the job reads its other end
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert message(tmp_path) is None
