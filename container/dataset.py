"""Images in the CIFAR-10 format: TFRecords of `image` (3,072 bytes, channel first) and `label`."""

import json
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

CLASSES = 10
IMAGE_BYTES = 3 * 32 * 32


class DatasetError(ValueError):
    """Input that cannot be trained on; the text names the file, the record and the reason."""


@dataclass(frozen=True)
class Split:
    path: Path
    images: int


@dataclass(frozen=True)
class Data:
    train: Split
    validation: Split
    eval: Split
    classes: list[str]


def check(channel: Path) -> Data:
    """The data in a channel's folder, every record read and checked; raises DatasetError."""
    if not channel.is_dir():
        raise DatasetError(f"no channel named {channel.name}: {channel} does not exist")
    return Data(
        check_split(channel / "train.tfrecords"),
        check_split(channel / "validation.tfrecords"),
        check_split(channel / "eval.tfrecords"),
        _class_names(channel / "classes.json"),
    )


def check_split(path: Path) -> Split:
    """A file's path and number of images; raises DatasetError at the first bad record."""
    if not path.is_file():
        raise DatasetError(f"{path.name} is missing from channel {path.parent.name}")
    images = 0
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            problem = _problem(record)
            if problem:
                raise DatasetError(f"{path.name}, record {images}: {problem}")
            images += 1
    except tf.errors.DataLossError:
        raise DatasetError(
            f"{path.name}, record {images}: truncated, damaged, or not a TFRecord"
        ) from None
    if images == 0:
        raise DatasetError(f"{path.name} holds no record")
    return Split(path, images)


def batches(split: Split, batch_size: int, shuffle_seed: int | None = None) -> tf.data.Dataset:
    """Batches of (float32 [batch, 32, 32, 3] in 0..255, int64 [batch]).

    With a seed for training: in another order each epoch, and without the incomplete last batch.
    """
    records = tf.data.TFRecordDataset(str(split.path)).cache()
    if shuffle_seed is not None:
        records = records.shuffle(split.images, seed=shuffle_seed)
    batched = records.batch(batch_size, drop_remainder=shuffle_seed is not None)
    return batched.map(_decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _decode(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    # One parse for the whole batch: four times as fast as one for each image.
    feature = tf.io.parse_example(
        records,
        {
            "image": tf.io.FixedLenFeature([], tf.string),
            "label": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    pixels = tf.cast(tf.io.decode_raw(feature["image"], tf.uint8), tf.float32)
    channels_first = tf.reshape(pixels, [-1, 3, 32, 32])
    return tf.transpose(channels_first, [0, 2, 3, 1]), feature["label"]


def _problem(record: bytes) -> str | None:
    example = tf.train.Example()
    try:
        example.ParseFromString(record)
    except Exception:  # protobuf's DecodeError, which TensorFlow does not export
        return "not a tf.train.Example"
    image = example.features.feature["image"].bytes_list.value
    label = example.features.feature["label"].int64_list.value
    if len(image) != 1 or len(label) != 1:
        return "needs one image (bytes) and one label (int64)"
    if len(image[0]) != IMAGE_BYTES:
        return f"image has {len(image[0])} bytes, expected {IMAGE_BYTES} (3x32x32)"
    if not 0 <= label[0] < CLASSES:
        return f"label is {label[0]}, expected 0 to {CLASSES - 1}"
    return None


def _class_names(path: Path) -> list[str]:
    if not path.is_file():
        return [str(number) for number in range(CLASSES)]
    try:
        names = json.loads(path.read_text())
    except ValueError:
        names = None
    if not isinstance(names, list) or [type(name) for name in names] != [str] * CLASSES:
        raise DatasetError(f"{path.name} is not a JSON list of {CLASSES} names")
    return names
