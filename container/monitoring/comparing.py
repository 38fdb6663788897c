"""Captured requests against the baseline: figure by figure, in the baseline's own buckets."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.baseline import Distribution, uncertainty
from monitoring import shift
from monitoring.record import Moved, Summary
from monitoring.reference import Figure, Reference

# That a look finds anything beyond chance although nothing has changed
CHANCE = 1e-4
ANSWERS = uncertainty(np.ones((1, 1)))[0]
CLASSES = "answer class"

Counts = NDArray[np.int64]


def compare(
    reference: Reference, captured: Distribution
) -> tuple[tuple[Moved, ...], tuple[Moved, ...]]:
    """Inputs and predictions; of each what has moved most comes first."""
    columns, classes = captured.sample()
    names = [name for name in columns if name in reference.figures]
    # Many figures are looked at: the chance that any is beyond its own has to stay small
    each = CHANCE / (len(names) + 1)
    numbers = []
    for name in names:
        summary = captured.summary(name)
        present, missing = (summary["common"][key] for key in ("num_present", "num_missing"))
        now = Summary(summary["mean"], summary["std_dev"], missing / max(present + missing, 1))
        numbers.append(_numbers(name, reference.figures[name], columns[name], now, each))
    inputs = [one for one in numbers if one.name not in ANSWERS]
    predictions = [one for one in numbers if one.name in ANSWERS]
    predictions.append(_classes(reference, classes, each))
    return _ordered(inputs), _ordered(predictions)


def _ordered(shifts: Sequence[Moved]) -> tuple[Moved, ...]:
    return tuple(sorted(shifts, key=lambda one: (-one.score, -one.psi)))


def _numbers(
    name: str, figure: Figure, values: NDArray[np.float32], now: Summary, probability: float
) -> Moved:
    """In the baseline's tenths, and three more buckets: below all, above all, missing."""
    present = values[np.isfinite(values)]
    below, above = present < figure.low, present > figure.high
    places = np.searchsorted(figure.starts[1:], present[~below & ~above], side="right")
    tenths = np.bincount(places, minlength=len(figure.starts))
    later = np.array([below.sum(), *tenths, above.sum(), len(values) - len(present)], np.int64)
    before = np.array([0, *figure.counts[:-1], 0, figure.counts[-1]], np.int64)
    distance, p_value = shift.kolmogorov_smirnov(before[:-1], later[:-1])
    starts = [f"{start:.3g}" for start in figure.starts]
    then = Summary(figure.mean, figure.deviation, float(before[-1] / before.sum()))
    return Moved(
        name=name,
        places=("below", *starts, "above", "missing"),
        before=before,
        now=later,
        psi=shift.psi(before, later),
        chance=shift.chance(before, later, probability),
        distance=distance,
        p_value=p_value,
        summaries=(then, now),
    )


def _classes(reference: Reference, answered: Counts, probability: float) -> Moved:
    """Each class that the baseline names, and all others together."""
    kept = list(reference.class_names)
    now = [int(answered[at]) for at in kept]
    before = [reference.class_counts[at] for at in kept]
    names = [reference.class_names[at] for at in kept]
    if len(kept) < reference.class_count:
        before.append(max(reference.examples - sum(before), 0))
        now.append(int(answered.sum()) - sum(now))
        names.append("all others")
    one, other = np.array(before, np.int64), np.array(now, np.int64)
    return Moved(
        name=CLASSES,
        places=tuple(names),
        before=one,
        now=other,
        psi=shift.psi(one, other),
        chance=shift.chance(one, other, probability),
    )
