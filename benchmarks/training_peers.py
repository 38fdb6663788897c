"""What training is compared with: other ways to run the same network on the same records.

Prints images a second. `one-by-one` is the way of the tutorial that this project began as: batches
of one image, each parsed for itself. `bare` is a compiled step on a batch in memory, nothing else.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if sys.argv[1:2] == ["bare"]:
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `train` does
sys.path.insert(0, str(Path(__file__).parents[1] / "container"))

import keras
import tensorflow as tf

import model


def compiled_step(network: keras.Model) -> Callable[[Any, Any], Any]:
    optimizer = keras.optimizers.AdamW(0.003, weight_decay=0.0005)
    optimizer.build(network.trainable_variables)

    @tf.function
    def step(inputs: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = tf.cast(network(inputs, training=True), tf.float32)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        variables = network.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def one_by_one(records: Path) -> Iterator[tuple[Any, Any]]:
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

    dataset = tf.data.TFRecordDataset(str(records)).map(parse).shuffle(1000).repeat()
    return iter(dataset.batch(1).prefetch(1))


def bare(records: Path, batch_size: int) -> Iterator[tuple[Any, Any]]:
    batch = next(iter(tf.data.TFRecordDataset(str(records)).batch(batch_size)))
    inputs, labels = model.parse_example(batch)
    while True:
        yield inputs, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=("one-by-one", "bare"))
    parser.add_argument("records", type=Path)
    parser.add_argument("--depth", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--precision", required=True)
    args = parser.parse_args()
    keras.config.set_dtype_policy(args.precision)
    step = compiled_step(model.build_model(model.Hyperparameters(depth=args.depth)))
    one = args.way == "one-by-one"
    size = 1 if one else args.batch_size
    batches = one_by_one(args.records) if one else bare(args.records, size)
    for _ in range(3):
        step(*next(batches))
    began, steps = time.monotonic(), 0
    last = step(*next(batches))
    while time.monotonic() - began < args.seconds:
        loss = step(*next(batches))
        # The tutorial's Estimator ran one step after the other; ours reads one while it computes
        # the next
        float(loss if one else last)
        last, steps = loss, steps + 1
    print(f"images_per_second={steps * size / (time.monotonic() - began):.1f}")


if __name__ == "__main__":
    main()
