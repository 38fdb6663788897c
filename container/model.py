"""The network. This is the file to change for another model: keep `build` and its shapes."""

from typing import Any

import keras
from keras import layers


def build(depth: int, classes: int) -> keras.Model:
    """A pre-activation residual network (ResNet v2) for images of 32x32 pixels.

    depth is 6n + 2: three stages of n blocks of two convolutions. Takes float32
    [batch, 32, 32, 3] in 0..255 and gives float32 logits [batch, classes].
    Source: He et al., Identity Mappings in Deep Residual Networks, 2016.
    """
    inputs = keras.Input((32, 32, 3), name="inputs")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = _convolution(x, 16, kernel=3, stride=1)
    for stage, filters in enumerate((16, 32, 64)):
        for block in range((depth - 2) // 6):
            x = _block(x, filters, stride=2 if stage > 0 and block == 0 else 1)
    x = layers.GlobalAveragePooling2D()(_activation(x))
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x))


def _block(x: Any, filters: int, stride: int) -> Any:
    active = _activation(x)
    reshaped = stride != 1 or x.shape[-1] != filters
    shortcut = _convolution(active, filters, kernel=1, stride=stride) if reshaped else x
    y = _convolution(active, filters, kernel=3, stride=stride)
    y = _convolution(_activation(y), filters, kernel=3, stride=1)
    return layers.Add()([y, shortcut])


def _activation(x: Any) -> Any:
    # Keras' default momentum of 0.99 leaves the moving averages behind in a short training.
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x))


def _convolution(x: Any, filters: int, kernel: int, stride: int) -> Any:
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
