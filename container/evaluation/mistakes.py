"""The worst mistakes: wrong, and sure of it."""

import heapq

import numpy as np
from numpy.typing import NDArray

from evaluation.record import MOST_MISTAKES, Mistake
from serving.engines import Prediction

MOST_BYTES = 64 * 1024**2  # of their inputs, which stay in memory and go into the report


class Collector:
    """Keeps the inputs of a few, however many examples there are."""

    def __init__(self, most: int = MOST_MISTAKES) -> None:
        self._most, self._seen = most, 0
        self._kept: list[tuple[float, int, Mistake]] = []

    def add(
        self, inputs: NDArray[np.float32], labels: NDArray[np.int64], answer: Prediction
    ) -> None:
        """A batch, in the order of the data."""
        for at in np.flatnonzero(answer.classes != labels):
            predicted, index = int(answer.classes[at]), self._seen + int(at)
            sure = float(answer.probabilities[at, predicted])
            # Of two that are as sure the earlier one stays
            if len(self._kept) < self._most or (sure, -index) > self._kept[0][:2]:
                found = Mistake(index, int(labels[at]), predicted, sure, inputs[at].copy())
                heapq.heappush(self._kept, (sure, -index, found))
                if len(self._kept) > min(self._most, max(1, MOST_BYTES // inputs[at].nbytes)):
                    heapq.heappop(self._kept)
        self._seen += len(labels)

    def result(self) -> tuple[Mistake, ...]:
        """The most confident first."""
        return tuple(mistake for *_, mistake in sorted(self._kept, key=lambda one: one[:2])[::-1])
