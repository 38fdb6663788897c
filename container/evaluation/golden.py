"""golden.json: a few requests with the answers that this model gave, to be asked of its endpoint.

Whoever sends them learns whether the endpoint answers with this model, and as it was evaluated.
"""

from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from serving.engines import Prediction

MOST = 5
# An execution of Step Functions carries 256 KiB of text between its states, all requests and
# answers among them (Step Functions Developer Guide, "Service quotas")
BYTES = 64 * 1024
# Engines differ by 1e-4 at most (training/export.py), two models mostly by more
TOLERANCE = 0.01
# How far the first class should be from the second: no small difference turns such an answer into
# another, yet it is not 1.000, which any other model would say as well
DISTANCE = 0.8
DIGITS = 4  # of a probability
WHOLE = 2**24  # below it a float32 holds every whole number

Floats = NDArray[np.float32]


class Collector:
    """Keeps the best example of each of MOST classes; what was added before decides ties."""

    def __init__(self) -> None:
        self._best: dict[int, tuple[float, Floats, Floats]] = {}

    def add(self, inputs: Floats, labels: NDArray[np.int64], answer: Prediction) -> None:
        """A batch: its inputs, what would have been right, and what the model said."""
        finite = np.isfinite(inputs.reshape(len(inputs), -1)).all(1)
        for at in np.flatnonzero(finite & (answer.classes == labels)):
            second, first = np.sort(answer.probabilities[at])[-2:]
            off = float(abs(first - second - DISTANCE))
            self._keep(off, inputs[at], int(labels[at]), answer.probabilities[at])

    def _keep(self, off: float, example: Floats, label: int, probabilities: Floats) -> None:
        if label in self._best and self._best[label][0] <= off:
            return
        self._best[label] = (off, example.copy(), probabilities.copy())
        if len(self._best) > MOST:
            # Exact although it forgets: a class that ends among the best is never the worst here
            del self._best[max(self._best, key=lambda one: self._best[one][0])]

    def document(self) -> dict[str, Any]:
        """What golden.json holds: as many requests as its size allows, perhaps none."""
        document: dict[str, Any] = {
            "contentType": "application/json",
            "accept": "application/json",
            "tolerance": TOLERANCE,
            "requests": [],
        }
        for label, (_, example, probabilities) in sorted(self._best.items()):
            request = {
                "body": {"instances": [_numbers(example)]},
                "expected": {
                    "classes": label,
                    "probabilities": [round(float(value), DIGITS) for value in probabilities],
                },
            }
            longer = {**document, "requests": [*document["requests"], request]}
            if len(dump(longer)) <= BYTES:
                document = longer
        return document


def _numbers(example: Floats) -> Any:
    """Nested lists: whole numbers where all are (a picture's), else the shortest exact text."""
    if (example == example.round()).all() and (abs(example) < WHOLE).all():
        return example.astype(np.int64).tolist()
    text = orjson.dumps(np.ascontiguousarray(example), option=orjson.OPT_SERIALIZE_NUMPY)
    return orjson.loads(text)


def dump(document: dict[str, Any]) -> bytes:
    """As it is written; Step Functions counts bytes of UTF-8."""
    return orjson.dumps(document)
