"""Candidate against champion: what is said of a difference, and what is chance."""

import math
from fractions import Fraction

import numpy as np
import pytest

from evaluation.comparing import compare, interval, mcnemar
from evaluation.record import Comparison, Scored

ABC = ("a", "b", "c")


def scored(classes: list[int], names: tuple[str, ...] = ABC, name: str = "mlops-1") -> Scored:
    answers = np.array(classes, np.int64)
    probabilities = np.eye(len(names), dtype=np.float32)[answers]
    return Scored(name, "onnxruntime", names, answers, probabilities)


def of_360(mine: int, theirs: int, both: int, noun: str = "picture") -> Comparison:
    """360 examples; so many that the candidate, the champion, and both of them get wrong."""
    labels = np.zeros(360, np.int64)
    candidate, champion = labels.copy(), labels.copy()
    candidate[:mine] = 1
    champion[mine - both : mine - both + theirs] = 1
    return compare(labels, scored(candidate.tolist()), scored(champion.tolist(), name="old"), noun)


def test_the_numbers_of_a_worse_candidate_are_those_counted_by_hand() -> None:
    found = of_360(mine=7, theirs=5, both=5)
    assert (found.outcome, found.examples, found.champion) == ("compared", 360, "old")
    assert found.accuracy == 353 / 360
    assert found.champion_accuracy == 355 / 360
    assert found.difference == -2 / 360
    assert (found.only_candidate, found.only_champion) == (0, 2)
    assert found.p_value == pytest.approx(0.5)  # two coins that fall alike
    assert found.words == "98.1 % against 98.6 % of old: 2 of 360 pictures fewer, within chance"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((12, 5, 5), "96.7 % against 98.6 % of old: 7 of 360 examples fewer, more than chance "),
        ((5, 12, 5), "98.6 % against 96.7 % of old: 7 of 360 examples more, more than chance "),
        ((5, 6, 5), "98.6 % against 98.3 % of old: 1 of 360 examples more, within chance"),
        ((7, 7, 7), "98.1 % against 98.1 % of old: the same of 360 examples"),
        ((7, 7, 2), "98.1 % against 98.1 % of old: as many of 360 examples, but others"),
        ((0, 0, 0), "100.0 % against 100.0 % of old: the same of 360 examples"),
    ],
)
def test_a_difference_is_told_in_words(wrong: tuple[int, int, int], words: str) -> None:
    assert of_360(*wrong, noun="example").words.startswith(words)


def test_one_picture_is_one_picture() -> None:
    found = compare(np.array([0]), scored([0]), scored([1], name="old"), "picture")
    assert found.words == "100.0 % against 0.0 % of old: 1 of 1 picture more, within chance"


def test_no_rounding_makes_a_perfect_model_of_one_that_is_not() -> None:
    labels = np.zeros(20_000, np.int64)
    one = labels.copy()
    one[0] = 1
    found = compare(labels, scored(one.tolist()), scored(labels.tolist(), name="old"), "picture")
    assert found.words.startswith("99.995 % against 100.0 % of old: 1 of 20,000 pictures fewer")


@pytest.mark.parametrize(
    ("gained", "lost"), [(0, 0), (0, 1), (3, 3), (0, 5), (0, 6), (1, 8), (40, 61), (300, 351)]
)
def test_chance_is_that_of_coins(gained: int, lost: int) -> None:
    n, fewer = gained + lost, min(gained, lost)
    ways = sum(math.comb(n, k) for k in range(fewer + 1))
    exact = min(Fraction(1), Fraction(2 * ways, 2**n))
    assert mcnemar(gained, lost) == pytest.approx(float(exact), rel=1e-9)
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


def test_five_to_none_is_chance_and_six_to_none_is_not() -> None:
    assert "within chance" in of_360(10, 5, 5).words  # p = 2 / 32
    assert "more than chance explains" in of_360(11, 5, 5).words  # p = 2 / 64


def test_chance_is_told_for_millions_of_examples_too() -> None:
    assert mcnemar(500_000, 500_500) == pytest.approx(0.6179, abs=1e-3)  # the normal distribution's
    assert mcnemar(500_000, 510_000) < 1e-20
    assert mcnemar(0, 10**6) == 0


def test_the_interval_is_that_of_agresti_and_min() -> None:
    # (2 - 4) / 102, and 1.96 times the root of (7 - 4 / 102) over 102
    low, high = interval(2, 4, 100)
    assert low == pytest.approx(-2 / 102 - 1.959964 * math.sqrt(7 - 4 / 102) / 102)
    assert high == pytest.approx(-2 / 102 + 1.959964 * math.sqrt(7 - 4 / 102) / 102)
    assert interval(0, 0, 100) == (-high_of_none(100), high_of_none(100))
    assert interval(1, 0, 1)[1] == 1


def high_of_none(examples: int) -> float:
    """Where no answer differs there is still an interval, since there are few examples."""
    return 1.959964 / (examples + 2)


def test_other_lists_of_classes_are_compared_by_name_on_what_both_know() -> None:
    # The champion knows c and a, and z beside; it is asked for the four of a and c, not for b
    labels = np.array([0, 0, 1, 2, 2])
    candidate = scored([0, 1, 1, 2, 2])
    champion = scored([1, 1, 1, 0, 2], ("c", "a", "z"), "old")
    found = compare(labels, candidate, champion, "example")
    assert (found.outcome, found.examples) == ("compared", 4)
    assert (found.accuracy, found.champion_accuracy, found.difference) == (0.75, 0.75, 0)
    assert found.words == (
        "75.0 % against 75.0 % of old: as many of 4 examples, but others; compared by the names of"
        " their classes, without 1 of classes that it does not know"
    )


def test_the_same_classes_in_another_order_are_compared_by_name_on_all() -> None:
    champion = scored([2, 1, 0], ("c", "b", "a"), "old")
    found = compare(np.array([0, 1, 2]), scored([0, 1, 2]), champion, "example")
    assert (found.examples, found.difference) == (3, 0)
    assert found.words.endswith("compared by the names of their classes")


def test_two_models_without_a_class_in_common_are_not_compared() -> None:
    found = compare(np.array([0]), scored([0]), scored([0], ("x", "y"), "old"), "example")
    assert found == Comparison(
        "other-classes", "not comparable with old: they have no class in common", "old"
    )


def test_two_models_are_not_compared_on_no_example() -> None:
    champion = scored([0, 0], ("c", "y"), "old")
    found = compare(np.array([0, 1]), scored([0, 1]), champion, "picture")
    assert found.outcome == "other-classes"
    assert found.words.endswith("no held-out picture is of a class that both know")


def test_a_name_that_stands_for_two_classes_is_no_class_in_common() -> None:
    twice = scored([0, 1], ("a", "a"), "old")
    assert compare(np.array([0, 0]), scored([0, 0]), twice, "example").outcome == "other-classes"
    same = compare(np.array([0, 1]), scored([0, 1], ("a", "a")), twice, "example")
    assert (same.outcome, same.accuracy, same.champion_accuracy) == ("compared", 1, 1)


def test_the_words_are_one_line_that_fits_whatever_the_names_are() -> None:
    found = compare(np.array([0]), scored([0]), scored([0], name="x\n" * 500), "example")
    assert len(found.words) == 300
    assert "\n" not in found.words
