"""A training, and one that is interrupted: whenever and however, it ends as if it had not been."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
import tiny_model
from jobs import Host, Job, resumed_at
from records import channel

from training.checks import check
from training.job import fingerprint

CHOICE = {"epochs": 20, "batch_size": 10, "checkpoint_seconds": 0, "precision": "float32"}
STEPS = 20 * 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return channel(tmp_path_factory.mktemp("data") / "training")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, data: Path) -> tuple[Host, str]:
    """A host after its job, and the log."""
    host = Job.create(tmp_path_factory.mktemp("whole"), data, **CHOICE).start()
    code, log = host.end()
    assert code == 0, log
    return host, log


@pytest.mark.slow
def test_every_epoch_and_the_end_tell_what_the_metric_definitions_look_for(
    undisturbed: tuple[Host, str],
) -> None:
    number = r"=\d+\.\d+"
    epoch = (
        rf"^epoch=\d+/20 train:loss{number} train:accuracy{number} validation:loss{number}"
        rf" validation:accuracy{number} train:images_per_second{number}$"
    )
    _, log = undisturbed
    assert len(re.findall(epoch, log, re.M)) == 20
    assert re.search(rf"^eval:loss{number} eval:accuracy{number}\nexport:onnx=1$", log, re.M)


@pytest.mark.slow
def test_curves_for_tensorboard_lie_where_sagemaker_puts_them_beside_the_model(
    undisturbed: tuple[Host, str],
) -> None:
    host, _ = undisturbed
    (file,) = (host.base / "output/data/tensorboard/validation").iterdir()
    events = [
        tf.compat.v1.Event.FromString(record)
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator()
    ]
    curve = {
        event.step: float(tf.make_ndarray(value.tensor))
        for event in events
        for value in event.summary.value
        if value.tag == "accuracy" and value.metadata.plugin_data.plugin_name == "scalars"
    }
    assert list(curve) == list(range(6, STEPS + 1, 6))
    metrics = json.loads((host.base / "model/metrics.json").read_text())
    assert curve[STEPS] == pytest.approx(metrics["validation"]["accuracy"])


@pytest.mark.slow
def test_the_artifact_tells_how_it_was_trained_for_whoever_judges_it(
    undisturbed: tuple[Host, str],
) -> None:
    host, log = undisturbed
    history, metrics, used = (
        json.loads((host.base / f"model/{name}.json").read_text())
        for name in ("history", "metrics", "hyperparameters")
    )
    assert [each["epoch"] for each in history] == list(range(1, 21))
    assert f"train:loss={history[0]['train']['loss']:.6f}" in log
    assert history[-1]["validation"] == metrics["validation"]
    assert used.items() >= CHOICE.items()
    assert used["learning_rate"] == 0.003, "what was not chosen is told too"


@pytest.mark.slow
def test_killed_and_stopped_it_ends_with_the_same_weights_and_scores(
    undisturbed: tuple[Host, str], tmp_path: Path, data: Path
) -> None:
    whole, _ = undisturbed
    job = Job.create(tmp_path / "broken", data, **CHOICE)
    killed = job.start()
    killed.wait_for_step(20)
    killed.process.kill()
    killed.end()
    left = killed.step()

    stopped = job.start()
    stopped.wait_for_step(left + 1)
    stopped.process.terminate()
    code, log = stopped.end()
    assert code == 0, log
    saved = stopped.step()
    assert 20 <= left == resumed_at(log) < saved < STEPS
    assert stopped.failure is None
    assert not (stopped.base / "model").exists(), "what was not trained to the end was exported"

    last = job.start()
    code, log = last.end()
    assert code == 0, log
    assert resumed_at(log) == saved
    assert last.weights() == whole.weights()
    for facts in ("metrics", "history"):
        both = [
            json.loads((host.base / f"model/{facts}.json").read_text()) for host in (whole, last)
        ]
        assert both[0] == both[1], facts


@pytest.mark.parametrize(
    ("change", "same"),
    [({"checkpoint_seconds": 5.0}, True), ({"seed": 1}, False), ({"noise": 0.2}, False)],
)
def test_only_what_decides_the_outcome_keeps_a_training_from_being_taken_up(
    data: Path, change: dict[str, Any], same: bool
) -> None:
    checked, choice = check(data, tiny_model), tiny_model.Hyperparameters()
    one = fingerprint(tiny_model, choice, checked, "float32")
    assert (fingerprint(tiny_model, replace(choice, **change), checked, "float32") == one) is same


def test_other_data_is_not_trained_on_with_what_was_learned_before(
    data: Path, tmp_path: Path
) -> None:
    choice = tiny_model.Hyperparameters()
    others = check(channel(tmp_path / "training", 61), tiny_model)
    mine = check(data, tiny_model)
    mine_name, other = (fingerprint(tiny_model, choice, each, "float32") for each in (mine, others))
    assert mine_name != other
