"""Writes the networks that are served, as a training would: `cnn` and `resnet`.

`cnn` is three convolutions (24,000 weights), of which HTTP and JSON take the most; `resnet` is the
project's own model, a ResNet-20, of which the engine does. Their weights are random: how quick they
are does not depend on them.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "container"))

SHAPE = (32, 32, 3)


def _cnn() -> Any:
    import keras
    from keras import layers

    inputs = keras.Input(SHAPE, name="inputs")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)
    return keras.Model(inputs, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def _resnet() -> Any:
    import model

    return model.build_model(model.Hyperparameters(depth=20))


NETWORKS = {"cnn": _cnn, "resnet": _resnet}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("folder", type=Path, help="of a model: gets export/Servo/1")
    args = parser.parse_args()

    import keras
    import tensorflow as tf

    from training.export import export

    keras.utils.set_random_seed(0)
    args.folder.mkdir(parents=True, exist_ok=True)
    done = export(NETWORKS[args.network](), tf.ones([2, *SHAPE]), {}, args.folder)
    assert not done.not_onnx, done.not_onnx


if __name__ == "__main__":
    main()
