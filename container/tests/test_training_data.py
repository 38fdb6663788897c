"""Input is checked before anything is trained on it, and read in an order that can be repeated."""

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tiny_model
from records import channel, example, record, write

from training.checks import CHECKED_AT_ONCE, FEW, check, check_split
from training.cluster import Cluster
from training.data import evaluation_batches, read_records, training_batches
from training.errors import DatasetError, TrainingError

ALONE = Cluster(tf.distribute.get_strategy())
CHOICE = tiny_model.Hyperparameters(epochs=3, batch_size=4, noise=0)


def test_an_absent_channel_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no channel named training"):
        check(tmp_path / "training", tiny_model)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    training = channel(tmp_path / "training")
    (training / "validation.tfrecords").unlink()
    with pytest.raises(DatasetError, match=r"validation\.tfrecords is missing from channel tr"):
        check(training, tiny_model)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.tfrecords", [])
    with pytest.raises(DatasetError, match=r"train\.tfrecords holds no record"):
        check_split(tmp_path, "train", tiny_model)


@pytest.mark.parametrize("good", [999, FEW + CHECKED_AT_ONCE + 8])
def test_a_truncated_file_is_refused_at_the_record_that_is_cut(tmp_path: Path, good: int) -> None:
    path = write(tmp_path / "train.tfrecords", map(example, range(good + 1)))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DatasetError, match=rf"train\.tfrecords, record {good}: truncated"):
        check_split(tmp_path, "train", tiny_model)


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = write(tmp_path / "train.tfrecords", map(example, range(3)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="record 1: truncated, damaged"):
        check_split(tmp_path, "train", tiny_model)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.tfrecords").write_text("label,pixel0,pixel1\n" * 100)
    with pytest.raises(DatasetError, match=r"record 0: .*not a TFRecord"):
        check_split(tmp_path, "train", tiny_model)


@pytest.mark.parametrize("before", [CHECKED_AT_ONCE + 8, FEW + CHECKED_AT_ONCE + 8])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"hello, I am no protocol buffer", "Could not parse example input"),
        (b"", "Feature: label .* is required but could not be found"),
        (record([1.0] * 5, 1), "Key: numbers.  Number of float values != expected"),
        (record([float("nan")] * 6, 1), "not a finite number"),
        (record([1.0] * 6, 3), "label is 3, expected 0 to 2"),
        (record([1.0] * 6, -1), "label is -1"),
    ],
    ids=["foreign", "empty", "short", "not finite", "label too large", "label too small"],
)
def test_a_bad_record_is_named_with_the_reason(
    tmp_path: Path, bad: bytes, reason: str, before: int
) -> None:
    good = (list(map(example, range(8))) * before)[:before]
    write(tmp_path / "eval.tfrecords", [*good, bad, *good[:8]])
    where = rf"eval\.tfrecords, record {len(good)}: "
    with pytest.raises(DatasetError, match=rf"{where}.*{reason}") as refused:
        check_split(tmp_path, "eval", tiny_model)
    assert "hello" not in str(refused.value), "a reason must not carry the data"
    assert "{{" not in str(refused.value)


def as_wide_as_its_records(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    inputs, labels = tiny_model.parse_example(records)
    more = tf.cast(tf.reduce_max(labels), tf.int32)
    return tf.pad(inputs, [[0, 0], [0, more]]), labels


def test_a_shape_that_only_shows_in_many_records_is_refused_as_in_few(tmp_path: Path) -> None:
    model: Any = SimpleNamespace(
        INPUT_SHAPE=(7,),
        CLASS_NAMES=tiny_model.CLASS_NAMES,
        parse_example=as_wide_as_its_records,
    )
    write(tmp_path / "train.tfrecords", [example(1)] * (FEW + 8) + [example(2)])
    with pytest.raises(DatasetError, match=rf"record {FEW + 8}: .* shape \(8,\), expected \(7,\)"):
        check_split(tmp_path, "train", model)


@pytest.mark.parametrize("records", [3, FEW + 1])
def test_what_reads_records_one_by_one_only_is_refused_however_many_there_are(
    tmp_path: Path, records: int
) -> None:
    def parse_example(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tiny_model.parse_example(tf.constant(batch.numpy()))

    model: Any = SimpleNamespace(**{**vars(tiny_model), "parse_example": parse_example})
    for name in ("train", "validation", "eval"):
        write(tmp_path / f"{name}.tfrecords", map(example, range(records)))
    assert check_split(tmp_path, "train", model).examples == records
    with pytest.raises(TrainingError, match=r"parse_example cannot be made a graph.*numpy"):
        check(tmp_path, model)


def test_the_identity_of_the_data_is_that_of_its_records(tmp_path: Path) -> None:
    """Not of the files that they are in, nor of how they were read: a checkpoint is found by it."""
    records = [example(number) for number in range(FEW + CHECKED_AT_ONCE + 1)]
    told = hashlib.sha256()
    for one in records:
        told.update(len(one).to_bytes(8, "little") + one)
    write(tmp_path / "train.tfrecords", records)
    assert check_split(tmp_path, "train", tiny_model).digest == told.hexdigest()
    write(tmp_path / "eval-1.tfrecords", records[:7])
    write(tmp_path / "eval-2.tfrecords", records[7:])
    assert check_split(tmp_path, "eval", tiny_model).digest == told.hexdigest()


def test_class_names_must_be_as_many_as_the_classes(tmp_path: Path) -> None:
    training = channel(tmp_path / "training")
    (training / "classes.json").write_text('["cat", "dog"]')
    with pytest.raises(DatasetError, match=r"classes\.json is not a JSON list of 3 names"):
        check(training, tiny_model)


def test_a_part_may_be_in_several_files(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"train-{number}.tfrecords", [example(number)] * (number + 1))
    split = check_split(tmp_path, "train", tiny_model)
    assert (split.examples, len(split.files)) == (6, 3)


def batches(folder: Path, first_step: int = 0, **cluster: Any) -> list[list[list[float]]]:
    split = check_split(folder, "train", tiny_model)
    found = training_batches(split, tiny_model, replace(ALONE, **cluster), CHOICE, first_step)
    return [inputs.numpy().tolist() for inputs, _ in found]


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ten")
    write(folder / "train.tfrecords", map(example, range(10)))
    return folder


def test_each_epoch_has_an_order_of_its_own_the_same_in_each_run(ten: Path) -> None:
    steps = batches(ten)
    assert [len(batch) for batch in steps] == [4] * 6  # 10 examples give two batches of 4, thrice
    epochs = [steps[start] + steps[start + 1] for start in (0, 2, 4)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert all(len({tuple(row) for row in epoch}) == 8 for epoch in epochs)
    assert batches(ten) == steps


def test_any_step_can_be_taken_up_again(ten: Path) -> None:
    steps = batches(ten)
    for first in (1, 2, 5, 6):  # within an epoch, where one begins, the last one, and none
        assert batches(ten, first) == steps[first:]


def test_two_workers_share_the_batches_of_one(ten: Path) -> None:
    class OfTwo:  # a strategy as data.py sees it: two replicas, one of them here
        num_replicas_in_sync = 2
        distribute_datasets_from_function = staticmethod(
            tf.distribute.get_strategy().distribute_datasets_from_function
        )

    halves = [batches(ten, 1, strategy=OfTwo, rank=rank, workers=2) for rank in (0, 1)]
    assert [one + other for one, other in zip(*halves, strict=True)] == batches(ten, 1)


def test_nobody_waits_for_the_pause_of_a_thread_that_tunes(ten: Path) -> None:
    split = check_split(ten, "train", tiny_model)
    for dataset in (
        read_records(*split.files),
        training_batches(split, tiny_model, ALONE, CHOICE, 0),
        evaluation_batches(split, tiny_model, ALONE),
    ):
        assert dataset.options().autotune.enabled is False


def test_evaluation_weighs_every_example_once(ten: Path) -> None:
    split = check_split(ten, "train", tiny_model)
    (batch,) = evaluation_batches(split, tiny_model, ALONE)
    inputs, labels, weights = (each.numpy() for each in batch)
    assert weights.tolist() == [1] * 10 + [0] * 246
    assert labels[:10].tolist() == [0, 1, 2] * 3 + [0]
    assert len({tuple(row) for row in np.round(inputs[:10], 4)}) == 10


def test_records_are_read_once_however_often_they_are_trained_and_judged_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = check(channel(tmp_path / "training", 10), tiny_model)
    reads = {path.name: 0 for part in (data.train, data.validation) for path in part.files}

    def counted(filenames: list[str], **options: Any) -> tf.Tensor:
        def count(record: tf.Tensor) -> tf.Tensor:
            reads[Path(filenames[0]).name] += 1
            return record

        def through(record: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(tf.py_function(count, [record], tf.string), [])

        records = real(filenames=filenames, **options)
        text = tf.TensorSpec([], tf.string)
        return tf.data.experimental.to_variant(
            tf.data.experimental.from_variant(records, text).map(through)
        )

    real = tf.raw_ops.TFRecordDataset
    monkeypatch.setattr("tensorflow.raw_ops.TFRecordDataset", counted)
    assert len(list(training_batches(data.train, tiny_model, ALONE, CHOICE, 0))) == 3 * 2
    judged = evaluation_batches(data.validation, tiny_model, ALONE)
    for _ in range(3):
        assert len(list(judged)) == 1
    # And one that fills the last batch
    assert reads == {"train.tfrecords": 10, "validation.tfrecords": 10 + 1}
