"""The model: wines of three growers, told apart by 13 measurements."""

from dataclasses import dataclass

import keras
import tensorflow as tf
from keras import layers

import training.hyperparameters
from training.hyperparameters import choice
from training.normalization import BatchNormalization

INPUT_SHAPE = (13,)
CLASS_NAMES = ("first", "second", "third")


@dataclass(frozen=True)
class Hyperparameters(training.hyperparameters.Hyperparameters):
    units: int = choice(32, "a whole number from 1", lambda value: value >= 1)


def parse_example(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Records of `numbers` (13 floats) and `label`."""
    feature = tf.io.parse_example(
        records,
        {
            "numbers": tf.io.FixedLenFeature(INPUT_SHAPE, tf.float32),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    return feature["numbers"], feature["label"]


def augment(inputs: tf.Tensor, seed: tf.Tensor, choice: Hyperparameters) -> tf.Tensor:
    """A measurement as it was taken."""
    return inputs


def build_model(choice: Hyperparameters) -> keras.Model:
    """One hidden layer."""
    inputs = keras.Input(INPUT_SHAPE, name="inputs")
    # The measurements are in units from thousandths to thousands
    x = BatchNormalization(momentum=0.9)(inputs)
    x = layers.Dense(choice.units, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(len(CLASS_NAMES), name="logits")(x))
