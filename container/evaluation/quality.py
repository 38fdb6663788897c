"""evaluation.json: SageMaker's layout for the quality of a model, and beside it what that lacks.

Amazon SageMaker Developer Guide, "Model quality metrics and Amazon CloudWatch monitoring": the
confusion matrix by label and then by answer; a class that is never answered has precision 0; a
standard deviation is that of five samples of 80 % of the data, and "NaN" for less than 200
examples.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.figures import confusion
from evaluation.record import Evaluation, Metrics

SAMPLES, SHARE, LEAST = 5, 0.8, 200
OURS = "evaluation"


def document(evaluation: Evaluation) -> dict[str, Any]:
    """What evaluation.json holds; only the second part, where nothing could be measured."""
    champion = evaluation.champion
    ours = {
        "version": evaluation.candidate.name,
        "commit": evaluation.commit,
        "words": evaluation.words,
        "comparison": asdict(evaluation.comparison),
        "candidate": {
            "engine": evaluation.candidate.engine,
            "metrics": evaluation.metrics and _figures(evaluation.metrics),
        },
        "champion": champion
        and {
            "version": champion.name,
            "engine": champion.engine,
            "metrics": evaluation.champion_metrics and _figures(evaluation.champion_metrics),
        },
        "hyperparameters": evaluation.hyperparameters,
        "history": [asdict(epoch) for epoch in evaluation.history],
    }
    if evaluation.metrics is None:
        return {OURS: ours}
    layout = multiclass(
        evaluation.labels, evaluation.candidate.classes, len(evaluation.class_names)
    )
    return {"multiclass_classification_metrics": layout, OURS: ours}


def multiclass(labels: NDArray[np.int64], classes: NDArray[np.int64], count: int) -> dict[str, Any]:
    """The part that SageMaker knows, of `count` classes."""
    table = confusion(labels, classes, count)
    whole = _weighted(table)
    deviations: dict[str, float | str] = dict.fromkeys(whole, "NaN")
    if len(labels) >= LEAST:
        generator = np.random.default_rng(0)
        size = round(SHARE * len(labels))
        samples = [
            _weighted(confusion(labels[some], classes[some], count))
            for some in (generator.choice(len(labels), size, replace=False) for _ in range(SAMPLES))
        ]
        deviations = {name: float(np.std([sample[name] for sample in samples])) for name in whole}
    return {
        "confusion_matrix": _table(table),
        **{
            name: {"value": value, "standard_deviation": deviations[name]}
            for name, value in whole.items()
        },
    }


def _weighted(table: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy, and the means over the classes by their share of the labels; the same of a model
    that always answers the most frequent class."""
    examples = table.sum(axis=1)
    constant = np.zeros_like(table)
    constant[:, examples.argmax()] = examples
    return {
        f"{name}{end}": value
        for end, each in (("", table), ("_best_constant_classifier", constant))
        for name, value in _means(each).items()
    }


def _means(table: NDArray[np.int64]) -> dict[str, float]:
    right, examples, answered = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    share = examples / examples.sum()

    def mean(beta: float) -> float:
        """F-beta is right answers over a mean of what was labelled and what was answered."""
        over = beta**2 * examples + answered
        return float(share @ ((1 + beta**2) * right / np.maximum(over, 1)))

    return {
        "accuracy": float(right.sum() / examples.sum()),
        "weighted_recall": float(share @ (right / np.maximum(examples, 1))),
        "weighted_precision": float(share @ (right / np.maximum(answered, 1))),
        "weighted_f0_5": mean(0.5),
        "weighted_f1": mean(1),
        "weighted_f2": mean(2),
    }


def _figures(metrics: Metrics) -> dict[str, Any]:
    return {**asdict(metrics), "confusion": metrics.confusion.tolist()}


def _table(table: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    return {
        str(label): {str(answer): count for answer, count in enumerate(row)}
        for label, row in enumerate(table.tolist())
    }
