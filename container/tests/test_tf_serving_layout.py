"""TensorFlow Serving, and AWS's containers with it, can take what a job leaves behind."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
import tf_serving
from tensorflow.core.protobuf import saved_model_pb2

from training.export import export

SERVO = Path("export/Servo")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    network = keras.Sequential([keras.Input((4, 2)), keras.layers.Flatten(), keras.layers.Dense(3)])
    export(network, tf.ones([5, 4, 2]), {}, folder)
    return folder


def test_an_artifact_is_what_tensorflow_serving_asks_for(model: Path) -> None:
    assert tf_serving.faults(model / SERVO) == []
    (version,) = tf_serving.versions(model / SERVO)
    assert tf_serving.tensors(tf_serving.graph(version)) == (
        {"inputs": ("FLOAT", [-1, 4, 2])},
        {"classes": ("INT64", [-1]), "probabilities": ("FLOAT", [-1, 3])},
    )
    # AWS's containers serve the first model that they find in the whole archive
    assert list(model.rglob("saved_model.pb")) == [version / "saved_model.pb"]


def edit(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Breaks the graph that is served."""

    def apply(version: Path) -> None:
        file = version / "saved_model.pb"
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
        change(saved.meta_graphs[0])
        file.write_bytes(saved.SerializeToString())

    return apply


def warm_up(version: Path) -> None:
    (version / "assets.extra").mkdir(exist_ok=True)
    (version / tf_serving.WARMUP).touch()


def fix_the_batch(graph: Any) -> None:
    signature(graph).outputs["classes"].tensor_shape.dim[0].size = 1


def call_python(graph: Any) -> None:
    graph.graph_def.library.function[0].node_def.add(name="call", op="EagerPyFunc")


def signature(graph: Any) -> Any:
    return graph.signature_def["serving_default"]


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda version: version.rename(version.with_name("v1")), "no folder with a number"),
        (lambda version: (version / "variables/variables.index").unlink(), "weights"),
        (warm_up, "would be read as requests"),
        (edit(lambda graph: graph.meta_info_def.tags.append("train")), "tag `serve`"),
        (edit(lambda graph: graph.signature_def.pop("serving_default")), "no signature"),
        (edit(lambda graph: setattr(signature(graph), "method_name", "predict")), "no signature"),
        (edit(lambda graph: setattr(signature(graph).inputs["inputs"], "name", "x:0")), "graph"),
        (edit(lambda graph: setattr(signature(graph).inputs["inputs"], "dtype", 14)), "BFLOAT16"),
        (edit(fix_the_batch), "any number of rows"),
        (edit(call_python), "calls Python: EagerPyFunc"),
    ],
)
def test_what_it_could_not_serve_is_told(
    model: Path, tmp_path: Path, damage: Callable[[Path], None], fault: str
) -> None:
    servo = shutil.copytree(model / SERVO, tmp_path / "Servo")
    damage(servo / "1")
    (found,) = tf_serving.faults(servo)
    assert fault in found
