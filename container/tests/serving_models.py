"""Models to serve in tests: functions, and one small network in both forms of an artifact."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from waiting import SECONDS

from serving.engines import ONNX, Engine, Predict, Prediction

CLASSES = 3


def classify(examples: np.ndarray) -> Prediction:
    """The class of an example is its first number."""
    classes = examples.reshape(len(examples), -1)[:, 0].astype(np.int64)
    return Prediction(classes, np.zeros((len(examples), CLASSES), np.float32))


def engine(shape: tuple[int, ...] = (2,), predict: Predict = classify, inline: int = 0) -> Engine:
    return Engine("function", 1, shape, predict, inline)


def once_told(go_on: threading.Event) -> Predict:
    """Classifies when it may go on."""

    def predict(examples: np.ndarray) -> Prediction:
        assert go_on.wait(SECONDS)
        return classify(examples)

    return predict


def weights(shape: tuple[int, ...]) -> np.ndarray:
    size = (int(np.prod(shape)), CLASSES)
    return np.random.default_rng(0).normal(0, 0.5, size).astype(np.float32)


def write_onnx(
    versions: Path, shape: tuple[int, ...], inputs: Sequence[str | int] = (), work: int = 1
) -> Path:
    """The softmax of a product, and another product of `work` rows that only takes time.

    2,000 rows take about half a second. `inputs` is the shape that the file tells.
    """
    constants = {
        "weights": weights(shape),
        "ones": np.ones((work, work), np.float32),
        "nothing": np.zeros(1, np.float32),
    }
    nodes = [
        helper.make_node("Flatten", ["inputs"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["ones", "mean"], ["large"]),
        helper.make_node("MatMul", ["large", "ones"], ["larger"]),
        helper.make_node("ReduceMean", ["larger"], ["worked"], keepdims=0),
        helper.make_node("Mul", ["worked", "nothing"], ["zero"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
        helper.make_node("Add", ["product", "zero"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
        helper.make_node("ArgMax", ["logits"], ["classes"], axis=1, keepdims=0),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "network",
        [value("inputs", TensorProto.FLOAT, inputs or ["n", *shape])],
        [
            value("classes", TensorProto.INT64, ["n"]),
            value("probabilities", TensorProto.FLOAT, ["n", CLASSES]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    file = versions / "1" / ONNX
    file.parent.mkdir(parents=True)
    onnx.save(model, str(file))
    return versions


def write_saved_model(versions: Path, shape: tuple[int, ...]) -> Path:
    """The same network for TensorFlow, which is imported by nobody else."""
    import tensorflow as tf

    network = tf.Module()
    network.weights = tf.Variable(weights(shape))

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], tf.float32, name="inputs")])
    def serve(inputs: Any) -> dict[str, Any]:
        flat = tf.reshape(inputs, [-1, int(np.prod(shape))])
        logits = tf.matmul(flat, network.weights)
        return {"classes": tf.argmax(logits, 1), "probabilities": tf.nn.softmax(logits)}

    tf.saved_model.save(network, str(versions / "1"), signatures={"serving_default": serve})
    return versions
