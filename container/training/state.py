"""All that a training has to remember in order to go on where it was."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from training.checkpoints import Arrays
from training.progress import Score

SPLITS = ("train", "validation")  # of each epoch's scores
Scores = dict[str, Score]


@dataclass
class State:
    """`epoch` epochs are done and told; `sums` are loss, right answers and examples since then."""

    network: keras.Model
    optimizer: keras.optimizers.Optimizer
    step: int = 0
    epoch: int = 0
    sums: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    history: list[Scores] = field(default_factory=list)  # of each epoch

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Several workers have to call this together: some variables are the mean of all."""
        variables = {
            f"variable-{number}": variable.value.numpy()
            for number, variable in enumerate(self._variables())
        }
        history = [
            [[scores[split].loss, scores[split].accuracy] for split in SPLITS]
            for scores in self.history
        ]
        where = {"step": np.array(self.step), "epoch": np.array(self.epoch), "sums": self.sums}
        return {**where, "history": np.array(history, np.float64), **variables}

    def restore(self, arrays: Arrays) -> None:
        """In the scope of the strategy."""
        for number, variable in enumerate(self._variables()):
            variable.assign(arrays[f"variable-{number}"])
        self.step, self.epoch = int(arrays["step"]), int(arrays["epoch"])
        self.sums = arrays["sums"].astype(np.float64)
        self.history = [
            {split: Score(*score) for split, score in zip(SPLITS, scores, strict=True)}
            for scores in arrays["history"].tolist()
        ]

    def _variables(self) -> list[keras.Variable]:
        return [*self.network.variables, *self.optimizer.variables]
