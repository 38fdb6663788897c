"""The state of an alarm by its data points, and the words that CloudWatch has for it.

Source: CloudWatch User Guide, "Using Amazon CloudWatch alarms", "Evaluating an alarm" and "How
alarm state is evaluated when data is missing"; the reasons are as public notifications have them.

Data points are those of the last EvaluationPeriods periods, the oldest first. AWS looks further
back where some of them are missing, how far it does not say.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
# Missing data: what a point that is not there counts as
TREATMENTS = {"breaching": True, "notBreaching": False, "ignore": None, "missing": None}
Point = tuple[int, float | None]  # the second at which a period begins, and the value


@dataclass(frozen=True)
class Rule:
    """When a data point is breaching, and how many have to be."""

    comparison: str
    threshold: float
    needed: int
    treatment: str

    @property
    def words(self) -> str:
        return COMPARISONS[self.comparison][1]

    @property
    def filled(self) -> bool | None:
        return TREATMENTS[self.treatment]

    @property
    def treated(self) -> str:
        return "[Breaching]" if self.filled else "[NonBreaching]"

    def breached_by(self, value: float) -> bool:
        return COMPARISONS[self.comparison][0](value, self.threshold)


def judge(values: Sequence[float | None], rule: Rule) -> str | None:
    """The state, of the last values (None: missing), the oldest first; None: as it was."""
    seen = [rule.filled if each is None else rule.breached_by(each) for each in values]
    if seen.count(True) >= rule.needed:
        return ALARM
    if False in seen:
        return OK
    if rule.treatment == "ignore":
        return None
    # "CloudWatch alarms are designed to always go into ALARM state when the oldest available
    # breaching datapoint during the Evaluation Periods number of data points is at least as old as
    # the value of Datapoints to Alarm, and all other more recent data points are breaching or
    # missing" (the same page)
    old_enough = True in seen and len(seen) - seen.index(True) >= rule.needed
    return ALARM if old_enough else INSUFFICIENT


def reason(points: Sequence[Point], rule: Rule, old: str, new: str) -> str:
    """Why the alarm went from `old` to `new`."""
    real = [(second, value) for second, value in points if value is not None]
    missing = len(points) - len(real)
    if new == INSUFFICIENT:
        return f"Insufficient Data: {_many(missing, 'datapoint')} {_was(missing)} unknown."
    treated = f"{_many(missing, 'missing datapoint')} {_was(missing)} treated as {rule.treated}"
    if not real:
        periods = _many(len(points), "period")
        return f"Threshold Crossed: no datapoints were received for {periods} and {treated}."
    alarming = new == ALARM
    crossed = [point for point in real if rule.breached_by(point[1]) == alarming]
    shown = ", ".join(f"{value} ({_time(second)})" for second, value in reversed(crossed))
    answer = f"{_was(len(crossed))} {'' if alarming else 'not '}{rule.words}"
    beside = f" and {treated}" if missing and rule.filled is not None else ""
    needed = rule.needed if alarming else len(points) - rule.needed + 1
    return (
        f"Threshold Crossed: {len(crossed)} out of the last {len(points)} datapoints [{shown}] "
        f"{answer} the threshold ({rule.threshold}){beside} "
        f"(minimum {_many(needed, 'datapoint')} for {old} -> {new} transition)."
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _time(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%d/%m/%y %H:%M:%S")
