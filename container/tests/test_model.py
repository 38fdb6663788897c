"""The model's own test: replaced together with model.py."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import model
from training.checks import check_split
from training.errors import DatasetError, HyperparameterError
from training.hyperparameters import parse

PLANES = np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8)


def record(image: bytes, label: int) -> bytes:
    feature = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def test_this_repositorys_hyperparameters_are_usable() -> None:
    given = json.loads((Path(__file__).parents[1] / "hyperparameters.json").read_text())
    parse({name: json.dumps(value) for name, value in given.items()}, model.Hyperparameters)


def test_whatever_tuning_may_choose_is_usable() -> None:
    ranges = json.loads((Path(__file__).parents[1] / "tuning.json").read_text())["ranges"]
    for name, allowed in ranges.items():
        for value in allowed.get("values") or (allowed["from"], allowed["to"]):
            parse({name: json.dumps(value)}, model.Hyperparameters)


@pytest.mark.parametrize(("name", "value"), [("depth", "9"), ("shift", "-1"), ("flip", "maybe")])
def test_a_choice_that_the_network_cannot_follow_is_refused(name: str, value: str) -> None:
    with pytest.raises(HyperparameterError, match=f"{name} is '{value}', expected"):
        parse({name: value}, model.Hyperparameters)


@pytest.mark.parametrize("depth", [8, 20])
def test_depth_counts_the_layers_that_learn_along_the_longest_path(depth: int) -> None:
    network = model.build_model(model.Hyperparameters(depth=depth))
    on_path = [layer for layer in network.layers if getattr(layer, "kernel_size", 0) == (3, 3)]
    assert len(on_path) + 1 == depth
    assert network.output_shape == (None, len(model.CLASS_NAMES))


def test_images_arrive_with_colour_as_the_last_dimension() -> None:
    images, labels = model.parse_example(tf.constant([record(PLANES.tobytes(), 4)]))
    assert images.dtype == tf.float32
    assert labels.numpy().tolist() == [4]
    assert (images[0].numpy() == PLANES.transpose(1, 2, 0)).all()


@pytest.mark.parametrize("size", [3071, 3073, 1024, 0])
def test_an_image_of_another_size_is_refused_with_its_record(tmp_path: Path, size: int) -> None:
    good, bad = record(bytes(3072), 1), record(bytes(size), 1)
    with tf.io.TFRecordWriter(str(tmp_path / "eval.tfrecords")) as file:
        for each in (good, good, bad, good):
            file.write(each)
    with pytest.raises(DatasetError, match=rf"record 2: .*{size}"):
        check_split(tmp_path, "eval", model)


def test_augmentation_shifts_and_mirrors_each_image_for_itself_and_repeatably() -> None:
    choice = model.Hyperparameters(shift=2, flip=True)
    images = tf.cast(tf.tile(PLANES.transpose(1, 2, 0)[None], [50, 1, 1, 1]), tf.float32)
    varied, again, otherwise = (
        model.augment(images, tf.constant(seed, tf.int64), choice).numpy()
        for seed in ([1, 2], [1, 2], [1, 3])
    )
    assert (varied == again).all()
    assert (varied != otherwise).any()
    padded = np.pad(images[0], [(2, 2), (2, 2), (0, 0)], "reflect")
    expected = {
        part.tobytes()
        for mirrored in (padded, padded[:, ::-1])
        for row in range(5)
        for column in range(5)
        for part in [np.ascontiguousarray(mirrored[row : row + 32, column : column + 32])]
    }
    found = {image.tobytes() for image in varied}
    assert found <= expected
    assert len(found) > 20


def test_without_augmentation_images_stay_as_they_are() -> None:
    images = tf.ones([2, 32, 32, 3])
    choice = model.Hyperparameters(shift=0, flip=False)
    assert (model.augment(images, tf.constant([1, 2], tf.int64), choice) == images).numpy().all()
