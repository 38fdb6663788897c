"""What a tuning job may search, and what is drawn."""

import random
from typing import Any

import pytest

from local.sagemaker.ranges import draw, faults
from local.tests.tuning import RANGES

INTEGER, CONTINUOUS = "IntegerParameterRanges", "ContinuousParameterRanges"


def one(kind: str, low: str, high: str, scale: str = "Auto") -> dict[str, Any]:
    return {kind: [{"Name": "x", "MinValue": low, "MaxValue": high, "ScalingType": scale}]}


def values(ranges: dict[str, Any], count: int = 2000) -> list[float]:
    source = random.Random(1)
    return [float(draw(ranges, source)["x"]) for _ in range(count)]


def test_a_value_of_each_range_is_drawn_as_text() -> None:
    drawn = draw(RANGES, random.Random(1))
    assert drawn.keys() == {"epochs", "rate", "optimizer"}
    assert 1 <= int(drawn["epochs"]) <= 9
    assert 0.1 <= float(drawn["rate"]) <= 0.9
    assert drawn["optimizer"] in ("adam", "sgd")


def test_the_same_seed_draws_the_same_again() -> None:
    first, second, other = random.Random(7), random.Random(7), random.Random(8)
    drawn = [draw(RANGES, first) for _ in range(5)]
    assert drawn == [draw(RANGES, second) for _ in range(5)]
    assert drawn != [draw(RANGES, other) for _ in range(5)]


@pytest.mark.parametrize("scale", ["Linear", "Logarithmic"])
def test_whole_numbers_are_drawn_with_both_ends_and_none_beyond(scale: str) -> None:
    assert set(values(one(INTEGER, "1", "4", scale))) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("low", "high", "scale", "middle"),
    [
        ("0.0001", "1", "Linear", 0.5),
        ("0.0001", "1", "Logarithmic", 0.01),
        ("0.0001", "1", "Auto", 0.01),  # several orders of magnitude
        ("1", "9", "Auto", 5),
        ("-1", "1000", "Auto", 499.5),
        ("0", "0.9999", "ReverseLogarithmic", 0.99),
    ],
)
def test_half_of_what_is_drawn_lies_below_the_middle_of_the_scale(
    low: str, high: str, scale: str, middle: float
) -> None:
    drawn = values(one(CONTINUOUS, low, high, scale))
    assert all(float(low) <= value <= float(high) for value in drawn)
    assert 0.45 < sum(value < middle for value in drawn) / len(drawn) < 0.55


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ({}, "must have at least one range"),
        ({**one(INTEGER, "1", "2"), **one(CONTINUOUS, "1", "2")}, "more than one range of x"),
        (one(INTEGER, "1", "2.5"), "of x must be a whole number"),
        (one(CONTINUOUS, "nan", "2"), "of x must be a number"),
        (one(CONTINUOUS, "0", "1e999"), "of x must be a number"),
        (one(INTEGER, "3", "2"), "must not be more than its MaxValue"),
        (one(CONTINUOUS, "0", "1", "Logarithmic"), "needs values greater than 0"),
        (one(INTEGER, "0", "1", "ReverseLogarithmic"), "not supported for integer ranges"),
        (one(CONTINUOUS, "0", "1", "ReverseLogarithmic"), "from 0 to less than 1"),
        ({"CategoricalParameterRanges": [{"Name": "batch", "Values": ["1"]}]}, "batch stands in"),
    ],
)
def test_a_range_that_cannot_be_searched_is_named(ranges: dict[str, Any], words: str) -> None:
    (fault,) = faults(ranges, {"batch": "32"})
    assert words in fault


def test_good_ranges_have_no_faults() -> None:
    assert list(faults(RANGES, {"batch": "32"})) == []
