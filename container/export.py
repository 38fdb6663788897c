"""The trained model as an artifact that TensorFlow Serving, or this container, can serve."""

import json
import shutil
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from training import Score

SAVED_MODEL = Path("export/Servo/1")


def export(model: keras.Model, scores: dict[str, Score], classes: list[str], folder: Path) -> None:
    """Writes export/Servo/1 (SavedModel), metrics.json and classes.json into the folder.

    Signature serving_default: inputs float32 [batch, 32, 32, 3] in 0..255 gives classes int64
    [batch] and probabilities float32 [batch, classes].
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "metrics.json", {split: vars(score) for split, score in scores.items()})
    _write_json(folder / "classes.json", classes)
    # Written aside: a job that is stopped in the middle leaves nothing that could be served.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as aside:
        _save(model, Path(aside) / "model")
        target = folder / SAVED_MODEL
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        (Path(aside) / "model").rename(target)


def _save(model: keras.Model, folder: Path) -> None:
    def serve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = tf.cast(model(inputs, training=False), tf.float32)
        return {"classes": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits)}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        serve,
        input_signature=[tf.TensorSpec([None, 32, 32, 3], tf.float32, name="inputs")],
    )
    archive.write_out(str(folder), verbose=False)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
