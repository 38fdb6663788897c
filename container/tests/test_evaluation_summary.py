"""What the registry is told: entries that it takes, and a word of those that it does not."""

import re

import pytest

from evaluation.summary import clean

# Of CustomerMetadataProperties (SageMaker API Reference, CreateModelPackage), with Python's words
ALLOWED = re.compile(r"[\w .:/=+\-@]*")


def fits(entries: dict[str, str]) -> None:
    assert len(entries) <= 30
    for key, value in entries.items():
        assert 1 <= len(key) <= 128
        assert 1 <= len(value) <= 256
        assert ALLOWED.fullmatch(key + value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0.981", "0.981"),
        ("1e-05", "1e-05"),
        ("s3://bucket/a=b+c@d", "s3://bucket/a=b+c@d"),
        ("größer 数字 ٣", "größer 数字 ٣"),
        ('["relu", (1)]', "--relu-- -1--"),
        ("a,b;c'd\n\t\\", "a-b-c-d---"),
        ("  within  ", "within"),
        ("x" * 256, "x" * 256),
        ("x" * 257, "x" * 253 + "..."),
        ("数" * 86, "数" * 84 + "..."),
    ],
)
def test_a_value_keeps_what_is_allowed_in_it(given: str, kept: str) -> None:
    found = clean([("name", given)])
    assert found == {"name": kept}
    fits(found)


def test_an_entry_that_says_nothing_is_left_out_and_named() -> None:
    assert clean([("empty", " "), ("full", "1")]) == {"full": "1", "left-out": "1: empty"}


def test_of_two_of_one_name_the_first_stays() -> None:
    found = clean([("a,", "1"), ("a;", "2")])
    assert found == {"a-": "1", "left-out": "1: a-"}


def test_no_entry_poses_as_the_list_of_those_left_out() -> None:
    assert clean([("left-out", "nothing")]) == {"left-out": "1: left-out"}


def test_a_long_name_is_cut() -> None:
    fits(found := clean([("x" * 500, "1")]))
    assert list(found) == ["x" * 125 + "..."]


@pytest.mark.parametrize(("given", "named"), [(30, 0), (31, 2), (500, 471)])
def test_entries_beyond_thirty_are_left_out_and_counted(given: int, named: int) -> None:
    found = clean((f"hyperparameter.{number}", str(number)) for number in range(given))
    fits(found)
    assert len(found) == 30
    assert next(iter(found)) == "hyperparameter.0"
    left = found.get("left-out", "0:")
    assert left.split(":")[0] == str(named)
    assert not named or left.startswith(f"{named}: hyperparameter.29 ")
