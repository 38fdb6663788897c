"""What a model's inputs look like, example by example: a later version is held against an earlier
one on the same records, and this tells whether both would be given the same numbers for them.

The artifact keeps it, and none of the data: a record is known by its SHA-256, an input by a few
figures.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from training.data import Split, read_records
from training.interface import Model

KEPT = 64  # records
PROBES = 8  # single values of an input, beside its mean and deviation
LOOKED_AT = 10_000  # records, for those that another version has kept
SLACK = 0.05  # of the deviation: decoders of pictures differ in the last digit

Likeness = Mapping[str, list[float]]


def describe(split: Split, model: Model) -> dict[str, list[float]]:
    """The first records of a split, as the model reads them."""
    batch = next(iter(read_records(*split.files).batch(KEPT)))
    inputs = model.parse_example(batch)[0].numpy()
    records = batch.numpy()
    return {_name(record): _figures(each) for record, each in zip(records, inputs, strict=True)}


def differs(split: Split, model: Model, known: Likeness) -> int | None:
    """The number of the first record of which the model now makes another input than was known;
    None if there is none, or none of these records is among those of the split."""
    first = 0
    for batch in read_records(*split.files).take(LOOKED_AT).batch(KEPT):
        records = batch.numpy()
        names = [_name(record) for record in records]
        if any(name in known for name in names):
            inputs = model.parse_example(batch)[0].numpy()
            for place, name in enumerate(names):
                if name in known and not _alike(known[name], _figures(inputs[place])):
                    return first + place
        first += len(records)
    return None


def _name(record: bytes) -> str:
    return hashlib.sha256(record).hexdigest()


def _figures(one: NDArray[np.float32]) -> list[float]:
    """Mean, deviation, and values from all over it: an input that was turned, or whose channels
    have changed places, has the same mean."""
    values = one.reshape(-1).astype(np.float64)
    places = np.linspace(0, len(values) - 1, PROBES).round().astype(int)
    return [float(each) for each in (values.mean(), values.std(), *values[places])]


def _alike(known: list[float], found: list[float]) -> bool:
    if len(known) != len(found):
        return False
    slack = SLACK * max(abs(known[1]), abs(found[1])) + 1e-6
    return all(abs(one - other) <= slack for one, other in zip(known, found, strict=True))
