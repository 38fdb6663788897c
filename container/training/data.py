"""TFRecord files: checked record by record before training, then read in batches."""

import hashlib
import json
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from training.cluster import Cluster
from training.errors import DatasetError
from training.hyperparameters import Hyperparameters
from training.interface import Model

CHECKED_AT_ONCE = 512
EVALUATED_AT_ONCE = 256
# A shuffle holds at most so many records in memory; of a larger file it mixes what is near
SHUFFLED = 200_000
REASON_LENGTH = 200


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


def check(channel: Path, model: Model) -> Data:
    """The data in a channel's folder, every record read by the model; raises DatasetError."""
    if not channel.is_dir():
        raise DatasetError(f"no channel named {channel.name}: {channel} does not exist")
    return Data(
        check_split(channel, "train", model),
        check_split(channel, "validation", model),
        check_split(channel, "eval", model),
        _class_names(channel / "classes.json", model),
    )


def check_split(channel: Path, name: str, model: Model) -> Split:
    """A part's files and number of examples; raises DatasetError at the first bad record."""
    files = (channel / f"{name}.tfrecords", *sorted(channel.glob(f"{name}-*.tfrecords")))
    found = tuple(path for path in files if path.is_file())
    if not found:
        raise DatasetError(f"{name}.tfrecords is missing from channel {channel.name}")
    examples, digest = 0, hashlib.sha256()
    for path in found:
        count = _count(path, model)
        if count == 0:
            raise DatasetError(f"{path.name} holds no record")
        examples += count
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return Split(found, examples, digest.hexdigest())


def training_batches(
    split: Split, model: Model, cluster: Cluster, choice: Hyperparameters, first_step: int
) -> Any:
    """Distributed (inputs, labels) of each step from `first_step` on.

    The order is a function of seed and epoch, and each worker takes its part of the batch that one
    worker alone would have: so any step can be taken up again, by as many workers.
    """
    steps = split.examples // choice.batch_size
    records = _records(split)
    held = sum(path.stat().st_size for path in split.files) / (_memory() / 4)
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
        return mine.enumerate(first).map(read, num_parallel_calls=tf.data.AUTOTUNE)

    return _distribute(batches, cluster)


def evaluation_batches(split: Split, model: Model, cluster: Cluster) -> Any:
    """Distributed (inputs, labels, weights); weight 0 is for what only fills the last batch."""
    size = math.ceil(EVALUATED_AT_ONCE / cluster.replicas) * cluster.replicas
    missing = -split.examples % size
    records = _records(split)
    filled = records.concatenate(records.take(1).repeat(missing)).enumerate()

    def mine(number: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        weights = tf.cast(number < split.examples, tf.float32)
        return tuple(_share(each, size, cluster) for each in (weights, batch))

    def read(weights: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return *model.parse_example(batch), weights

    def batches() -> tf.data.Dataset:
        whole = filled.batch(size, drop_remainder=True)
        return whole.map(mine).unbatch().map(read, num_parallel_calls=tf.data.AUTOTUNE)

    return _distribute(batches, cluster)


def sample(split: Split, model: Model, most: int) -> tf.Tensor:
    """The first inputs of a split, at most so many."""
    records = next(iter(_records(split).batch(most)))
    return model.parse_example(records)[0]


def _records(split: Split) -> tf.data.Dataset:
    return tf.data.TFRecordDataset([str(path) for path in split.files])


def _share(batch: tf.Tensor, size: int, cluster: Cluster) -> tf.Tensor:
    """This worker's part of a batch, a row for each of its replicas."""
    mine, here = size // cluster.workers, cluster.replicas // cluster.workers
    part = batch[cluster.rank * mine : (cluster.rank + 1) * mine]
    return tf.reshape(part, [here, mine // here])


def _distribute(batches: Any, cluster: Cluster) -> Any:
    return cluster.strategy.distribute_datasets_from_function(
        lambda _: batches().prefetch(tf.data.AUTOTUNE)
    )


def _memory() -> int:
    """Bytes of this machine, rounded up to a power of two: the same on all machines of a kind."""
    return 1 << (_bytes() - 1).bit_length()


def _bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _count(path: Path, model: Model) -> int:
    records = tf.data.TFRecordDataset(str(path))
    count = 0
    try:
        for batch in records.batch(CHECKED_AT_ONCE):
            if _problem(batch, model):
                raise DatasetError(f"{path.name}, {_first_problem(batch, count, model)}")
            count += len(batch)
    except tf.errors.DataLossError:
        raise DatasetError(
            f"{path.name}, record {_readable(records)}: truncated, damaged, or not a TFRecord"
        ) from None
    return count


def _readable(records: tf.data.Dataset) -> int:
    count = 0
    try:
        for _ in records:
            count += 1
    except tf.errors.DataLossError:
        pass
    return count


def _first_problem(batch: tf.Tensor, first: int, model: Model) -> str:
    for number in range(len(batch)):
        problem = _problem(batch[number : number + 1], model)
        if problem:
            return f"record {first + number}: {problem}"
    # Each can be read alone, so they differ from each other
    return f"records {first} to {first + len(batch) - 1}: {_problem(batch, model)}"


def _problem(records: tf.Tensor, model: Model) -> str | None:
    try:
        inputs, labels = model.parse_example(records)
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        return _plain(str(error))
    if tuple(inputs.shape[1:]) != model.INPUT_SHAPE:
        return f"the input has shape {tuple(inputs.shape[1:])}, expected {model.INPUT_SHAPE}"
    if not tf.reduce_all(tf.math.is_finite(inputs)):
        return "the input holds what is not a finite number"
    wrong = tf.boolean_mask(labels, (labels < 0) | (labels >= len(model.CLASS_NAMES)))
    if len(wrong):
        return f"label is {int(wrong[0])}, expected 0 to {len(model.CLASS_NAMES) - 1}"
    return None


def _plain(message: str) -> str:
    """TensorFlow's reason without the names of its nodes, and without the record's content."""
    noise = r"\{\{.*?\}\}\s*|\s*\[Op:.*|,? value: '.*|Name: <unknown>, |, Index: \d+"
    reason = re.sub(noise, "", message.strip().partition("\n")[0])
    return reason.strip()[:REASON_LENGTH] or "cannot be read"


def _class_names(path: Path, model: Model) -> tuple[str, ...]:
    if not path.is_file():
        return tuple(model.CLASS_NAMES)
    try:
        names = json.loads(path.read_text())
    except ValueError:
        names = None
    wanted = len(model.CLASS_NAMES)
    if not isinstance(names, list) or [type(name) for name in names] != [str] * wanted:
        raise DatasetError(f"{path.name} is not a JSON list of {wanted} names")
    return tuple(names)
