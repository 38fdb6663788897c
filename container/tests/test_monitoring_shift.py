"""How far two samples are apart, and that chance alone does not count."""

import math

import numpy as np
import pytest

from monitoring import shift


def counts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_what_is_distributed_alike_has_a_psi_of_nothing() -> None:
    assert shift.psi(counts(10, 20, 30), counts(10, 20, 30)) == 0


def test_psi_is_the_textbooks_where_samples_are_large() -> None:
    before, now = np.array([0.2, 0.3, 0.5]), np.array([0.4, 0.3, 0.3])
    expected = ((now - before) * np.log(now / before)).sum()
    found = shift.psi((before * 1_000_000).astype(int), (now * 1_000_000).astype(int))
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("now", [(0, 500), (500, 0), (0, 0)])
def test_an_empty_bucket_has_a_finite_psi(now: tuple[int, int]) -> None:
    assert math.isfinite(shift.psi(counts(360, 0), counts(*now)))


@pytest.mark.parametrize("buckets", [2, 10, 100])
def test_one_look_in_a_hundred_passes_the_chance_of_one_in_a_hundred(buckets: int) -> None:
    """Never more often; with rare classes less, as the half that is added holds them together."""
    random = np.random.default_rng(buckets)
    passed = 0
    for _ in range(2000):
        before, now = (random.multinomial(n, [1 / buckets] * buckets) for n in (1000, 500))
        passed += shift.psi(before, now) > shift.chance(before, now, 0.01)
    assert passed / 2000 == pytest.approx(0.01, abs=0.0075)


def test_of_many_classes_chance_alone_passes_the_customary_limit() -> None:
    """So a limit without it would raise an alarm in every look."""
    random = np.random.default_rng(0)
    before, now = (random.multinomial(n, [1 / 200] * 200) for n in (10_000, 500))
    assert 0.25 < shift.psi(before, now) < shift.chance(before, now, 1e-4)


def test_one_bucket_leaves_nothing_to_chance() -> None:
    assert shift.chance(counts(10), counts(20), 0.01) == 0


def test_the_distance_of_kolmogorov_and_smirnov_is_that_of_the_sums() -> None:
    distance, p_value = shift.kolmogorov_smirnov(counts(50, 50), counts(100, 0))
    assert distance == 0.5
    assert p_value < 1e-10
    assert shift.kolmogorov_smirnov(counts(50, 50), counts(50, 50)) == (0, 1)
    assert shift.kolmogorov_smirnov(counts(0, 0), counts(50, 50)) == (0, 1)


def test_the_chance_of_a_distance_is_the_one_in_tables() -> None:
    """1.358 by the root of the size has a chance of 5 % (Smirnov's table of 1948)."""
    sixteenth = counts(*[10_000] * 100)
    now = sixteenth.copy()
    moved = round(1.358 / math.sqrt(500_000) * 1_000_000)
    now[0], now[-1] = now[0] + moved, now[-1] - moved
    assert shift.kolmogorov_smirnov(sixteenth, now)[1] == pytest.approx(0.05, abs=0.001)
