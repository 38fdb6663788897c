"""Would a later version be given the same numbers for the same example?"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf
import tiny_model
from records import record, write

from training import likeness
from training.checks import check_split
from training.data import Split


def split(folder: Path, first: int, count: int = 100) -> Split:
    folder.mkdir()
    numbers = (
        [7 * place + 0.01 * number for place in range(6)] for number in range(first, first + count)
    )
    write(folder / "eval.tfrecords", (record(each, 1) for each in numbers))
    return check_split(folder, "eval", tiny_model)


def changed(how: Any) -> Any:
    """tiny_model with other inputs."""

    def parse_example(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, labels = tiny_model.parse_example(records)
        return how(inputs), labels

    return SimpleNamespace(parse_example=parse_example)


def test_the_same_code_gives_the_same_inputs(tmp_path: Path) -> None:
    known = likeness.describe(split(tmp_path / "then", 0), tiny_model)
    assert len(known) == likeness.KEPT
    assert likeness.differs(split(tmp_path / "now", -90), tiny_model, known) is None
    assert likeness.differs(split(tmp_path / "new", 0), changed(lambda x: x * 1.001), known) is None


@pytest.mark.parametrize(
    "how",
    [lambda x: x / 255, lambda x: x - 1, lambda x: x[:, ::-1], lambda x: x[:, :5]],
    ids=["scaled", "shifted", "turned", "shorter"],
)
def test_other_inputs_for_an_example_that_both_know_are_seen(tmp_path: Path, how: Any) -> None:
    known = likeness.describe(split(tmp_path / "then", 0), tiny_model)
    assert likeness.differs(split(tmp_path / "now", -90), changed(how), known) == 90


def test_of_other_data_nothing_can_be_told(tmp_path: Path) -> None:
    known = likeness.describe(split(tmp_path / "then", 0, 20), tiny_model)
    assert likeness.differs(split(tmp_path / "now", 50), changed(lambda x: x / 255), known) is None


def test_what_is_kept_of_the_data_is_no_data(tmp_path: Path) -> None:
    for name, figures in likeness.describe(split(tmp_path / "then", 0, 5), tiny_model).items():
        assert len(name) == 64 and len(figures) == 2 + likeness.PROBES
