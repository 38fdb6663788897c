"""The exported model, loaded and ready to predict."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from decoding import SHAPE, Images
from server import Predict


def load(versions: Path) -> Predict:
    """The highest version in a TensorFlow Serving model folder, warmed by a first prediction."""
    numbers = [int(path.name) for path in versions.glob("*") if path.name.isdecimal()]
    if not numbers:
        raise FileNotFoundError(f"no model in {versions}")
    model = tf.saved_model.load(str(versions / str(max(numbers))))
    signature = model.signatures["serving_default"]

    def predict(images: Images) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        found = signature(inputs=tf.constant(images))
        return found["classes"].numpy(), found["probabilities"].numpy()

    predict(np.zeros((1, *SHAPE), np.float32))
    return predict
