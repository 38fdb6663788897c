"""How good answers are: per class, as a whole, and whether they are as sure as they are right."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.record import Bin, ClassFigures, Metrics

BINS = 10
LEAST = 1e-7  # for the logarithm: next to 0 as float32 tells it


def confusion(
    labels: NDArray[np.int64], classes: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """[label, answer], of `count` classes."""
    return np.bincount(labels * count + classes, minlength=count * count).reshape(count, count)


def metrics(
    labels: NDArray[np.int64],
    classes: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    names: Sequence[str],
) -> Metrics:
    """Of at least one example; labels, answers and columns are indices of `names`."""
    table = confusion(labels, classes, len(names))
    every = np.arange(len(labels))
    told = probabilities[every, labels].astype(np.float64)
    bins = calibration(probabilities[every, classes], labels == classes)
    figures = tuple(_class(name, table, index) for index, name in enumerate(names))
    recalls = [each.recall for each in figures if each.recall is not None]
    return Metrics(
        class_names=tuple(names),
        examples=len(labels),
        accuracy=float(np.mean(labels == classes)),
        balanced_accuracy=float(np.mean(recalls)),
        log_loss=float(-np.log(np.clip(told, LEAST, 1)).mean()),
        confusion=table,
        classes=figures,
        calibration_error=calibration_error(bins, len(labels)),
        calibration=bins,
    )


def calibration(sure: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Bins of equal width by the probability of what was answered; 1 is in the last."""
    where = np.clip((sure.astype(np.float64) * BINS).astype(int), 0, BINS - 1)
    found = []
    for number in range(BINS):
        inside = where == number
        filled = bool(inside.any())
        found.append(
            Bin(
                number / BINS,
                (number + 1) / BINS,
                int(inside.sum()),
                float(sure[inside].mean(dtype=np.float64)) if filled else None,
                float(right[inside].mean()) if filled else None,
            )
        )
    return tuple(found)


def calibration_error(bins: Sequence[Bin], examples: int) -> float:
    """Expected calibration error: how far confidence is from accuracy, on average.

    Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, 2015.
    """
    return sum(
        each.examples / examples * abs(each.confidence - each.accuracy)
        for each in bins
        if each.confidence is not None and each.accuracy is not None
    )


def _class(name: str, table: NDArray[np.int64], index: int) -> ClassFigures:
    right = int(table[index, index])
    examples, answered = int(table[index].sum()), int(table[:, index].sum())
    return ClassFigures(
        name,
        examples,
        answered,
        right,
        precision=right / answered if answered else None,
        recall=right / examples if examples else None,
        f1=2 * right / (examples + answered) if examples + answered else None,
    )
