"""A layer of our own that has to do what Keras' does, on one device and on several."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from training.normalization import BatchNormalization

GIVEN = {"momentum": 0.9, "epsilon": 1e-5}


def inputs(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)


def trained(layer: Any, x: np.ndarray) -> list[np.ndarray]:
    """Output, gradients and moving averages of one step, and the output after it."""
    layer.build(x.shape)
    for weight in layer.trainable_variables:
        weight.assign(np.linspace(0.5, 2, x.shape[-1]))
    tensor = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        y = layer(tensor, training=True)
        loss = tf.reduce_sum(tf.square(y) * tf.cos(tensor))
    gradients = tape.gradient(loss, [tensor, *(each.value for each in layer.trainable_variables)])
    moved = [each.numpy() for each in layer.non_trainable_variables]
    return [y.numpy(), *(each.numpy() for each in gradients), *moved, layer(tensor).numpy()]


@pytest.mark.parametrize("shape", [(8, 5), (8, 4, 5), (8, 4, 4, 5)])
@pytest.mark.parametrize("more", [{}, {"scale": False}, {"center": False}], ids=str)
def test_it_does_as_keras_does(shape: tuple[int, ...], more: dict[str, Any]) -> None:
    x = inputs(*shape)
    ours, theirs = (
        trained(kind(**GIVEN, **more), x)
        for kind in (BatchNormalization, keras.layers.BatchNormalization)
    )
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4)


def test_a_layer_that_does_not_learn_keeps_its_averages() -> None:
    layer = BatchNormalization(trainable=False)
    x = inputs(8, 5)
    np.testing.assert_allclose(layer(x, training=True), x / np.sqrt(1.001), rtol=1e-5)


def test_half_precision_comes_and_goes_and_is_not_computed_in() -> None:
    layer = BatchNormalization(dtype="mixed_bfloat16")
    x = tf.constant(inputs(8, 4, 4, 5), tf.bfloat16)
    y = layer(x, training=True)
    assert y.dtype == tf.bfloat16
    assert layer.moving_mean.dtype == "float32"
    wide = BatchNormalization()(tf.cast(x, tf.float32), training=True)
    np.testing.assert_allclose(tf.cast(y, tf.float32), wide, rtol=0.01, atol=0.01)


SEVERAL = """
import sys
import numpy as np
import tensorflow as tf

(processor,) = tf.config.list_physical_devices("CPU")
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

from training.normalization import BatchNormalization

x = np.random.default_rng(0).normal(3, 2, (8, 4, 4, 5)).astype(np.float32)
halves = strategy.experimental_distribute_values_from_function(
    lambda context: tf.constant(np.split(x, 2)[context.replica_id_in_sync_group])
)
with strategy.scope():
    layer = BatchNormalization(momentum=0.9, epsilon=1e-5)
    layer.build(x.shape)


@tf.function
def step(part):
    with tf.GradientTape() as tape:
        tape.watch(part)
        y = layer(part, training=True)
        loss = tf.reduce_sum(tf.square(y) * tf.cos(part))
    return y, tape.gradient(loss, part)


y, gradient = (
    np.concatenate([each.numpy() for each in values.values])
    for values in strategy.run(step, args=(halves,))
)
moved = [variable.numpy() for variable in layer.non_trainable_variables]
np.savez(sys.argv[1], *(y, gradient, *moved))
"""


@pytest.mark.slow
def test_two_devices_normalize_as_one_with_the_whole_batch(tmp_path: Path) -> None:
    """In a process of its own: devices are set up once."""
    file = tmp_path / "several.npz"
    code = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", SEVERAL, str(file)], cwd=code, check=True)
    x = tf.constant(inputs(8, 4, 4, 5))
    layer = BatchNormalization(**GIVEN)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(tf.square(y) * tf.cos(x))
    moved = [each.numpy() for each in layer.non_trainable_variables]
    expected = [y.numpy(), tape.gradient(loss, x).numpy(), *moved]
    with np.load(file) as found:
        for mine, whole in zip(found.values(), expected, strict=True):
            np.testing.assert_allclose(mine, whole, rtol=1e-4, atol=1e-4)
