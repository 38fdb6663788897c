"""Candidate against champion on the same examples, and how much of the difference is chance."""

import math

import numpy as np
from numpy.typing import NDArray

from evaluation.classes import align
from evaluation.record import Comparison, Scored
from evaluation.telling import count, percent, sentence

CHANCE = 0.05  # a smaller p-value is called more than chance
NORMAL = 1.959964  # of the standard normal distribution, for 95 %


def compare(
    labels: NDArray[np.int64], candidate: Scored, champion: Scored, noun: str
) -> Comparison:
    """Of two models that answered; by the names of their classes where the lists differ."""
    aligned = align(candidate.class_names, champion.class_names)
    both = aligned.known(labels)
    examples, name = int(both.sum()), champion.name
    if not examples:
        reason = (
            f"no held-out {noun} is of a class that both know"
            if len(aligned.shared)
            else "they have no class in common"
        )
        return Comparison("other-classes", sentence(f"not comparable with {name}: {reason}"), name)
    mine = (candidate.classes == labels)[both]
    theirs = (aligned.places[champion.classes] == labels)[both]
    gained, lost = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    p_value = mcnemar(gained, lost)
    words = [
        f"{percent(float(mine.mean()))} against {percent(float(theirs.mean()))} of {name}:",
        _difference(gained, lost, count(examples, noun), p_value),
    ]
    if not aligned.same:
        words[-1] += "; compared by the names of their classes"
        if examples < len(labels):
            words[-1] += f", without {len(labels) - examples:,} of classes that it does not know"
    return Comparison(
        outcome="compared",
        words=sentence(" ".join(words)),
        champion=name,
        examples=examples,
        accuracy=float(mine.mean()),
        champion_accuracy=float(theirs.mean()),
        difference=(gained - lost) / examples,
        interval=interval(gained, lost, examples),
        p_value=p_value,
        only_candidate=gained,
        only_champion=lost,
    )


def mcnemar(gained: int, lost: int) -> float:
    """The exact test, two-sided: how likely is a split at least as uneven, if neither is better?

    A sign test on the examples that only one of the two gets right. Source: McNemar, Note on the
    sampling error of the difference between correlated proportions or percentages, 1947.
    """
    if gained == lost:
        return 1.0
    n, fewer = gained + lost, min(gained, lost)
    # Logarithms: the binomial coefficients of thousands of examples are no floats
    steps = np.arange(1, fewer + 1)
    chosen = np.concatenate([[0.0], np.cumsum(np.log((n - steps + 1) / steps))])
    largest = float(chosen.max())
    total = largest + math.log(float(np.exp(chosen - largest).sum()))
    return min(1.0, math.exp(total - (n - 1) * math.log(2)))


def interval(gained: int, lost: int, examples: int) -> tuple[float, float]:
    """95 % of the difference of two accuracies on the same examples, within -1 and 1.

    Wald's with half an example more in each of the four cells, which also holds for few examples
    and where none differ. Source: Agresti and Min, Simple improved confidence intervals for
    comparing matched proportions, 2005.
    """
    n = examples + 2
    difference = (gained - lost) / n
    spread = NORMAL * math.sqrt(gained + lost + 1 - n * difference**2) / n
    return max(-1.0, difference - spread), min(1.0, difference + spread)


def _difference(gained: int, lost: int, things: str, p_value: float) -> str:
    if gained == lost:
        return f"the same of {things}" if gained == 0 else f"as many of {things}, but others"
    more = "more" if gained > lost else "fewer"
    chance = "within chance" if p_value >= CHANCE else "more than chance explains"
    return f"{abs(gained - lost):,} of {things} {more}, {chance}"
