"""baseline.json: how inputs and answers are distributed when all is well, to compare with later.

Its form is that of SageMaker Model Monitor's statistics.json (SageMaker AI Developer Guide, "Schema
for Statistics"), with what that has no place for under "baseline". The buckets hold a tenth each,
where values differ enough: so a shift shows in all of them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUCKETS = 10  # as Model Monitor has them
SAMPLE = 10_000  # examples from which the buckets are made; all others count in the other figures
# So that the file stays below 256 KiB
COLUMNS = 150
CLASSES = 200
NAME = 40  # characters
DIGITS = 9
# Of probability and entropy: processors differ in less, and a sure model's answers in little more
DECIMALS = 3

Floats = NDArray[np.floating[Any]]


def describe(inputs: Floats, shape: tuple[int, ...]) -> tuple[list[str], Floats]:
    """What is measured of each input [n, *shape]: names, and a row of numbers for each example.

    Of a picture brightness and contrast, whole and by channel; of anything else its values.
    """
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    with np.errstate(invalid="ignore"):  # of an input that is not finite, told as missing
        return _describe(flat, shape)


def _describe(flat: Floats, shape: tuple[int, ...]) -> tuple[list[str], Floats]:
    names, columns = ["input mean", "input deviation"], [flat.mean(1), flat.std(1)]
    if len(shape) == 3 and shape[2] in (1, 3):
        channels = flat.reshape(len(flat), -1, shape[2])
        for channel in range(shape[2]):
            values = channels[..., channel]
            names += [f"channel {channel + 1} mean", f"channel {channel + 1} deviation"]
            columns += [values.mean(1), values.std(1)]
    else:
        kept = min(flat.shape[1], COLUMNS)
        names += [f"value {number}" for number in range(1, kept + 1)]
        columns += list(flat[:, :kept].T)
    return names, np.stack(columns, 1)


def uncertainty(probabilities: Floats) -> tuple[list[str], Floats]:
    """The same of answers [n, classes]: how sure the model is."""
    kept = np.clip(probabilities.astype(np.float64), 1e-12, 1)
    entropy = -(kept * np.log(kept)).sum(1)
    rows = np.stack([probabilities.max(1).astype(np.float64), entropy], 1)
    return ["answer probability", "answer entropy"], np.abs(rows.round(DECIMALS))  # no -0


def counts(values: Floats, starts: Sequence[float] | Floats) -> NDArray[np.int64]:
    """How many values are in each bucket: from its start to below the next one's.

    The first and the last take what is outside, of later data too. Values that are none count not.
    """
    finite = values[np.isfinite(values)].astype(np.float32)
    places = np.searchsorted(np.asarray(starts, np.float32), finite, side="right") - 1
    return np.bincount(np.maximum(places, 0), minlength=len(starts))


class Distribution:
    """Takes examples batch by batch: how they are cut changes nothing but the last digits."""

    def __init__(self, shape: tuple[int, ...], class_names: Sequence[str]) -> None:
        self._shape, self._class_names = shape, class_names
        self._classes = np.zeros(len(class_names), np.int64)
        self._columns: _Columns | None = None

    def add(self, inputs: Floats, probabilities: Floats) -> None:
        """A batch [n, *shape] with its answers [n, classes]."""
        (names, rows), (more, answers) = describe(inputs, self._shape), uncertainty(probabilities)
        if self._columns is None:
            self._columns = _Columns([*names, *more])
        self._columns.add(np.concatenate([rows, answers], 1))
        chosen = probabilities.argmax(1)
        self._classes += np.bincount(chosen, minlength=len(self._classes))

    def sample(self) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]:
        """To be counted into the buckets of another: columns of a fair sample, each by its name,
        and how often each class was answered among all."""
        columns = self._columns or _Columns([])
        return dict(zip(columns.names, columns.sample.T, strict=True)), self._classes

    def summary(self, name: str) -> dict[str, Any]:
        """A column's figures as baseline.json has them."""
        columns = self._columns or _Columns([])
        return columns.feature(columns.names.index(name))["numerical_statistics"]

    def document(self) -> dict[str, Any]:
        """What baseline.json holds."""
        columns = self._columns or _Columns([])
        size = int(np.prod(self._shape))
        kept = sum(name.startswith("value ") for name in columns.names)
        return {
            "version": 0,
            "dataset": {"item_count": columns.seen},
            "features": [*columns.features(), self._answers(columns.seen)],
            "baseline": {
                "shape": list(self._shape),
                "classes": len(self._class_names),
                # From these the buckets are made
                "sampled": min(columns.seen, SAMPLE),
                "valuesLeftOut": size - kept if kept else 0,
                "classesLeftOut": max(len(self._classes) - CLASSES, 0),
            },
        }

    def _answers(self, seen: int) -> dict[str, Any]:
        """How often each class was answered; of many classes only the most frequent."""
        order = np.argsort(-self._classes, kind="stable")[:CLASSES]
        buckets = [
            {
                "value": self._class_names[at][:NAME],
                "count": int(self._classes[at]),
                "index": int(at),
            }
            for at in sorted(order)
        ]
        return {
            "name": "answer class",
            "inferred_type": "String",
            "string_statistics": {
                "common": {"num_present": seen, "num_missing": 0},
                "distinct_count": int((self._classes > 0).sum()),
                "distribution": {"categorical": {"buckets": buckets}},
            },
        }


class _Columns:
    """Figures of a table's columns: exact, but for the buckets. What is not finite is missing."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.seen = names, 0
        width = len(names)
        self._present = np.zeros(width, np.int64)
        self._mean, self._squares = np.zeros(width), np.zeros(width)
        self._low, self._high = np.full(width, np.inf), np.full(width, -np.inf)
        self.sample = np.empty((0, width), np.float32)
        self._chance = np.random.default_rng(0)

    def add(self, rows: Floats) -> None:
        """Mean and squares as in Chan et al., Updating Formulae and a Pairwise Algorithm, 1979."""
        finite = np.isfinite(rows)
        count = finite.sum(0)
        total = np.maximum(self._present + count, 1)
        mean = np.where(finite, rows, 0).sum(0) / np.maximum(count, 1)
        apart = mean - self._mean
        self._squares += ((np.where(finite, rows, mean) - mean) ** 2).sum(0)
        self._squares += apart**2 * self._present * count / total
        self._mean += apart * count / total
        self._present += count
        self._low = np.minimum(self._low, np.where(finite, rows, np.inf).min(0))
        self._high = np.maximum(self._high, np.where(finite, rows, -np.inf).max(0))
        self._keep(rows.astype(np.float32))

    def _keep(self, rows: NDArray[np.float32]) -> None:
        """Each row stays with the same chance (Vitter, Random Sampling with a Reservoir, 1985)."""
        free = SAMPLE - len(self.sample)
        self.sample = np.concatenate([self.sample, rows[:free]])
        self.seen += min(free, len(rows))
        for row in rows[free:]:
            self.seen += 1
            place = int(self._chance.random() * self.seen)
            if place < SAMPLE:
                self.sample[place] = row

    def features(self) -> list[dict[str, Any]]:
        return [self.feature(at) for at in range(len(self.names))]

    def feature(self, at: int) -> dict[str, Any]:
        present = int(self._present[at])
        sample = self.sample[:, at][np.isfinite(self.sample[:, at])]
        whole = bool((sample == sample.round()).all())
        mean = float(self._mean[at])
        deviation = float(np.sqrt(self._squares[at] / max(present, 1)))
        return {
            "name": self.names[at],
            "inferred_type": "Integral" if whole else "Fractional",
            "numerical_statistics": {
                "common": {"num_present": present, "num_missing": self.seen - present},
                "mean": _number(mean) if present else None,
                "sum": _number(mean * present),
                "std_dev": _number(deviation) if present else None,
                "min": _number(self._low[at]) if present else None,
                "max": _number(self._high[at]) if present else None,
                "distribution": {"kll": {"buckets": _buckets(sample)}},
            },
        }


def _buckets(sample: NDArray[np.float32]) -> list[dict[str, Any]]:
    if not len(sample):
        return []
    ordered = np.sort(sample)
    at = np.arange(BUCKETS) * len(ordered) // BUCKETS
    tenths = ordered[at]
    # A value that fills a bucket or more gets one for itself: the next value begins another
    after = np.searchsorted(ordered, tenths[1:][tenths[1:] == tenths[:-1]], side="right")
    begins = ordered[after[after < len(ordered)]]
    starts = np.unique(np.concatenate([tenths, begins]))
    ends = [*starts[1:], ordered[-1]]
    found = zip(starts, ends, counts(sample, starts), strict=True)
    return [
        {"lower_bound": _short(low), "upper_bound": _short(high), "count": int(count)}
        for low, high, count in found
    ]


def _short(value: np.float32) -> float:
    """The shortest number that is this one as float32."""
    return float(str(value))


def _number(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
