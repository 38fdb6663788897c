"""How far numbers have moved between two samples, and how far chance alone moves them.

PSI, the population stability index: Siddiqi, Credit Risk Scorecards, 2006; by custom 0.1 is watched
and 0.25 acted on. How it is distributed when nothing has changed: Yurdakul and Naranjo, Statistical
properties of the population stability index, 2020. The Kolmogorov-Smirnov distance and its chance:
Stephens, Use of the Kolmogorov-Smirnov, Cramer-Von Mises and related statistics, 1970.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
EMPTY = 0.5  # added to each bucket, so that an empty one has a logarithm (Jeffreys, 1946)


def psi(before: Counts, now: Counts) -> float:
    """Of counts in the same buckets; 0 if they are distributed alike."""
    used = (before > 0) | (now > 0)
    then, later = (_shares(counts[used]) for counts in (before, now))
    return float(((later - then) * np.log(later / then)).sum())


def _shares(counts: Counts) -> NDArray[np.float64]:
    filled = counts + EMPTY
    return filled / filled.sum()


def chance(before: Counts, now: Counts, probability: float) -> float:
    """What PSI exceeds with this probability although nothing has changed.

    It is then distributed as (1/n + 1/m) times chi-squared of buckets - 1 degrees of freedom, here
    by the approximation of Wilson and Hilferty, The distribution of chi-square, 1931.
    """
    freedom = int(((before > 0) | (now > 0)).sum()) - 1
    if freedom < 1:
        return 0.0
    part = 2 / (9 * freedom)
    normal = NormalDist().inv_cdf(1 - probability)
    chi_squared = freedom * (1 - part + normal * math.sqrt(part)) ** 3
    return float(chi_squared * (1 / before.sum() + 1 / now.sum()))


def kolmogorov_smirnov(before: Counts, now: Counts) -> tuple[float, float]:
    """Counts in buckets one after the other: how far the two are apart, and the chance of that.

    The distance is looked for where a bucket ends, so it is never more than the whole one.
    """
    n, m = int(before.sum()), int(now.sum())
    if not n or not m:
        return 0.0, 1.0
    distance = float(np.abs(before.cumsum() / n - now.cumsum() / m).max())
    root = math.sqrt(n * m / (n + m))
    size = (root + 0.12 + 0.11 / root) * distance
    if size < 0.2:  # the series below does not converge, and the chance is 1 to ten digits
        return distance, 1.0
    series = (2 * (-1) ** (j - 1) * math.exp(-2 * (j * size) ** 2) for j in range(1, 101))
    return distance, min(max(math.fsum(series), 0.0), 1.0)
