"""Other ways to train the same network on the same records with TensorFlow; prints images/s,
and `fit` the cores that it used.

`fit` is Keras' own loop with Keras' own layers, as its guides write it. `tutorial` is the way
that this project began as: batches of one image, each parsed for itself. `bare` is a compiled step
of the product's network on a batch in memory, nothing else. `convolutions` computes the network's
convolutions alone, there and back, without what is between them.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "container"))

import keras
import tensorflow as tf

import model

CHOICE = model.Hyperparameters(depth=20)
BATCH = 128
WARM_STEPS = 22  # about an epoch, which the product's job has behind it too


def fit(records: list[str], seconds: float) -> float:
    # The product's layer is quicker, and not what one writes
    model.BatchNormalization = keras.layers.BatchNormalization  # type: ignore[misc]

    def read(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, labels = model.parse_example(batch)
        seed = tf.random.uniform([2], maxval=2**31 - 1, dtype=tf.int32)
        return model.augment(inputs, seed, CHOICE), labels

    dataset = tf.data.TFRecordDataset(records).cache().shuffle(10_000)
    dataset = dataset.batch(BATCH, drop_remainder=True).map(read, tf.data.AUTOTUNE)
    network, clock = model.build_model(CHOICE), Clock(seconds)
    network.compile(
        optimizer=keras.optimizers.AdamW(CHOICE.learning_rate, weight_decay=CHOICE.weight_decay),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(dataset.prefetch(tf.data.AUTOTUNE), epochs=10_000, verbose=0, callbacks=[clock])
    print(f"cores={clock.cores:.2f}")
    return clock.speed


class Clock(keras.callbacks.Callback):
    """Ends a training after some seconds, those of the first steps not counted."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds, self._steps = seconds, -WARM_STEPS
        self.speed = self.cores = 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._steps == 0:
            self._began, self._busy = time.monotonic(), time.process_time()
        elif self._steps > 0 and (elapsed := time.monotonic() - self._began) > self._seconds:
            self.speed = self._steps * BATCH / elapsed
            self.cores = (time.process_time() - self._busy) / elapsed
            self.model.stop_training = True
        self._steps += 1


def tutorial(records: list[str], seconds: float) -> float:
    def parse(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        feature = tf.io.parse_single_example(
            record,
            {
                "image": tf.io.FixedLenFeature([], tf.string),
                "label": tf.io.FixedLenFeature([], tf.int64),
            },
        )
        planes = tf.reshape(tf.io.decode_raw(feature["image"], tf.uint8), [3, 32, 32])
        return tf.cast(tf.transpose(planes, [1, 2, 0]), tf.float32), feature["label"]

    dataset = tf.data.TFRecordDataset(records).map(parse).shuffle(1000).repeat()
    batches = iter(dataset.batch(1).prefetch(1))
    step = _compiled_step()
    # Its Estimator ran one step after the other
    return _speed(lambda: float(step(*next(batches))), 1, seconds)


def bare(records: list[str], seconds: float) -> float:
    batch = model.parse_example(next(iter(tf.data.TFRecordDataset(records).batch(BATCH))))
    step = _compiled_step()
    return _one_ahead(lambda: step(*batch), seconds)


def convolutions(records: list[str], seconds: float) -> float:
    parts = list(_convolutions())

    @tf.function
    def step() -> tf.Tensor:
        found = []
        for inputs, kernel, outputs, options in parts:
            found += [
                tf.raw_ops.Conv2D(input=inputs, filter=kernel, **options),
                tf.raw_ops.Conv2DBackpropFilter(
                    input=inputs, filter_sizes=kernel.shape, out_backprop=outputs, **options
                ),
            ]
            if inputs.shape[-1] != model.INPUT_SHAPE[-1]:  # nobody asks for that of the image
                found.append(
                    tf.raw_ops.Conv2DBackpropInput(
                        input_sizes=inputs.shape, filter=kernel, out_backprop=outputs, **options
                    )
                )
        return tf.add_n([each[0, 0, 0, 0] for each in found])

    return _one_ahead(step, seconds)


def _convolutions() -> Iterator[tuple[Any, Any, Any, dict[str, Any]]]:
    """Random inputs, kernel and gradient of the outputs of each, and how they are computed."""
    for layer in model.build_model(CHOICE).layers:
        if isinstance(layer, keras.layers.Conv2D):
            shapes = ([BATCH, *each.shape[1:]] for each in (layer.input, layer.output))
            inputs, outputs = map(tf.random.normal, shapes)
            options = {"strides": [1, *layer.strides, 1], "padding": "SAME"}
            yield inputs, tf.constant(layer.kernel), outputs, options


def _compiled_step() -> Callable[[Any, Any], Any]:
    network = model.build_model(CHOICE)
    optimizer = keras.optimizers.AdamW(CHOICE.learning_rate, weight_decay=CHOICE.weight_decay)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(inputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = network(inputs, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def _one_ahead(step: Callable[[], Any], seconds: float) -> float:
    """A result is read while the next one is computed, as in the product."""
    waiting = [step()]

    def next_step() -> None:
        waiting.append(step())
        float(waiting.pop(0))

    return _speed(next_step, BATCH, seconds)


def _speed(step: Callable[[], Any], images: int, seconds: float) -> float:
    for _ in range(WARM_STEPS):
        step()
    began, steps = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        step()
        steps += 1
    return steps * images / (time.monotonic() - began)


WAYS = {way.__name__: way for way in (fit, tutorial, bare, convolutions)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("channel", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    args = parser.parse_args()
    records = sorted(map(str, args.channel.glob("train-*.tfrecords")))
    print(f"images_per_second={WAYS[args.way](records, args.seconds):.1f}")


if __name__ == "__main__":
    main()
