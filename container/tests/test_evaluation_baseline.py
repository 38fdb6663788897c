"""baseline.json: what a later check compares with, so it has to show what a drift would change."""

import json
from typing import Any

import numpy as np
import pytest

from evaluation import baseline

ROW, PICTURE = (4,), (8, 8, 3)
NAMES = ("first", "second", "third")


def answers(count: int, classes: int = 3) -> np.ndarray:
    raw = np.random.default_rng(5).random((count, classes)) ** 4
    return (raw / raw.sum(1, keepdims=True)).astype(np.float32)


def collected(
    inputs: np.ndarray, probabilities: np.ndarray | None = None, batch: int = 32
) -> dict[str, Any]:
    if probabilities is None:
        probabilities = answers(len(inputs))
    collector = baseline.Distribution(inputs.shape[1:], NAMES)
    for at in range(0, len(inputs), batch):
        collector.add(inputs[at : at + batch], probabilities[at : at + batch])
    return collector.document()


def feature(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in document["features"] if one["name"] == name)["numerical_statistics"]


def buckets(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return feature(document, name)["distribution"]["kll"]["buckets"]


def shift(before: list[dict[str, Any]], values: np.ndarray) -> float:
    """Population stability index: 0.1 is to be watched, 0.25 to be acted on."""
    now = baseline.counts(values, [one["lower_bound"] for one in before]) / len(values)
    then = np.array([one["count"] for one in before])
    then, now = np.maximum(then / then.sum(), 1e-4), np.maximum(now, 1e-4)
    return float(((now - then) * np.log(now / then)).sum())


def rows(count: int = 1000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(5, 2, (count, *ROW)).astype(np.float32)


def test_the_figures_of_a_column_are_those_of_all_its_values() -> None:
    inputs = rows()
    found = feature(collected(inputs), "value 3")
    values = inputs[:, 2].astype(np.float64)
    expected = {
        "mean": values.mean(),
        "sum": values.sum(),
        "std_dev": values.std(),
        "min": values.min(),
        "max": values.max(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-8)


def test_a_large_mean_does_not_swallow_a_small_deviation() -> None:
    inputs = np.float32(16384) + np.arange(1000, dtype=np.float32).reshape(-1, 1) % 2
    assert feature(collected(inputs), "value 1")["std_dev"] == pytest.approx(0.5)


def test_what_is_no_number_is_counted_as_missing_and_leaves_the_rest_alone() -> None:
    inputs = rows()
    inputs[::4, 1] = np.nan
    inputs[0, 2] = np.inf
    document = collected(inputs)
    found = feature(document, "value 2")
    assert found["common"] == {"num_present": 750, "num_missing": 250}
    kept = inputs[np.isfinite(inputs[:, 1]), 1].astype(np.float64)
    assert found["mean"] == pytest.approx(kept.mean(), rel=1e-8)
    assert sum(one["count"] for one in buckets(document, "value 2")) == 750
    assert feature(document, "value 3")["common"]["num_missing"] == 1
    json.dumps(document, allow_nan=False)


def test_a_column_without_any_number_has_no_figures() -> None:
    found = feature(collected(np.full((10, 2), np.nan, np.float32)), "value 1")
    assert found["common"] == {"num_present": 0, "num_missing": 10}
    assert found["mean"] is None
    assert found["distribution"]["kll"]["buckets"] == []


def test_each_bucket_of_a_continuous_column_holds_a_tenth() -> None:
    found = buckets(collected(rows()), "value 1")
    assert [one["count"] for one in found] == [100] * 10
    assert [one["upper_bound"] for one in found[:-1]] == [one["lower_bound"] for one in found[1:]]


def test_the_same_data_falls_into_the_same_buckets_when_the_file_is_read() -> None:
    inputs = rows()
    read = json.loads(json.dumps(buckets(collected(inputs), "value 1")))
    found = baseline.counts(inputs[:, 0], [one["lower_bound"] for one in read])
    assert found.tolist() == [one["count"] for one in read]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0] * 50 + [1] * 50, [(0, 50), (1, 50)]),
        ([0] * 99 + [0.1], [(0, 99), (0.1, 1)]),  # which float32 has not exactly
        ([0] * 60 + [1] * 39 + [2], [(0, 60), (1, 39), (2, 1)]),
        ([7] * 100, [(7, 100)]),
    ],
)
def test_a_value_that_fills_a_bucket_has_one_for_itself(
    values: list[float], expected: list[tuple[float, int]]
) -> None:
    inputs = np.array(values, np.float32).reshape(-1, 1)
    found = buckets(collected(inputs), "value 1")
    assert [(one["lower_bound"], one["count"]) for one in found] == expected


def test_other_data_of_the_same_kind_is_near_and_shifted_data_far() -> None:
    before = buckets(collected(rows()), "value 1")
    later = rows(seed=1)[:, 0]
    assert shift(before, later) < 0.05
    assert shift(before, later + 2) > 0.25
    assert shift(before, later * 2) > 0.25


def test_darker_pictures_show_and_another_colour_shows_in_its_channel() -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (500, *PICTURE)).astype(np.float32)
    document = collected(pictures)
    tinted = pictures * np.array([1, 1, 0.5], np.float32)
    for name, changed, large in (
        ("input mean", pictures * 0.8, True),
        ("input deviation", pictures * 0.8, True),
        ("channel 3 mean", tinted, True),
        ("channel 3 deviation", tinted, True),
        ("channel 1 mean", tinted, False),
    ):
        names, now = baseline.describe(changed, PICTURE)
        assert (shift(buckets(document, name), now[:, names.index(name)]) > 0.25) == large, name


def test_how_sure_the_answers_are_is_kept() -> None:
    probabilities = np.array([[0.5, 0.5, 0], [1, 0, 0]], np.float32)
    document = collected(np.zeros((2, *ROW), np.float32), probabilities)
    assert feature(document, "answer probability")["mean"] == pytest.approx(0.75)
    assert feature(document, "answer entropy")["max"] == pytest.approx(np.log(2), abs=5e-4)
    assert feature(document, "answer entropy")["min"] == pytest.approx(0, abs=1e-9)


def test_answers_that_differ_as_processors_do_fall_into_the_same_buckets() -> None:
    """A sure model's tenths are so near to each other that they would tell rounding errors."""
    sure = 1 - np.random.default_rng(6).random((1000, 1)).astype(np.float32) * np.float32(1e-6)
    before, now = (np.hstack([one, 1 - one, 0 * one]) for one in (sure, sure - np.float32(2e-7)))
    document = collected(np.zeros((1000, *ROW), np.float32), before)
    _, values = baseline.uncertainty(now)
    for at, name in enumerate(("answer probability", "answer entropy")):
        assert shift(buckets(document, name), values[:, at]) == 0, name


def test_how_often_each_class_is_answered_is_kept_also_never() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[2, 0, 2, 2]]
    document = collected(np.zeros((4, *ROW), np.float32), probabilities)
    found = document["features"][-1]["string_statistics"]
    kept = found["distribution"]["categorical"]["buckets"]
    assert [(one["value"], one["count"]) for one in kept] == [
        ("first", 1),
        ("second", 0),
        ("third", 3),
    ]
    assert found["distinct_count"] == 2


def test_batches_change_nothing_but_the_last_digits() -> None:
    inputs = np.random.default_rng(3).normal(0, 1, (25_000, 2)).astype(np.float32)
    one, other = (collected(inputs, batch=batch) for batch in (997, 25_000))
    assert buckets(one, "value 1") == buckets(other, "value 1")
    assert feature(one, "value 1")["mean"] == pytest.approx(feature(other, "value 1")["mean"])


def test_of_many_examples_the_buckets_are_of_a_fair_sample() -> None:
    """Sorted data: a sample of the first or the last of them would be far off."""
    inputs = np.arange(40_000, dtype=np.float32).reshape(-1, 1)
    document = collected(inputs, batch=4096)
    assert document["baseline"]["sampled"] == baseline.SAMPLE < document["dataset"]["item_count"]
    starts = [one["lower_bound"] for one in buckets(document, "value 1")]
    assert starts == pytest.approx(list(range(0, 40_000, 4000)), abs=800)
    assert feature(document, "value 1")["max"] == 39_999


def test_the_file_stays_small_and_tells_what_is_left_out() -> None:
    """Numbers that take many digits, and names of characters that take many bytes in JSON."""
    random = np.random.default_rng(4)
    inputs = (-random.random((300, 2000)) * 10.0 ** random.integers(-38, 38, 2000)).astype(
        np.float32
    )
    collector = baseline.Distribution((2000,), ["\x01" * 300] * 5000)
    collector.add(inputs, answers(300, 5000))
    document = collector.document()
    assert len(json.dumps(document)) <= 256 * 1024
    assert document["baseline"]["valuesLeftOut"] == 2000 - baseline.COLUMNS
    assert document["baseline"]["classesLeftOut"] == 5000 - baseline.CLASSES


def test_who_reads_model_monitors_statistics_reads_this() -> None:
    document = collected(rows())
    assert document["version"] == 0
    assert document["dataset"] == {"item_count": 1000}
    for one in document["features"]:
        numeric = one["inferred_type"] in ("Integral", "Fractional")
        statistics = one["numerical_statistics" if numeric else "string_statistics"]
        assert statistics["common"].keys() == {"num_present", "num_missing"}
        kind = "kll" if numeric else "categorical"
        assert statistics["distribution"][kind]["buckets"]


def test_nothing_collected_is_a_baseline_of_nothing() -> None:
    document = baseline.Distribution(ROW, NAMES).document()
    assert document["dataset"]["item_count"] == 0
    json.dumps(document, allow_nan=False)
