"""A model for the tests of everything that must not depend on model.py.

It has what makes it hard to go on exactly: moving averages, dropout and random augmentation.
"""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import layers

import training.hyperparameters
from training.hyperparameters import choice
from training.normalization import BatchNormalization

INPUT_SHAPE = (6,)
CLASS_NAMES = ("low", "middle", "high")


@dataclass(frozen=True)
class Hyperparameters(training.hyperparameters.Hyperparameters):
    noise: float = choice(0.1, "a number from 0 to 0.5", lambda value: 0 <= value <= 0.5)


def parse_example(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Records of six numbers and a label."""
    feature = tf.io.parse_example(
        records,
        {
            "numbers": tf.io.FixedLenFeature(INPUT_SHAPE, tf.float32),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    return feature["numbers"], feature["label"]


def augment(inputs: tf.Tensor, seed: tf.Tensor, choice: Any) -> tf.Tensor:
    return inputs + tf.random.stateless_normal(tf.shape(inputs), seed, stddev=choice.noise)


def build_model(choice: Any) -> keras.Model:
    inputs = keras.Input(INPUT_SHAPE, name="inputs")
    x = layers.Dense(16)(inputs)
    x = layers.ReLU()(BatchNormalization(momentum=0.9)(x))
    x = layers.Dropout(choice.noise, seed=1)(x)
    return keras.Model(inputs, layers.Dense(len(CLASS_NAMES), name="logits")(x))
