"""A look from its folders to its files: the verdict, and whether a training is due."""

import dataclasses
import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captures import NPY, PNG, answers, baseline, capture, record, spread

from evaluation.baseline import Distribution
from monitoring import job, reference
from monitoring.comparing import compare
from monitoring.record import Look

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LOOK = Look(threshold=0.25, minimum=500, cooldown_days=7, since=NOW - timedelta(days=30))
PICTURE = (8, 8, 1)


def rows(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(5, 2, (count, 4)).astype(np.float32)


def pictures(count: int, seed: int) -> np.ndarray:
    """Dark ground with some light on it, as of digits."""
    random = np.random.default_rng(seed)
    light = random.random((count, *PICTURE)) < random.uniform(0.1, 0.4, (count, 1, 1, 1))
    return (light * random.integers(100, 256, (count, *PICTURE))).astype(np.float32)


def look(
    processing: Path,
    inputs: np.ndarray,
    probabilities: np.ndarray,
    chosen: Look = LOOK,
    now: datetime = NOW,
) -> dict[str, Any]:
    capture(processing, [record(inputs, probabilities, NPY)])
    job.run(processing, chosen, now)
    found: dict[str, Any] = json.loads((processing / "output/drift/drift.json").read_text())
    return found


def test_the_same_kind_of_requests_is_steady(tmp_path: Path) -> None:
    baseline(tmp_path, rows(360, 1), answers(360, seed=1))
    found = look(tmp_path, rows(500, 2), answers(500, seed=2))
    assert (found["verdict"], found["score"], found["retrain"]) == ("steady", 0, False)
    assert found["records"] == 500
    assert found["words"].startswith("steady: ")
    assert (found["from"], found["to"]) == ("2026-11-28T10:00:00Z", "2026-11-28T10:00:00Z")


def test_inverted_pictures_are_drifted_in_one_look(tmp_path: Path) -> None:
    baseline(tmp_path, pictures(360, 1), answers(360, seed=1))
    found = look(tmp_path, 255 - pictures(500, 2), answers(500, seed=2))
    assert (found["verdict"], found["retrain"]) == ("drifted", True)
    moved = found["inputs"]["input mean"]
    assert found["score"] == moved["psi"] > 5
    assert moved["ks"] == pytest.approx(1, abs=0.01)
    assert moved["before"]["mean"] < 100 < 155 < moved["now"]["mean"]
    assert "input mean by a PSI of" in found["words"]


def test_another_mix_of_classes_is_drifted_in_one_look(tmp_path: Path) -> None:
    """The inputs are alike: only the answers tell."""
    even = np.eye(3, dtype=np.float32)[np.arange(360) % 3]
    uneven = np.eye(3, dtype=np.float32)[np.arange(500) % 6 // 4 * 2]
    baseline(tmp_path, rows(360, 1), even)
    found = look(tmp_path, rows(500, 2), uneven)
    assert found["verdict"] == "drifted"
    classes = found["predictions"]["answer class"]
    assert found["score"] == classes["psi"]
    assert {"class": "class 1", "before": 0.333333, "now": 0.0} in classes["moved"]
    assert max(one["psi"] for one in found["inputs"].values()) < 0.25


def test_a_model_that_has_become_unsure_is_drifted(tmp_path: Path) -> None:
    baseline(tmp_path, rows(360, 1), answers(360, seed=1))
    found = look(tmp_path, rows(500, 2), answers(500, seed=2) * 0.2 + np.float32(0.8 / 3))
    assert found["verdict"] == "drifted"
    assert found["predictions"]["answer entropy"]["psi"] > 0.25


def test_numbers_that_are_missing_now_are_drifted(tmp_path: Path) -> None:
    baseline(tmp_path, rows(360, 1), answers(360, seed=1))
    now = rows(500, 2)
    now[::3, 2] = np.nan
    found = look(tmp_path, now, answers(500, seed=2))["inputs"]["value 3"]
    assert found["psi"] > 0.25
    assert (found["before"]["missing"], found["now"]["missing"]) == (0, 0.334)


def test_a_column_that_was_always_the_same_is_drifted_when_it_is_another(tmp_path: Path) -> None:
    before, now = rows(360, 1), rows(500, 2)
    before[:, 0], now[:, 0] = 7, 8
    baseline(tmp_path, before, answers(360, seed=1))
    assert look(tmp_path, now, answers(500, seed=2))["inputs"]["value 1"]["psi"] > 0.25


@pytest.mark.slow  # it looks many times
def test_what_was_always_the_same_lies_in_its_own_bucket_whatever_number_it_is(
    tmp_path: Path,
) -> None:
    """A share of columns that are one, as of a one-hot input: the mean of that is no float32, and
    not the number of nine digits in the file either."""
    moved = []
    for width in (33, 39):
        for ones in range(1, width):
            same = np.zeros((20, width), np.float32)
            same[:, :ones] = 1
            file = baseline(tmp_path, same, answers(20))
            inputs, _ = compare(reference.read(file), spread(same, answers(20)))
            moved += [(ones, width, one.name) for one in inputs if one.psi]
    assert not moved


def test_what_chance_explains_raises_no_alarm(tmp_path: Path) -> None:
    """Twenty records vary so much that many a PSI is above the limit."""
    baseline(tmp_path, rows(60, 1), answers(60, seed=1))
    found = look(tmp_path, rows(20, 2), answers(20, seed=2), dataclasses.replace(LOOK, minimum=20))
    assert max(one["psi"] for one in found["inputs"].values()) > 0.25
    assert (found["verdict"], found["score"]) == ("steady", 0)
    assert "no more than chance explains" in found["words"]


def test_too_few_records_are_not_judged(tmp_path: Path) -> None:
    baseline(tmp_path, pictures(360, 1), answers(360, seed=1))
    found = look(tmp_path, 255 - pictures(499, 2), answers(499, seed=2))
    assert (found["verdict"], found["records"], found["score"]) == ("too-few", 499, 0)
    when = "from 2026-11-28 10:00 UTC to 2026-11-28 10:00 UTC"
    assert found["words"] == f"too few to judge: 499 records of the 500 needed {when}"
    assert (found["inputs"], found["retrain"]) == ({}, False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "what serves has no baseline.json from its evaluation"),
        ("{", "baseline.json is not as evaluate writes it"),
        ('{"features": []}', "baseline.json is not as evaluate writes it"),
        ("[" * 2_000_000, "baseline.json has more than 1,048,576 bytes"),
        (json.dumps(Distribution((4,), ["a", "b"]).document()), "not as evaluate writes it"),
    ],
)
def test_without_a_baseline_it_says_so_and_ends_well(
    tmp_path: Path, text: str | None, words: str
) -> None:
    if text is not None:
        baseline(tmp_path, rows(2, 1), answers(2)).write_text(text)
    found = look(tmp_path, rows(500, 2), answers(500))
    assert found["verdict"] == "no-baseline"
    assert words in found["words"]


@pytest.mark.parametrize(
    ("then", "other"),
    [('"index": 2', '"index": 3'), ('"count": 1, "index": 2', '"count": -1, "index": 2')],
)
def test_classes_that_cannot_be_are_no_baseline(tmp_path: Path, then: str, other: str) -> None:
    file = baseline(tmp_path, rows(3, 1), np.eye(3, dtype=np.float32))
    text = file.read_text()
    assert then in text
    file.write_text(text.replace(then, other))
    assert look(tmp_path, rows(500, 2), answers(500))["verdict"] == "no-baseline"


@pytest.mark.slow  # it looks many times
def test_a_baseline_that_was_made_by_another_hand_ends_nothing(tmp_path: Path) -> None:
    """Each number in it once something else: it is compared with, or refused by name."""
    file = baseline(tmp_path, rows(60, 1), answers(60, seed=1))
    text = file.read_text()
    capture(tmp_path, [record(rows(50, 2), answers(50, seed=2), NPY)])
    places = [one.span() for one in re.finditer(r"(?<=: )-?[\d.]+", text)]
    verdicts = set()
    for begin, end in places[:: len(places) // 20]:
        for other in ("-1", "0", "null", "1e300", '"x"'):
            file.write_text(text[:begin] + other + text[end:])
            job.run(tmp_path, dataclasses.replace(LOOK, minimum=20), NOW)
            found = json.loads((tmp_path / "output/drift/drift.json").read_text())
            verdicts.add(found["verdict"])
            assert math.isfinite(found["score"])
    assert {"steady", "no-baseline"} <= verdicts


def test_within_the_cool_down_no_training_is_due(tmp_path: Path) -> None:
    baseline(tmp_path, pictures(360, 1), answers(360, seed=1))
    recent = dataclasses.replace(LOOK, since=NOW - timedelta(days=7) + timedelta(seconds=60))
    found = look(tmp_path, 255 - pictures(500, 2), answers(500, seed=2), recent)
    assert (found["verdict"], found["retrain"]) == ("drifted", False)
    assert "the cool-down of 7 days ends on 2026-11-28 12:01 UTC: it counts" in found["why"]
    later = look(
        tmp_path, 255 - pictures(500, 2), answers(500, seed=2), recent, NOW + timedelta(seconds=61)
    )
    assert later["retrain"]
    assert later["why"].startswith("drifted, and the cool-down of 7 days is over")


def test_what_was_left_out_is_told(tmp_path: Path) -> None:
    baseline(tmp_path, pictures(360, 1), answers(360, seed=1))
    one, many = pictures(1, 3), pictures(500, 2)
    other = record(one, answers(1))
    other["captureData"]["endpointInput"]["observedContentType"] = "text/plain"
    golden = record(one, answers(1), PNG, inferenceId="golden-1")
    capture(tmp_path, [b"{", other, golden, record(one, answers(1), PNG)])
    found = look(tmp_path, many, answers(500, seed=2))
    assert found["skipped"] == {"golden": 1, "broken": 1, "other-types": 1}
    assert found["records"] == 501


def test_of_very_many_classes_those_that_the_baseline_does_not_name_count_together(
    tmp_path: Path,
) -> None:
    even = np.eye(300, dtype=np.float32)[np.arange(900) % 300]
    baseline(tmp_path, rows(900, 1), even)
    rare = np.eye(300, dtype=np.float32)[250 + np.arange(500) % 50]
    found = look(tmp_path, rows(500, 2), rare)["predictions"]["answer class"]
    assert found["moved"][0] == {"class": "all others", "before": 0.333333, "now": 1.0}


def test_numbers_at_the_end_of_their_range_are_numbers_in_the_file(tmp_path: Path) -> None:
    """JSON knows no infinity, and the state machine that reads this none either."""
    huge = np.full((500, 4), 3e38, np.float32)
    huge[::2] *= -1
    baseline(tmp_path, rows(360, 1), answers(360, seed=1))
    look(tmp_path, huge, answers(500, seed=2))
    text = (tmp_path / "output/drift/drift.json").read_text()
    assert not re.search("NaN|Infinity", text)
