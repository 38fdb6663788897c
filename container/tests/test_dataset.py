from pathlib import Path

import numpy as np
import pytest
from examples import channel, record, shade, write

from dataset import DatasetError, batches, check, check_split

GOOD = record(shade(1), 1)


def test_an_absent_channel_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no channel named training"):
        check(tmp_path / "training")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    training = channel(tmp_path / "training")
    (training / "validation.tfrecords").unlink()
    with pytest.raises(DatasetError, match=r"validation\.tfrecords is missing from channel tr"):
        check(training)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"train\.tfrecords holds no record"):
        check_split(write(tmp_path / "train.tfrecords", []))


def test_a_truncated_file_is_refused_at_the_record_that_is_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "train.tfrecords", [GOOD] * 3)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DatasetError, match=r"train\.tfrecords, record 2: truncated"):
        check_split(path)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = write(tmp_path / "train.tfrecords", [GOOD] * 3)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="record 1: truncated, damaged"):
        check_split(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.tfrecords"
    path.write_text("label,pixel0,pixel1\n" * 100)
    with pytest.raises(DatasetError, match=r"record 0: .*not a TFRecord"):
        check_split(path)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"hello, I am no protocol buffer", "not a tf.train.Example"),
        (b"", "needs one image"),
        (record(shade(1)[:-1], 1), "image has 3071 bytes, expected 3072"),
        (record(shade(1), 10), "label is 10, expected 0 to 9"),
        (record(shade(1), -1), "label is -1"),
    ],
)
def test_a_bad_record_is_named_with_the_reason(tmp_path: Path, bad: bytes, reason: str) -> None:
    path = write(tmp_path / "eval.tfrecords", [GOOD, GOOD, bad, GOOD])
    with pytest.raises(DatasetError, match=rf"eval\.tfrecords, record 2: {reason}"):
        check_split(path)


def test_class_names_must_be_as_many_as_the_classes(tmp_path: Path) -> None:
    training = channel(tmp_path / "training")
    (training / "classes.json").write_text('["cat", "dog"]')
    with pytest.raises(DatasetError, match=r"classes\.json is not a JSON list of 10 names"):
        check(training)


def test_images_arrive_with_colour_as_the_last_dimension(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).integers(0, 256, (3, 32, 32), np.uint8)
    split = check_split(write(tmp_path / "train.tfrecords", [record(planes.tobytes(), 4)]))
    ((images, labels),) = batches(split, 8).as_numpy_iterator()
    assert images.shape == (1, 32, 32, 3)
    assert images.dtype == np.float32
    assert labels.tolist() == [4]
    for row, column in ((0, 0), (5, 31), (31, 5)):
        assert images[0, row, column].tolist() == planes[:, row, column].tolist()


def test_the_order_changes_each_epoch_and_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    labels = list(range(10))
    split = check_split(
        write(tmp_path / "train.tfrecords", [record(shade(label), label) for label in labels])
    )

    def two_epochs(seed: int) -> list[list[int]]:
        shuffled = batches(split, 10, shuffle_seed=seed)
        return [next(shuffled.as_numpy_iterator())[1].tolist() for _ in range(2)]

    first, second = two_epochs(seed=1)
    assert first != second
    assert sorted(first) == sorted(second) == labels
    assert two_epochs(seed=1) == [first, second]
    assert two_epochs(seed=2) != [first, second]
