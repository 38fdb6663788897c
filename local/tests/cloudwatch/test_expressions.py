"""Metric math, and what is none."""

import pytest

from local.cloudwatch.expressions import BadMath, parse

KNOWN = {"a": 6.0, "b": 2.0, "none": None, "zero": 0.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a", 6.0),
        ("a + b * 2", 10.0),
        ("(a + b) * 2", 16.0),
        ("-a / b - 1.5", -4.5),
        (" a\n - b ", 4.0),
        ("1e2", 100.0),
        ("a + none", None),
        ("FILL(none, 3) + a", 9.0),
        ("FILL(a + none, -1)", -1.0),
        ("a / zero", None),
        ("FILL(a / zero, 0)", 0.0),
        ("a * 1e308 * 1e308", None),
    ],
)
def test_an_expression_is_what_arithmetic_makes_of_it(text: str, value: float | None) -> None:
    assert parse(text).value(KNOWN.__getitem__) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "a +", "a b", "a ** 2", "a % b", "a // b", "a > b", "a and b", "not a", "~a"),
        *("a.real", "a[0]", "[a]", "'a'", "True", "None", "1j", "A", "é", "a if b else a"),
        *("SUM(a)", "METRICS()", "FILL(a)", "FILL(a, REPEAT)", "FILL(a, b)", "FILL(a, n=0)"),
        *("SELECT AVG(a) FROM b", "ANOMALY_DETECTION_BAND(a)", "__import__('os')", "(lambda: a)()"),
        *("(" * 500 + "a" + ")" * 500, "-" * 2000 + "a", "9" * 2000, "9" * 5000, "a\0", "a # b"),
    ],
)
def test_what_is_not_done_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(BadMath, match="is not supported by the local endpoint"):
        parse(text)
