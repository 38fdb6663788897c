"""Real pictures: seldom a false alarm, never a missed one. The README states what this measures."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from captures import NPY, baseline, capture, record

from monitoring import job
from monitoring.record import Look

DIGITS = Path(__file__).parents[2] / "scripts/lib/digits.csv.gz"
pytestmark = pytest.mark.skipif(
    not DIGITS.is_file(), reason="the digits lie in the project, of which a push has the model only"
)

HELD_OUT, LOOKS = 360, 50  # the digits that an evaluation has, and looks: one a week for a year
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LOOK = Look(threshold=0.25, minimum=500, cooldown_days=7, since=NOW - timedelta(days=30))


class Digits(NamedTuple):
    """Pictures that the model was not trained on."""

    pictures: np.ndarray
    labels: np.ndarray
    answers: Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def digits() -> Digits:
    rows = np.loadtxt(DIGITS, np.float32, delimiter=",")
    images, labels = rows[:, :-1].reshape(-1, 8, 8), rows[:, -1].astype(int)
    grey = (images * 255 / 16).astype(np.uint8).astype(np.float32)
    pictures = np.repeat(grey[..., np.newaxis], 3, axis=3)
    order = np.random.default_rng(0).permutation(len(pictures))
    learned, rest = order[:600], order[600:]
    weights = np.zeros((65, 10))

    def answers(inputs: np.ndarray) -> np.ndarray:
        """Of a softmax regression."""
        flat = inputs[..., 0].reshape(len(inputs), -1) / 255
        logits = np.hstack([flat, np.ones((len(flat), 1))]) @ weights
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)

    taught = np.hstack([pictures[learned, ..., 0].reshape(600, -1) / 255, np.ones((600, 1))])
    for _ in range(300):
        wrong = answers(pictures[learned]) - np.eye(10)[labels[learned]]
        weights -= 0.5 * taught.T @ wrong / len(learned)

    return Digits(pictures[rest], labels[rest], answers)


def look(processing: Path, before: np.ndarray, now: np.ndarray, digits: Digits) -> dict[str, float]:
    """Verdict, and PSI of each figure."""
    baseline(processing, before, digits.answers(before))
    for each in (processing / "input").rglob("*.jsonl"):
        each.unlink()
    capture(processing, [record(now, digits.answers(now), NPY)])
    job.run(processing, LOOK, NOW)
    found = json.loads((processing / "output/drift/drift.json").read_text())
    assert found["records"] == len(now)
    figures = {name: one["psi"] for name, one in (found["inputs"] | found["predictions"]).items()}
    return {"score": found["score"], "drifted": found["verdict"] == "drifted", **figures}


@pytest.mark.slow  # it looks many times
def test_a_year_of_looks_at_digits_of_the_same_kind_raises_no_alarm(
    digits: Digits, tmp_path: Path
) -> None:
    """Each look has digits of its own to compare with, and as few requests as may be judged."""
    most = []
    for seed in range(LOOKS):
        order = np.random.default_rng(seed).permutation(len(digits.pictures))
        before, now = order[:HELD_OUT], order[HELD_OUT : HELD_OUT + LOOK.minimum]
        found = look(tmp_path, digits.pictures[before], digits.pictures[now], digits)
        assert (found["drifted"], found["score"]) == (False, 0)
        most.append(max(found.values()))
    assert 0.05 < max(most) < 0.2  # chance is at work, and far from the limit


def test_one_look_finds_inverted_digits(digits: Digits, tmp_path: Path) -> None:
    before, now = digits.pictures[:HELD_OUT], digits.pictures[HELD_OUT : HELD_OUT + LOOK.minimum]
    found = look(tmp_path, before, 255 - now, digits)
    assert found["drifted"]
    assert found["input mean"] > 5


def test_one_look_finds_a_few_digits_three_times_as_often(digits: Digits, tmp_path: Path) -> None:
    """Of zeros, ones and twos three times as many against the others: the answers tell."""
    rest = np.arange(HELD_OUT, len(digits.pictures))
    often = np.where(digits.labels[rest] < 3, 3.0, 1.0)
    now = np.random.default_rng(0).choice(rest, LOOK.minimum, p=often / often.sum())
    found = look(tmp_path, digits.pictures[:HELD_OUT], digits.pictures[now], digits)
    assert found["drifted"]
    assert found["score"] == found["answer class"] > 0.25 > found["input mean"]
