"""Two models' classes, brought together by their names."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Aligned:
    """Of a candidate and a champion. Where the lists are the same, so is everything here."""

    same: bool
    names: tuple[str, ...]  # the candidate's, and behind them those that only the champion has
    shared: NDArray[np.int64]  # the candidate's classes that the champion knows
    places: NDArray[np.int64]  # of the champion's classes, in `names`

    def known(self, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which examples can be put to both."""
        return np.isin(labels, self.shared)

    def probabilities(self, champion: NDArray[np.float32]) -> NDArray[np.float32]:
        """The champion's, in columns of `names`."""
        found = np.zeros((len(champion), len(self.names)), np.float32)
        found[:, self.places] = champion
        return found


def align(candidate: tuple[str, ...], champion: tuple[str, ...]) -> Aligned:
    """A name that a list has twice tells nothing, unless the lists are the same."""
    every = np.arange(len(candidate))
    if candidate == champion:
        return Aligned(True, candidate, every, every)
    counts = Counter(candidate), Counter(champion)
    both = {name for name in candidate if counts[0][name] == counts[1][name] == 1}
    mine = {name: index for index, name in enumerate(candidate)}
    names, places = list(candidate), []
    for name in champion:
        places.append(mine[name] if name in both else len(names))
        if name not in both:
            names.append(name)
    shared = [index for index, name in enumerate(candidate) if name in both]
    return Aligned(False, tuple(names), np.array(shared, np.int64), np.array(places, np.int64))
