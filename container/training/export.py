"""The trained model as an artifact for TensorFlow Serving, ONNX Runtime, and this image."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# TensorFlow Serving's layout: a folder for each version. assets.extra is for what others put beside
# (TensorFlow, saved_model/constants.h)
SAVED_MODEL = Path("export/Servo/1")
ONNX = Path("assets.extra/model.onnx")
OPSET = 18
# Between two programs that add up in another order
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """`not_onnx` tells why there is no ONNX file; it is empty if there is one."""

    not_onnx: str


def export(
    network: keras.Model,
    sample: tf.Tensor,
    facts: Mapping[str, object],
    folder: Path,
) -> Exported:
    """Writes export/Servo/1 (SavedModel, and ONNX beside it), and each fact as NAME.json.

    Both take inputs float32 [batch, *input shape] and give classes int64 [batch] and probabilities
    float32 [batch, classes]. The ONNX file stays only if it answers as the SavedModel does on the
    sample.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in facts.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n")
    # Written aside: a job that is stopped in the middle leaves nothing that could be served.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as temporary:
        aside = Path(temporary) / "model"
        specification = tf.TensorSpec([None, *sample.shape[1:]], tf.float32, name="inputs")
        serve = _serving_function(network)
        _save(network, serve, specification, aside)
        not_onnx = _convert(serve, specification, aside, sample)
        target = folder / SAVED_MODEL
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
    return Exported(not_onnx)


def _serving_function(network: keras.Model) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    def serve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.cast(network(inputs, training=False), tf.float32)
        return {"classes": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits)}

    return serve


def _save(network: keras.Model, serve: Any, specification: tf.TensorSpec, folder: Path) -> None:
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.add_endpoint("serving_default", serve, input_signature=[specification])
    archive.write_out(str(folder), verbose=False)


def _convert(serve: Any, specification: tf.TensorSpec, folder: Path, sample: tf.Tensor) -> str:
    """Puts the ONNX file beside the SavedModel in `folder`; else the reason why not."""
    import tf2onnx

    file = folder / ONNX
    file.parent.mkdir()
    try:
        tf2onnx.convert.from_function(
            tf.function(serve, input_signature=[specification]),
            input_signature=[specification],
            opset=OPSET,
            output_path=str(file),
        )
        differs = _difference(folder, file, sample)
    except Exception as error:  # converter and runtime raise whatever they meet
        reason = str(error).strip().partition("\n")[0]
        differs = f"it does not convert: {reason or type(error).__name__}"
    if differs:
        shutil.rmtree(file.parent)
    return differs


def _difference(saved_model: Path, onnx: Path, sample: tf.Tensor) -> str:
    """How the answers of what was written differ on the sample; empty if they do not."""
    import onnxruntime

    with tf.device("/CPU:0"):  # a GPU may compute with fewer digits
        signature = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
        expected = signature(inputs=sample)["probabilities"].numpy()
    session = onnxruntime.InferenceSession(str(onnx), providers=["CPUExecutionProvider"])
    found = session.run(["probabilities"], {"inputs": sample.numpy()})[0]
    worst = float(np.abs(found - expected).max())
    # Also of a NaN
    return "" if worst <= TOLERANCE else f"its answers differ by {worst:.2g}"
