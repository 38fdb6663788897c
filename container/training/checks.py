"""Every record of the input is read before anything is trained on it."""

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path

import tensorflow as tf

from training.data import Data, Split, read_records
from training.errors import DatasetError, TrainingError
from training.interface import Model
from training.manifest import check_manifest

# So many records at once, by so many threads: more would wait for the one that reads
CHECKED_AT_ONCE, THREADS = 256, 4
FEW = 2048  # are read before a graph is made
REASON_LENGTH = 200
_UNREADABLE = (tf.errors.InvalidArgumentError, ValueError)


def check(channel: Path, model: Model) -> Data:
    """The data in a channel's folder, every record read by the model; raises JobError."""
    if not channel.is_dir():
        raise DatasetError(f"no channel named {channel.name}: {channel} does not exist")
    check_manifest(channel)
    check_graph(model)
    return Data(
        check_split(channel, "train", model),
        check_split(channel, "validation", model),
        check_split(channel, "eval", model),
        class_names(channel / "classes.json", model),
    )


def check_graph(model: Model) -> None:
    """Training reads records by a graph, so `parse_example` has to be one; raises TrainingError."""
    try:
        read = tf.function(model.parse_example, input_signature=[tf.TensorSpec([None], tf.string)])
        read.get_concrete_function()
    # Of any kind: it is the code of whoever has written the model
    except Exception as error:
        reason = str(error).strip().rpartition("\n")[2].strip()[:REASON_LENGTH]
        raise TrainingError(
            f"parse_example cannot be made a graph, by which training reads (tf.function): {reason}"
        ) from error


def check_split(channel: Path, name: str, model: Model) -> Split:
    """A part's files and number of examples; raises DatasetError at the first bad record."""
    files = (channel / f"{name}.tfrecords", *sorted(channel.glob(f"{name}-*.tfrecords")))
    found = tuple(path for path in files if path.is_file())
    if not found:
        raise DatasetError(f"{name}.tfrecords is missing from channel {channel.name}")
    examples, digest = 0, hashlib.sha256()
    for path in found:
        count = _count(path, model, digest)
        if count == 0:
            raise DatasetError(f"{path.name} holds no record")
        examples += count
    return Split(found, examples, digest.hexdigest())


def _count(path: Path, model: Model, digest: "hashlib._Hash") -> int:
    """The number of records, once each was read: the first few as they come, which is all of a
    small file, the others by a graph. What that does not like is looked at as the first were."""
    records = read_records(path)
    try:
        count = _looked_at(records.take(FEW), 0, path.name, model, digest)
        if count < FEW:
            return count
        # Of any kind: a graph has other names for an error, and some before its first record
        with suppress(Exception):
            for batch, good in _judged(records.skip(count), model):
                if not good:
                    break
                count += _take(batch, digest)
            else:
                return count
        return _looked_at(records.skip(count), count, path.name, model, digest)
    except tf.errors.DataLossError:
        raise DatasetError(
            f"{path.name}, record {_readable(records)}: truncated, damaged, or not a TFRecord"
        ) from None


def _looked_at(
    records: tf.data.Dataset, first: int, name: str, model: Model, digest: "hashlib._Hash"
) -> int:
    """The number of the record behind the last, once all of them were read."""
    for batch in records.batch(CHECKED_AT_ONCE):
        if _problem(batch, model):
            raise DatasetError(f"{name}, {_first_problem(batch, first, model)}")
        first += _take(batch, digest)
    return first


def _judged(records: tf.data.Dataset, model: Model) -> tf.data.Dataset:
    """Batches in their order, several judged at a time, and whether all is well with each."""

    def judge(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, labels = model.parse_example(batch)
        inputs = tf.ensure_shape(inputs, [None, *model.INPUT_SHAPE])
        finite = tf.reduce_all(tf.math.is_finite(inputs))
        known = tf.reduce_all((labels >= 0) & (labels < len(model.CLASS_NAMES)))
        return batch, finite & known

    return records.batch(CHECKED_AT_ONCE).map(judge, num_parallel_calls=THREADS)


def _take(batch: tf.Tensor, digest: "hashlib._Hash") -> int:
    for record in batch.numpy():
        digest.update(len(record).to_bytes(8, "little") + record)
    return len(batch)


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
    except _UNREADABLE as error:
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


def class_names(path: Path, model: Model) -> tuple[str, ...]:
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
