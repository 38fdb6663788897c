"""The digits are fixed, balanced and never in two splits; a sample is one of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.lib import tfrecord
from scripts.lib.digits import write_digits, write_sample
from scripts.lib.problems import Problem

FILES = ("train.tfrecords", "validation.tfrecords", "eval.tfrecords", "classes.json")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits")
    write_digits(folder)
    return folder


def labels(path: Path) -> list[int]:
    return [tfrecord.read(path, index)[1] for index in range(tfrecord.count(path))]


def test_the_digits_are_the_same_bytes_every_time(digits: Path, tmp_path: Path) -> None:
    write_digits(tmp_path)
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
    picture = write_sample(digits, 5)
    assert picture.name == f"sample-{label}.png"
    assert (np.asarray(Image.open(picture)) == image.transpose(1, 2, 0)).all()


def test_a_sample_beyond_the_data_is_refused(digits: Path) -> None:
    with pytest.raises(Problem, match=r"there is no image 360 .* 0 to 359"):
        write_sample(digits, 360)


def test_a_sample_without_data_says_how_to_get_some(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="missing: run `make data`"):
        write_sample(tmp_path, 0)


def test_a_sample_of_a_foreign_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "eval.tfrecords").write_bytes(bytes(10_000))
    with pytest.raises(Problem, match=r"was not written by scripts\.data"):
        write_sample(tmp_path, 0)
