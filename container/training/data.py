"""TFRecord files in batches, shared by all workers, in an order that can be taken up again."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from training.cluster import Cluster
from training.hyperparameters import Hyperparameters
from training.interface import Model

EVALUATED_AT_ONCE = 256
# Records are kept after they were read, if they take less than this part of the memory
TRAINING_SHARE, JUDGING_SHARE = 4, 16
# Batches that are read at once, and that wait for the step
AT_ONCE, READY = os.cpu_count() or 1, 2
BUFFER = -1  # bytes that are read at once: as many as suit the file system
# A shuffle holds at most so many records in memory; of a larger file it mixes what is near
SHUFFLED = 200_000


@dataclass(frozen=True)
class Split:
    """One part of the data: NAME.tfrecords, or NAME-….tfrecords in order of their names."""

    files: tuple[Path, ...]
    examples: int
    digest: str


@dataclass(frozen=True)
class Data:
    train: Split
    validation: Split
    eval: Split
    class_names: tuple[str, ...]


def training_batches(
    split: Split, model: Model, cluster: Cluster, choice: Hyperparameters, first_step: int
) -> Any:
    """Distributed (inputs, labels) of each step from `first_step` on.

    The order is a function of seed and epoch, and each worker takes its part of the batch that one
    worker alone would have: so any step can be taken up again, by as many workers.
    """
    steps = split.examples // choice.batch_size
    records, held = read_records(*split.files), _bytes(split) / (_memory() / TRAINING_SHARE)
    if held < 1:
        records = records.cache()
    shuffled_at_once = min(split.examples, SHUFFLED, int(split.examples / max(held, 1)))

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        return records.shuffle(
            shuffled_at_once,
            seed=choice.seed + number,
            reshuffle_each_iteration=False,
        ).batch(choice.batch_size, drop_remainder=True)

    def read(number: tf.Tensor, mine: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, labels = model.parse_example(mine)
        # Each replica of each worker has a number of its own for each step
        seed = tf.stack(
            [tf.constant(choice.seed, tf.int64), number * cluster.workers + cluster.rank]
        )
        return model.augment(inputs, seed, choice), labels

    def batches() -> tf.data.Dataset:
        epochs = tf.data.Dataset.range(first_step // steps, choice.epochs)
        shuffled = epochs.flat_map(epoch).skip(first_step % steps)
        mine = shuffled.map(lambda batch: _share(batch, choice.batch_size, cluster)).unbatch()
        first = first_step * cluster.replicas // cluster.workers
        return mine.enumerate(first).map(read, num_parallel_calls=AT_ONCE)

    return _distribute(batches, cluster)


def evaluation_batches(split: Split, model: Model, cluster: Cluster) -> Any:
    """Distributed (inputs, labels, weights); weight 0 is for what only fills the last batch."""
    size = math.ceil(EVALUATED_AT_ONCE / cluster.replicas) * cluster.replicas
    missing = -split.examples % size
    records = read_records(*split.files)
    first = records.take(1).cache()
    if _bytes(split) < _memory() / JUDGING_SHARE:
        records = records.cache()
    filled = records.concatenate(first.repeat(missing)).enumerate()

    def mine(number: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        weights = tf.cast(number < split.examples, tf.float32)
        return tuple(_share(each, size, cluster) for each in (weights, batch))

    def read(weights: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return *model.parse_example(batch), weights

    def batches() -> tf.data.Dataset:
        whole = filled.batch(size, drop_remainder=True)
        return whole.map(mine).unbatch().map(read, num_parallel_calls=AT_ONCE)

    return _distribute(batches, cluster)


def sample(split: Split, model: Model, most: int) -> tf.Tensor:
    """The first inputs of a split, at most so many."""
    records = next(iter(read_records(*split.files).batch(most)))
    return model.parse_example(records)[0]


def read_records(*files: Path) -> tf.data.Dataset:
    """The records of TFRecord files, one file after the other.

    tf.data.TFRecordDataset makes a graph of it each time, and an instance of that for each reading:
    three times what a small file takes. The operation inside of it reads several files by itself.
    """
    names = [str(path) for path in files]
    records = tf.raw_ops.TFRecordDataset(filenames=names, compression_type="", buffer_size=BUFFER)
    return untuned(tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string)))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Without tf.data's own thread that tunes it: that pauses for longer and longer, up to a
    minute, and the end of an iterator waits until the pause is over.

    (TensorFlow 2, core/framework/model.cc, Model::OptimizeLoop)
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def _bytes(split: Split) -> int:
    return sum(path.stat().st_size for path in split.files)


def _share(batch: tf.Tensor, size: int, cluster: Cluster) -> tf.Tensor:
    """This worker's part of a batch, a row for each of its replicas."""
    mine, here = size // cluster.workers, cluster.replicas // cluster.workers
    part = batch[cluster.rank * mine : (cluster.rank + 1) * mine]
    return tf.reshape(part, [here, mine // here])


def _distribute(batches: Any, cluster: Cluster) -> Any:
    return cluster.strategy.distribute_datasets_from_function(
        lambda _: untuned(batches().prefetch(READY))
    )


def _memory() -> int:
    """Bytes of this machine, rounded up to a power of two: the same on all machines of a kind."""
    return 1 << (_machine() - 1).bit_length()


def _machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
