"""From records to predictions, in one process: a network is trained, exported, loaded, asked."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
from examples import channel, colour
from PIL import Image
from starlette.testclient import TestClient

import dataset
import inference
import model
import training
from export import export
from hyperparameters import Hyperparameters
from server import create_app


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return []


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("job")
    data = dataset.check(channel(folder / "training", images=60))
    choice = Hyperparameters(depth=8, epochs=8, batch_size=20, learning_rate=0.01)
    trained, scores = training.train(model.build, data, choice, report=lines.append)
    export(trained, scores, data.classes, folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def client(artifact: Path) -> Iterator[TestClient]:
    predict = inference.load(artifact / "export/Servo")
    with TestClient(create_app(lambda: predict)) as started:
        yield started


def pixels(label: int) -> np.ndarray:
    return np.broadcast_to(np.array(colour(label), np.uint8), (32, 32, 3))


def linear(bias: float) -> keras.Model:
    """The smallest network, made for tests that need no learning."""
    dense = keras.layers.Dense(10, bias_initializer=keras.initializers.Constant(bias))
    return keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), dense])


@pytest.mark.parametrize("depth", [8, 20])
def test_depth_counts_the_layers_that_learn_along_the_longest_path(depth: int) -> None:
    network = model.build(depth, 10)
    on_path = [layer for layer in network.layers if getattr(layer, "kernel_size", 0) == (3, 3)]
    assert len(on_path) + 1 == depth
    assert network.output_shape == (None, 10)


def test_every_epoch_and_the_end_print_what_the_metric_definitions_look_for(
    artifact: Path, lines: list[str]
) -> None:
    number = r"=\d+\.\d+"
    epoch = (
        rf"epoch=\d/8 train:loss{number} train:accuracy{number} validation:loss{number}"
        rf" validation:accuracy{number} train:images_per_second{number}"
    )
    assert len(lines) == 8 + 1
    for line in lines[:-1]:
        assert re.fullmatch(epoch, line)
    assert re.fullmatch(rf"eval:loss{number} eval:accuracy{number}", lines[-1])


def test_the_artifact_holds_the_model_its_scores_and_its_classes(artifact: Path) -> None:
    files = {str(path.relative_to(artifact)) for path in artifact.rglob("*") if path.is_file()}
    assert {"metrics.json", "classes.json", "export/Servo/1/saved_model.pb"} <= files
    assert not [path for path in artifact.iterdir() if path.name.startswith(".")]
    assert json.loads((artifact / "metrics.json").read_text())["eval"]["accuracy"] == 1.0


def test_a_json_request_gets_classes_and_probabilities(client: TestClient) -> None:
    request = {"instances": [pixels(3).tolist(), pixels(8).tolist()]}
    answer = client.post("/invocations", json=request)
    assert answer.status_code == 200
    assert set(answer.json()) == {"predictions"}
    predictions = answer.json()["predictions"]
    assert [one["classes"] for one in predictions] == [3, 8]
    for one in predictions:
        assert set(one) == {"classes", "probabilities"}
        assert len(one["probabilities"]) == 10
        assert sum(one["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_a_picture_gets_the_same_answer_as_its_pixels(client: TestClient) -> None:
    file = io.BytesIO()
    Image.fromarray(pixels(3)).save(file, "PNG")
    as_picture = client.post(
        "/invocations", content=file.getvalue(), headers={"Content-Type": "image/png"}
    )
    as_numbers = client.post("/invocations", json={"instances": [pixels(3).tolist()]})
    assert as_picture.json() == as_numbers.json()


def test_a_batch_larger_than_the_data_is_refused(tmp_path: Path) -> None:
    data = dataset.check(channel(tmp_path / "training", images=10))
    choice = Hyperparameters(depth=8, batch_size=11)
    with pytest.raises(training.TrainingError, match="batch_size is 11, more than the 10 images"):
        training.train(model.build, data, choice, report=print)


def test_a_loss_that_is_no_number_ends_the_training(tmp_path: Path) -> None:
    data = dataset.check(channel(tmp_path / "training", images=10))

    choice = Hyperparameters(depth=8, epochs=1, batch_size=10)
    with pytest.raises(training.TrainingError, match="the loss is nan after epoch 1"):
        training.train(lambda depth, classes: linear(float("nan")), data, choice, report=print)


def test_a_second_run_replaces_the_model_of_the_first(tmp_path: Path) -> None:
    for bias in (1.0, 2.0):
        export(linear(bias), {}, [], tmp_path)
    with (tmp_path / "export/Servo/1/variables/variables.data-00000-of-00001").open("rb") as file:
        assert np.full(10, 2, np.float32).tobytes() in file.read()
