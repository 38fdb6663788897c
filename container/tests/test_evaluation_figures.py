"""One model's figures, counted by hand, and SageMaker's layout of them."""

import math

import numpy as np
import pytest

from evaluation.figures import metrics
from evaluation.quality import multiclass

# Labels, and answers: a is taken for b once, c is never answered
LABELS = np.array([0, 0, 0, 1, 1, 2])
CLASSES = np.array([0, 0, 1, 1, 1, 0])
PROBABILITIES = np.array(
    [
        [0.95, 0.05, 0],
        [0.65, 0.2, 0.15],
        [0.35, 0.65, 0],
        [0.05, 0.95, 0],
        [0, 1, 0],
        [0.85, 0, 0.15],
    ],
    np.float32,
)
FOUND = metrics(LABELS, CLASSES, PROBABILITIES, ("a", "b", "c"))


def test_every_class_has_its_figures_and_none_where_there_is_none() -> None:
    assert FOUND.confusion.tolist() == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    a, b, c = FOUND.classes
    assert (a.examples, a.answered, a.right) == (3, 3, 2)
    assert (a.precision, a.recall, a.f1) == (2 / 3, 2 / 3, 2 / 3)
    assert (b.precision, b.recall, b.f1) == (2 / 3, 1, 4 / 5)
    assert (c.precision, c.recall, c.f1) == (None, 0, 0)


def test_the_whole_has_accuracy_and_the_mean_over_classes_and_the_loss() -> None:
    assert FOUND.accuracy == 4 / 6
    assert FOUND.balanced_accuracy == pytest.approx((2 / 3 + 1 + 0) / 3)
    told = [0.95, 0.65, 0.35, 0.95, 1, 0.15]
    assert FOUND.log_loss == pytest.approx(-sum(map(math.log, told)) / 6, rel=1e-6)


def test_a_class_that_does_not_occur_is_not_in_the_mean() -> None:
    found = metrics(np.array([0, 1]), np.array([0, 0]), PROBABILITIES[:2], ("a", "b", "c"))
    assert found.balanced_accuracy == 0.5
    assert (found.classes[2].recall, found.classes[2].f1) == (None, None)


def test_calibration_holds_how_sure_against_how_right() -> None:
    # 0.65 wrong, 0.65 right; 0.85 wrong; 0.95, 0.95 and 1 right
    filled = {each.low: each for each in FOUND.calibration if each.examples}
    assert [(low, each.examples, each.accuracy) for low, each in filled.items()] == [
        (0.6, 2, 0.5),
        (0.8, 1, 0),
        (0.9, 3, 1),
    ]
    assert filled[0.9].confidence == pytest.approx(2.9 / 3)
    assert FOUND.calibration_error == pytest.approx((2 * 0.15 + 0.85 + 0.1) / 6)
    assert FOUND.calibration[0].confidence is None


def test_sagemakers_layout_has_the_labels_outside_and_weighs_by_them() -> None:
    found = multiclass(LABELS, CLASSES, 3)
    assert found["confusion_matrix"]["0"] == {"0": 2, "1": 1, "2": 0}
    assert found["confusion_matrix"]["2"] == {"0": 1, "1": 0, "2": 0}
    value = {name: each["value"] for name, each in found.items() if "value" in each}
    assert value["accuracy"] == value["weighted_recall"] == pytest.approx(4 / 6)
    # 3 of 6 with precision 2/3, 2 with 2/3, 1 with 0
    assert value["weighted_precision"] == pytest.approx(5 / 6 * 2 / 3)
    assert value["weighted_f1"] == pytest.approx((3 * 2 / 3 + 2 * 4 / 5) / 6)
    assert value["weighted_f2"] == pytest.approx((3 * 2 / 3 + 2 * f(2, 2 / 3, 1)) / 6)
    assert value["weighted_f0_5"] == pytest.approx((3 * 2 / 3 + 2 * f(0.5, 2 / 3, 1)) / 6)


def test_the_best_constant_classifier_always_says_the_most_frequent_class() -> None:
    value = {name: each.get("value") for name, each in multiclass(LABELS, CLASSES, 3).items()}
    assert value["accuracy_best_constant_classifier"] == 0.5
    assert value["weighted_recall_best_constant_classifier"] == 0.5
    assert value["weighted_precision_best_constant_classifier"] == 0.25
    assert value["weighted_f1_best_constant_classifier"] == pytest.approx(0.5 * f(1, 0.5, 1))


def f(beta: float, precision: float, recall: float) -> float:
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


@pytest.mark.parametrize(("examples", "told"), [(199, False), (200, True)])
def test_deviations_are_told_from_two_hundred_examples_on(examples: int, told: bool) -> None:
    labels = np.arange(examples) % 2
    found = multiclass(labels, np.zeros(examples, np.int64), 2)["accuracy"]
    assert found["value"] == pytest.approx(0.5, abs=0.01)
    if told:
        # Of 160 out of 200: the root of 0.25 / 160, smaller since these are most of all
        assert 0 < found["standard_deviation"] < math.sqrt(0.25 / 160)
    else:
        assert found["standard_deviation"] == "NaN"
    assert multiclass(labels, np.zeros(examples, np.int64), 2)["accuracy"] == found
