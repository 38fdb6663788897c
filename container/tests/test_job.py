"""A job from its folders, in this process: what it says, and what it refuses before all else."""

import json
from pathlib import Path

import keras
import pytest
import tiny_model
from records import channel

from training import job
from training.errors import DatasetError


class NoStop:
    """Nobody wishes to."""

    can_save = False

    def __call__(self) -> bool:
        return False

    def listen(self) -> None:
        pass


def folders(base: Path, **config: object) -> Path:
    """/opt/ml with input/config/NAME.json."""
    (base / "input/config").mkdir(parents=True)
    for name, value in config.items():
        (base / f"input/config/{name}.json").write_text(json.dumps(value))
    return base


def test_pipe_mode_is_refused_with_what_to_set(tmp_path: Path) -> None:
    base = folders(tmp_path, inputdataconfig={"training": {"TrainingInputMode": "Pipe"}})
    with pytest.raises(DatasetError, match="in Pipe mode: set TrainingInputMode to FastFile"):
        job.run(base, tiny_model, base / "failure", NoStop())


def test_an_absent_channel_is_told_before_any_training(tmp_path: Path) -> None:
    base = folders(tmp_path, hyperparameters={})
    with pytest.raises(DatasetError, match="no channel named training"):
        job.run(base, tiny_model, base / "failure", NoStop())
    assert not (base / "checkpoints").exists() and not (base / "model").exists()


@pytest.mark.slow
def test_a_gpu_that_the_image_cannot_use_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(job, "GPU", tmp_path)
    choice = {"epochs": "1", "batch_size": "20", "precision": "float32"}
    base = folders(tmp_path / "ml", hyperparameters=choice)
    channel(base / "input/data/training")
    keras.utils.clear_session()
    job.run(base, tiny_model, base / "failure", NoStop())
    said = capsys.readouterr().out
    assert "float32 on 1 CPU of 1 machine\n" in said
    assert "has a GPU, which the image's TensorFlow cannot use" in said
    assert (base / "model/export/Servo/1/saved_model.pb").exists()
    assert not (base / "failure").exists()
