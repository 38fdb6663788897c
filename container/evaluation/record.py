"""What an evaluation found: the scoring fills it, summary, report and baseline read it.

Labels and answers are indices of classes. What a figure cannot be told for is None: the precision
of a class that was never answered, for one.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

# What the candidate's figures are held against: the model behind the endpoint, or why it cannot be
Outcome = Literal["compared", "none", "other-inputs", "other-classes", "unscorable"]

MOST_MISTAKES = 24


@dataclass(frozen=True)
class Scored:
    """A model's answers to all held-out examples, in their order."""

    name: str  # of the version
    engine: str  # what answered: onnxruntime or tensorflow
    class_names: tuple[str, ...]  # its own, of which `classes` are indices
    classes: NDArray[np.int64]  # [n]
    probabilities: NDArray[np.float32]  # [n, its classes]


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is told from the others."""

    name: str
    examples: int  # whose label it is
    answered: int  # for which the model said so
    right: int
    precision: float | None  # right / answered
    recall: float | None  # right / examples
    f1: float | None


@dataclass(frozen=True)
class Bin:
    """The answers whose probability lies between two bounds: were as many right as that says?"""

    low: float
    high: float
    examples: int
    confidence: float | None  # mean probability of what was answered
    accuracy: float | None


@dataclass(frozen=True)
class Metrics:
    """One model's figures on the examples that it can be judged by."""

    class_names: tuple[str, ...]  # of rows and columns of `confusion`: the candidate's, then others
    examples: int
    accuracy: float
    balanced_accuracy: float  # the mean of the recall of all classes that occur
    log_loss: float  # mean, natural logarithm
    confusion: NDArray[np.int64]  # [label, answer]
    classes: tuple[ClassFigures, ...]
    calibration_error: float  # expected calibration error: over `calibration`, weighted
    calibration: tuple[Bin, ...]


@dataclass(frozen=True)
class Comparison:
    """Candidate against champion, on the same examples; numbers only where outcome is compared.

    `words` is one sentence of at most 300 characters.
    """

    outcome: Outcome
    words: str
    champion: str = ""  # its name; empty if there is none
    examples: int | None = None
    accuracy: float | None = None  # of the candidate on these examples
    champion_accuracy: float | None = None
    difference: float | None = None  # candidate - champion
    interval: tuple[float, float] | None = None  # 95 % of the difference
    p_value: float | None = None  # McNemar's exact test, two-sided
    only_candidate: int | None = None  # examples that only the candidate gets right
    only_champion: int | None = None


@dataclass(frozen=True)
class Mistake:
    """An example that the candidate gets wrong, with what it was given."""

    index: int  # in the order of the held-out data, from 0
    label: int
    predicted: int
    probability: float  # of what was answered
    input: NDArray[np.float32]  # [*shape]


@dataclass(frozen=True)
class Epoch:
    """One point of the learning curves."""

    epoch: int  # from 1
    loss: float  # of the training data
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True)
class Evaluation:
    """All of it.

    `metrics` is None where the candidate's answers are no probabilities: `words` says which, and
    `candidate` holds those before it. `champion` and its metrics are there where it could be
    scored: its answers are indices of its own class names, its metrics are on the examples whose
    class it knows.
    """

    candidate: Scored
    champion: Scored | None
    comparison: Comparison
    labels: NDArray[np.int64]  # [n], of class_names
    class_names: tuple[str, ...]  # the candidate's
    metrics: Metrics | None
    champion_metrics: Metrics | None
    shape: tuple[int, ...]  # of one example
    commit: str
    words: str  # one sentence: how good the candidate is
    history: tuple[Epoch, ...] = ()  # empty where the artifact has none
    hyperparameters: dict[str, str] = field(default_factory=dict)  # as they were used
    worst: tuple[Mistake, ...] = ()  # the most confident first, at most MOST_MISTAKES
