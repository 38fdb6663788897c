"""TFRecords are TensorFlow's own, written and read without it."""

from pathlib import Path

import numpy as np
import pytest

from scripts.lib import tfrecord


def test_the_records_are_byte_for_byte_what_tensorflow_writes(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    images = np.random.default_rng(0).integers(0, 256, (20, 3072), np.uint8)
    numbers = np.arange(20, dtype=np.uint8) * 6
    with (tmp_path / "ours").open("wb") as file:
        tfrecord.write(file, images, numbers)
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for image, number in zip(images, numbers, strict=True):
            feature = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()])),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(number)])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString(deterministic=True))
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3072), np.uint8)
    with (tmp_path / "some").open("wb") as file:
        tfrecord.write(file, images, np.arange(5, dtype=np.uint8))
    image, label = tfrecord.read(tmp_path / "some", 3)
    assert label == 3
    assert (image.reshape(-1) == images[3]).all()
