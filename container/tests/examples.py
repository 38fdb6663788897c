"""Records and channels to test with."""

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf


def record(image: bytes, label: int) -> bytes:
    """A tf.train.Example as the training channel holds them."""
    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def shade(label: int) -> bytes:
    """An image of one colour, the label's: 3,072 bytes, channel first."""
    return b"".join(bytes([level]) * 32 * 32 for level in colour(label))


def colour(label: int) -> tuple[int, int, int]:
    """Red, green and blue, each of three levels, so that no two labels look alike."""
    return label % 3 * 127, label // 3 % 3 * 127, label // 9 * 127


def write(path: Path, records: Iterable[bytes]) -> Path:
    with tf.io.TFRecordWriter(str(path)) as file:
        for one in records:
            file.write(one)
    return path


def channel(folder: Path, images: int = 20) -> Path:
    """A channel folder with all three files; labels 0 to 9 in turn."""
    folder.mkdir(parents=True)
    for name in ("train", "validation", "eval"):
        labels = [number % 10 for number in range(images)]
        write(folder / f"{name}.tfrecords", [record(shade(label), label) for label in labels])
    return folder
