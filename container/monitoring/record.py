"""What a look at captured requests found: drift.json and the page show it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Verdict = Literal["drifted", "steady", "too-few", "no-baseline"]


@dataclass(frozen=True)
class Look:
    """What the job was started with; see drift."""

    threshold: float
    minimum: int
    cooldown_days: float
    since: datetime  # when what serves was deployed, or drift has last asked for a training


@dataclass(frozen=True)
class Summary:
    """Of a column of numbers; None where none is there."""

    mean: float | None
    deviation: float | None
    missing: float  # share


@dataclass(frozen=True)
class Moved:
    """One figure before and now."""

    name: str
    places: tuple[str, ...]  # what each bucket holds
    before: NDArray[np.int64]
    now: NDArray[np.int64]
    psi: float
    chance: float  # a PSI up to here may be chance
    distance: float | None = None  # Kolmogorov-Smirnov, of numbers
    p_value: float | None = None
    summaries: tuple[Summary, Summary] | None = None  # before and now, of numbers

    @property
    def score(self) -> float:
        """What chance explains counts as nothing."""
        return self.psi if self.psi > self.chance else 0.0


@dataclass(frozen=True)
class Drift:
    """All of it."""

    look: Look
    verdict: Verdict
    words: str  # one sentence
    records: int
    skipped: dict[str, int]
    files: tuple[int, int]  # read, and there
    first: datetime | None
    last: datetime | None
    inputs: tuple[Moved, ...]
    predictions: tuple[Moved, ...]
    retrain: bool
    why: str
    compared_with: int = 0  # examples of the evaluation

    @property
    def score(self) -> float:
        return max((one.score for one in (*self.inputs, *self.predictions)), default=0.0)
