"""The loop in one process: a wish to stop at every moment, and what is saved."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_model
from records import channel

from training.checkpoints import Checkpoints
from training.checks import check
from training.cluster import Cluster
from training.data import Data
from training.errors import Stopped, TrainingError
from training.loop import Trainer
from training.progress import Progress

ALONE = Cluster(tf.distribute.get_strategy())
CHOICE = tiny_model.Hyperparameters(epochs=2, batch_size=20, checkpoint_seconds=3600)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    return check(channel(tmp_path_factory.mktemp("data") / "training"), tiny_model)


def trainer(folder: Path, data: Data, stop_at: int = 0, **changes: Any) -> Trainer:
    """It is told to stop when it asks for the time number `stop_at`."""
    asked = iter(range(1, 10**6))
    choice = replace(CHOICE, **changes)
    return Trainer(
        tiny_model,
        data,
        choice,
        ALONE,
        Checkpoints(folder / "checkpoints"),
        Progress(ALONE, folder / "logs"),
        lambda: next(asked) == stop_at,
    )


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Without compiling the steps of each trainer anew, which takes longer than to run them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.mark.slow
@pytest.mark.usefixtures("eagerly")
@pytest.mark.filterwarnings("ignore:Even though the `tf.config")
def test_stopped_in_any_step_of_training_or_judging_it_ends_the_same(
    data: Data, tmp_path: Path
) -> None:
    whole = trainer(tmp_path / "whole", data)
    scores = whole.run()
    # Two epochs of three steps and one of validation, and one of evaluation
    for moment in range(1, 10):
        folder = tmp_path / str(moment)
        with pytest.raises(Stopped):
            trainer(folder, data, moment).run()
        resumed = trainer(folder, data)
        assert resumed.run() == scores, moment
        for mine, theirs in zip(whole.weights(), resumed.weights(), strict=True):
            assert (mine == theirs).all(), moment


@pytest.mark.slow
def test_epochs_of_one_step_are_saved_too(data: Data, tmp_path: Path) -> None:
    one = trainer(tmp_path, data, stop_at=5, batch_size=60, checkpoint_seconds=0, epochs=9)
    with pytest.raises(Stopped):
        one.run()
    saved = Checkpoints(tmp_path / "checkpoints").steps()
    assert len(saved) == 2


def test_a_batch_that_the_devices_cannot_share_is_refused_by_its_name(
    data: Data, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="batch_size is 61, more than the 60 images"):
        trainer(tmp_path, data, batch_size=61)


@pytest.mark.slow
def test_the_losses_of_a_regularizer_count(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def size(strength: float) -> float:
        def build(choice: Any) -> keras.Model:
            penalty = keras.regularizers.L2(strength)
            dense = keras.layers.Dense(3, kernel_regularizer=penalty)
            return keras.Sequential([keras.Input((6,)), dense])

        with monkeypatch.context() as patch:
            patch.setattr(tiny_model, "build_model", build)
            trained = trainer(tmp_path / str(strength), data, learning_rate=0.1, epochs=10)
        trained.run()
        return float(np.abs(trained.weights()[0]).sum())

    assert size(10.0) < size(0.0) / 2
