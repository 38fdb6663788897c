"""The model: the one file to change for another network or other data.

What the names below have to be is told in training/interface.py; examples/tabular has another
model, of other shape, in the same form.
"""

from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras import layers

import training.hyperparameters
from training.hyperparameters import choice
from training.normalization import BatchNormalization

INPUT_SHAPE = (32, 32, 3)
CLASS_NAMES = tuple("0123456789")


@dataclass(frozen=True)
class Hyperparameters(training.hyperparameters.Hyperparameters):
    depth: int = choice(20, "6n + 2: 8, 14 … 1202", lambda n: 8 <= n <= 1202 and n % 6 == 2)
    shift: int = choice(4, "a whole number from 0 to 16, in pixels", lambda n: 0 <= n <= 16)
    flip: bool = choice(True, "true or false", lambda flip: True)


def parse_example(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Records in the CIFAR-10 format: `image` (3,072 bytes, channel first) and `label`.

    Inputs are float32 [n, 32, 32, 3] in 0..255.
    """
    feature = tf.io.parse_example(
        records,
        {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    planes = tf.reshape(tf.io.decode_raw(feature["image"], tf.uint8), [tf.size(records), 3, 32, 32])
    return tf.cast(tf.transpose(planes, [0, 2, 3, 1]), tf.float32), feature["label"]


def augment(inputs: tf.Tensor, seed: tf.Tensor, choice: Hyperparameters) -> tf.Tensor:
    """Each image mirrored with an even chance, and shifted by up to `shift` pixels."""
    if choice.flip:
        inputs = tf.image.stateless_random_flip_left_right(inputs, seed)
    if choice.shift:
        most = choice.shift
        padded = tf.pad(inputs, [[0, 0], [most, most], [most, most], [0, 0]], "REFLECT")
        first = tf.random.stateless_uniform(
            [2, tf.shape(inputs)[0], 1], seed + 1, 0, 2 * most + 1, tf.int32
        )
        rows, columns = tf.unstack(first + tf.range(INPUT_SHAPE[0]))
        inputs = tf.gather(padded, rows, axis=1, batch_dims=1)
        inputs = tf.gather(inputs, columns, axis=2, batch_dims=1)
    return inputs


def build_model(choice: Hyperparameters) -> keras.Model:
    """A pre-activation residual network (ResNet v2) of three stages.

    depth is 6n + 2: each stage has n blocks of two convolutions.
    Source: He et al., Identity Mappings in Deep Residual Networks, 2016.
    """
    inputs = keras.Input(INPUT_SHAPE, name="inputs")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = _convolution(x, 16, kernel=3, stride=1)
    for stage, filters in enumerate((16, 32, 64)):
        for block in range((choice.depth - 2) // 6):
            x = _block(x, filters, stride=2 if stage > 0 and block == 0 else 1)
    x = layers.GlobalAveragePooling2D()(_activation(x))
    return keras.Model(inputs, layers.Dense(len(CLASS_NAMES), name="logits")(x))


def _block(x: Any, filters: int, stride: int) -> Any:
    active = _activation(x)
    reshaped = stride != 1 or x.shape[-1] != filters
    shortcut = _convolution(active, filters, kernel=1, stride=stride) if reshaped else x
    y = _convolution(active, filters, kernel=3, stride=stride)
    y = _convolution(_activation(y), filters, kernel=3, stride=1)
    return layers.Add()([y, shortcut])


def _activation(x: Any) -> Any:
    # Keras' default momentum of 0.99 leaves the moving averages behind in a short training
    return layers.ReLU()(BatchNormalization(momentum=0.9, epsilon=1e-5)(x))


def _convolution(x: Any, filters: int, kernel: int, stride: int) -> Any:
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
