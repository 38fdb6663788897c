"""Records and channels for tiny_model."""

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf


def record(numbers: Iterable[float], label: int) -> bytes:
    """A tf.train.Example as tiny_model reads it."""
    feature = {
        "numbers": tf.train.Feature(float_list=tf.train.FloatList(value=numbers)),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def example(number: int) -> bytes:
    """Three kinds in turn, told apart by their height; no two are the same."""
    label = number % 3
    return record([label + 0.01 * ((number * 7 + place) % 11) for place in range(6)], label)


def write(path: Path, records: Iterable[bytes]) -> Path:
    with tf.io.TFRecordWriter(str(path)) as file:
        for one in records:
            file.write(one)
    return path


def channel(folder: Path, examples: int = 60) -> Path:
    """A channel folder with all three files."""
    folder.mkdir(parents=True)
    for name in ("train", "validation", "eval"):
        write(folder / f"{name}.tfrecords", map(example, range(examples)))
    return folder
