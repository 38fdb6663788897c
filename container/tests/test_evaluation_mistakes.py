"""What is picked out of all answers for a person to look at, and what is written of each."""

import csv
from pathlib import Path

import numpy as np

from evaluation import predictions
from evaluation.mistakes import Collector
from evaluation.record import Comparison, Evaluation, Mistake, Scored
from serving.engines import Prediction


def answered(labels: list[int], classes: list[int], sure: list[float]) -> list[Mistake]:
    """The worst three, of two batches."""
    collector = Collector(most=3)
    probabilities = np.zeros((len(labels), 3), np.float32)
    probabilities[np.arange(len(labels)), classes] = sure
    inputs = np.arange(len(labels), dtype=np.float32)[:, None] * [1, 10]
    for some in (slice(0, 4), slice(4, None)):
        answer = Prediction(np.array(classes)[some], probabilities[some])
        collector.add(inputs[some].astype(np.float32), np.array(labels)[some], answer)
        inputs[some] = -1  # what was kept is its own
    return list(collector.result())


def test_the_most_confident_mistakes_stay_with_what_was_asked() -> None:
    sure = [0.5, 0.875, 0.75, 0.9, 0.625, 0.99]
    found = answered([0, 0, 0, 0, 0, 0], [1, 2, 1, 0, 1, 1], sure)
    assert [each.index for each in found] == [5, 1, 2]
    assert [each.probability for each in found[1:]] == [0.875, 0.75]
    assert (found[1].label, found[1].predicted) == (0, 2)
    assert found[1].input.tolist() == [1, 10]


def test_of_mistakes_that_are_as_sure_the_first_stay_in_their_order() -> None:
    assert [each.index for each in answered([0] * 6, [1] * 6, [0.5] * 6)] == [0, 1, 2]


def test_who_makes_no_mistake_has_none() -> None:
    assert answered([1, 2], [1, 2], [0.5, 0.5]) == []


def test_a_spreadsheet_takes_no_class_name_for_a_formula(tmp_path: Path) -> None:
    names = ("=1+1", "-1", "@home", "plain, of two")
    every = np.arange(4)
    candidate = Scored("new", "onnxruntime", names, every, np.eye(4, dtype=np.float32))
    evaluation = Evaluation(
        candidate=candidate,
        champion=None,
        comparison=Comparison("none", ""),
        labels=every,
        class_names=names,
        metrics=None,
        champion_metrics=None,
        shape=(2,),
        commit="",
        words="",
    )
    predictions.write(evaluation, tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.reader(file))
    assert [row[1] for row in rows] == ["label", "'=1+1", "-1", "'@home", "plain, of two"]
    assert rows[1] == ["0", "'=1+1", "'=1+1", "1.000000", "", ""]
