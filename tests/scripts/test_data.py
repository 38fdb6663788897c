from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts import data, tfrecord
from scripts.session import Problem

FILES = ("train.tfrecords", "validation.tfrecords", "eval.tfrecords", "classes.json")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    data.write_digits(folder)
    return folder


def labels(path: Path) -> list[int]:
    return [tfrecord.read(path, index)[1] for index in range(tfrecord.count(path))]


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


def test_the_digits_are_the_same_bytes_every_time(digits: Path, tmp_path: Path) -> None:
    data.write_digits(tmp_path)
    for name in FILES:
        assert (digits / name).read_bytes() == (tmp_path / name).read_bytes()


def test_each_split_of_the_digits_has_its_share_of_every_class(digits: Path) -> None:
    for split, images in {"train": 1257, "validation": 180, "eval": 360}.items():
        found = labels(digits / f"{split}.tfrecords")
        assert len(found) == images
        shares = np.bincount(found, minlength=10) / images
        assert (abs(shares - 0.1) < 0.01).all()


def test_no_digit_is_in_two_splits(digits: Path) -> None:
    def images(split: str) -> set[bytes]:
        path = digits / f"{split}.tfrecords"
        return {tfrecord.read(path, i)[0].tobytes() for i in range(tfrecord.count(path))}

    train, validation, evaluation = map(images, tfrecord.SPLITS)
    assert not train & validation and not train & evaluation and not validation & evaluation


def test_a_sample_is_the_held_out_image_itself(digits: Path) -> None:
    image, label = tfrecord.read(digits / "eval.tfrecords", 5)
    picture = data.write_sample(digits, 5)
    assert picture.name == f"sample-{label}.png"
    assert (np.asarray(Image.open(picture)) == image.transpose(1, 2, 0)).all()


def test_a_sample_beyond_the_data_is_refused(digits: Path) -> None:
    with pytest.raises(Problem, match=r"there is no image 360 .* 0 to 359"):
        data.write_sample(digits, 360)


def test_a_sample_without_data_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="missing: run `make data`"):
        data.write_sample(tmp_path, 0)


def test_a_sample_of_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "eval.tfrecords").write_bytes(bytes(10_000))
    with pytest.raises(Problem, match=r"was not written by scripts\.data"):
        data.write_sample(tmp_path, 0)


def test_the_command_line_tells_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert data.main(["digits", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "eval.tfrecords: 360 images" in said
    [sample] = tmp_path.glob("sample-*.png")
    assert str(sample) in said
    assert data.main(["sample", "--output", str(tmp_path), "--index", "-1"]) == 2
    assert capsys.readouterr().err.startswith("Error: there is no image -1")


def test_data_that_does_not_exist_is_refused_with_what_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert data.main(["cifar100"]) == 2
    assert capsys.readouterr().err == ("Error: DATA=cifar100: choose digits, cifar10 or sample\n")
