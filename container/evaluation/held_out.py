"""The examples that no training saw, read as the training reads them, and never all at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError
from serving.engines import BATCH
from training import checks
from training.data import Split, read_records
from training.interface import Model


@dataclass(frozen=True)
class HeldOut:
    """Checked: every record was read once, and there are at least two classes among them."""

    split: Split
    class_names: tuple[str, ...]
    labels: NDArray[np.int64]
    model: Model

    def batches(self) -> Iterator[NDArray[np.float32]]:
        """Inputs, as many at once as the endpoint asks a model for."""
        for records in read_records(*self.split.files).batch(checks.CHECKED_AT_ONCE):
            inputs = self.model.parse_example(records)[0].numpy()
            for first in range(0, len(inputs), BATCH):
                yield inputs[first : first + BATCH].copy()  # kept ones do not hold the others


def read(folder: Path, model: Model) -> HeldOut:
    """The eval split of a data folder; raises DatasetError or EvaluationError."""
    split = checks.check_split(folder, "eval", model)
    class_names = checks.class_names(folder / "classes.json", model)
    labels = np.concatenate(
        [
            model.parse_example(batch)[1].numpy()
            for batch in read_records(*split.files).batch(checks.CHECKED_AT_ONCE)
        ]
    )
    present = set(labels.tolist())
    if len(present) == 1:
        files = " and ".join(path.name for path in split.files[:2])
        raise EvaluationError(
            f"{files}: all {len(labels)} examples are of class {class_names[present.pop()]!r}: "
            "whoever always says so would be right, so add examples of other classes"
        )
    return HeldOut(split, class_names, labels, model)
