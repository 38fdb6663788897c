"""baseline.json, read: in which buckets each figure was when the model was evaluated."""

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

FILE_BYTES = 1024 * 1024
MOST_VALUES = 2**24  # of one example: more than a request can hold


class NoBaseline(Exception):
    """There is nothing to compare with; the text says why."""


@dataclass(frozen=True)
class Figure:
    """A column of numbers. The first bucket begins below every start but its own."""

    starts: NDArray[np.float32]
    counts: NDArray[np.int64]  # of a sample: in each bucket, and how many are missing
    low: np.float32  # of all values; these too, however they were rounded
    high: np.float32
    mean: float
    deviation: float


@dataclass(frozen=True)
class Reference:
    shape: tuple[int, ...]
    examples: int
    figures: dict[str, Figure]  # by the names that evaluation/baseline.py gives them
    class_count: int
    class_names: dict[int, str]  # by index; of very many only the most frequent
    class_counts: dict[int, int]


def read(file: Path) -> Reference:
    """Raises NoBaseline."""
    if not file.is_file():
        raise NoBaseline("what serves has no baseline.json from its evaluation")
    if file.stat().st_size > FILE_BYTES:
        raise NoBaseline(f"baseline.json has more than {FILE_BYTES:,} bytes")
    try:
        with np.errstate(over="ignore"):
            found = _reference(orjson.loads(file.read_bytes()))
    except Exception as error:  # perhaps another program has written it
        raise NoBaseline("baseline.json is not as evaluate writes it") from error
    if not found.examples:
        raise NoBaseline("baseline.json was made of no examples")
    return found


def _reference(document: dict[str, Any]) -> Reference:
    about = document["baseline"]
    shape, sampled = tuple(map(int, about["shape"])), int(about["sampled"])
    if not 0 < prod(shape) <= MOST_VALUES or not 0 < int(about["classes"]) <= MOST_VALUES:
        raise ValueError("shape and classes of no model")
    features = document["features"]
    numbers = {one["name"]: one.get("numerical_statistics") for one in features}
    [classes] = [one["string_statistics"] for one in features if "string_statistics" in one]
    kept = classes["distribution"]["categorical"]["buckets"]
    counts = {int(one["index"]): int(one["count"]) for one in kept}
    if sum(counts.values()) < 1 or min(counts.values()) < 0:
        raise ValueError("no class was answered, or one less than never")
    if not 0 <= min(counts) <= max(counts) < int(about["classes"]):
        raise ValueError("a class that is none")
    return Reference(
        shape=shape,
        examples=int(document["dataset"]["item_count"]),
        figures={name: _figure(one, sampled) for name, one in numbers.items() if _told(one)},
        class_count=int(about["classes"]),
        class_names={int(one["index"]): str(one["value"]) for one in kept},
        class_counts=counts,
    )


def _told(statistics: dict[str, Any] | None) -> bool:
    """Whether any example had a number there."""
    return bool(statistics and statistics["distribution"]["kll"]["buckets"])


def _figure(statistics: dict[str, Any], sampled: int) -> Figure:
    buckets = statistics["distribution"]["kll"]["buckets"]
    found = [int(one["count"]) for one in buckets]
    starts = np.array([one["lower_bound"] for one in buckets], np.float32)
    counts = np.array([*found, sampled - sum(found)], np.int64)
    if counts.min() < 0 or sum(found) < 1:
        raise ValueError("buckets that hold less than nothing")
    if not np.isfinite(starts).all() or (np.diff(starts) <= 0).any():
        raise ValueError("buckets out of order")
    return Figure(
        starts=starts,
        counts=counts,
        low=_outward(statistics["min"], -np.inf),
        high=_outward(statistics["max"], np.inf),
        mean=float(statistics["mean"]),
        deviation=float(statistics["std_dev"]),
    )


def _outward(limit: float, way: float) -> np.float32:
    """The file has nine digits of a float64, the values are float32: rounded twice, a limit may lie
    on the wrong side of the very value that it was taken from."""
    # Towards an infinity that is a float32 too: else the step would be one of float64
    return np.float32(np.nextafter(np.float32(limit), np.float32(way)))
