"""The state of an alarm by its data points."""

import pytest

from local.cloudwatch.verdict import Rule, judge

VALUES = {"0": 0.0, "X": 9.0, "-": None}


@pytest.mark.parametrize(
    ("points", "needed", "missing", "ignore", "breaching", "not_breaching"),
    [
        # "How alarm state is evaluated when data is missing": the rows of its tables whose data
        # lies in the last three periods
        ("---", 3, "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        ("XXX", 3, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("--X", 3, "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        ("X--", 3, "ALARM", None, "ALARM", "OK"),
        ("0--", 3, "OK", "OK", "OK", "OK"),
        ("X0X", 2, "ALARM", "ALARM", "ALARM", "ALARM"),
        ("--0", 2, "OK", "OK", "ALARM", "OK"),
        ("--X", 2, "INSUFFICIENT_DATA", None, "ALARM", "OK"),
        ("-X-", 2, "ALARM", None, "ALARM", "OK"),
        ("00X", 2, "OK", "OK", "OK", "OK"),
    ],
)
def test_an_alarm_is_what_the_user_guide_says(
    points: str,
    needed: int,
    missing: str,
    ignore: str | None,
    breaching: str,
    not_breaching: str,
) -> None:
    told = {
        treatment: judge(
            [VALUES[each] for each in points], Rule("GreaterThanThreshold", 5, needed, treatment)
        )
        for treatment in ("missing", "ignore", "breaching", "notBreaching")
    }
    assert [*told.values()] == [missing, ignore, breaching, not_breaching]


@pytest.mark.parametrize(
    ("comparison", "states"),
    [
        ("GreaterThanThreshold", "OK OK ALARM"),
        ("GreaterThanOrEqualToThreshold", "OK ALARM ALARM"),
        ("LessThanThreshold", "ALARM OK OK"),
        ("LessThanOrEqualToThreshold", "ALARM ALARM OK"),
    ],
)
def test_a_value_is_compared_as_the_alarm_says(comparison: str, states: str) -> None:
    rule = Rule(comparison, 5.0, 1, "missing")
    assert [judge([value], rule) for value in (4.0, 5.0, 6.0)] == states.split()
