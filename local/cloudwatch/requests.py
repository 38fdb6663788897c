"""What PutMetricAlarm and PutMetricData ask, checked: what is accepted is done as AWS does it.

Source: CloudWatch API reference, PutMetricAlarm, PutMetricData, MetricDatum.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.cloudwatch import queries
from local.cloudwatch.alarms import Alarm
from local.cloudwatch.metrics import AHEAD_SECONDS, KEPT_SECONDS, Metric, Sample
from local.cloudwatch.queries import Queries, invalid
from local.cloudwatch.verdict import COMPARISONS, TREATMENTS, Rule
from local.cloudwatch.views import ACTIONS
from local.refusals import unsupported
from local.service import AwsError

_GREATEST = 2.0**360  # "Values must be in the range of -2^360 to 2^360"
SHORT_PERIODS = (10, 20, 30)  # seconds; "and any multiple of 60"
_OF_ONE = ("Namespace", "MetricName", "Dimensions", "Period", "Unit", "Statistic")


def alarm(asked: Mapping[str, Any]) -> Alarm:
    """The alarm that a request describes. Raises AwsError."""
    found, watched = _watched(asked)
    for name in ("ComparisonOperator", "EvaluationPeriods", "Threshold"):
        if asked.get(name) is None:
            raise invalid(f"{name} must be given for an alarm with a threshold")
    treatment = asked.get("TreatMissingData", "missing")
    if treatment not in TREATMENTS:
        raise invalid(f"Option TreatMissingData {treatment} is none of {', '.join(TREATMENTS)}")
    if asked["ComparisonOperator"] not in COMPARISONS:
        what = f"ComparisonOperator {asked['ComparisonOperator']}"
        raise invalid(unsupported(what, *COMPARISONS))
    periods = asked["EvaluationPeriods"]
    needed = asked.get("DatapointsToAlarm", periods)
    if needed > periods:
        raise invalid("DatapointsToAlarm must not be greater than EvaluationPeriods")
    period = _period(found, watched, periods)
    for name in ACTIONS.values():
        for arn in asked.get(name) or ():
            if arn.split(":")[2:3] != ["sns"]:
                raise invalid(unsupported(f"{name} {arn}", "topics of SNS"))
    rule = Rule(asked["ComparisonOperator"], float(asked["Threshold"]), needed, treatment)
    return Alarm(asked["AlarmName"], asked, found, watched, period, periods, rule)


def _watched(asked: Mapping[str, Any]) -> tuple[Queries, str]:
    """What an alarm asks of metrics, and the id of what it is about."""
    if "Metrics" not in asked:
        given = [asked[name] for name in ("Statistic", "ExtendedStatistic") if asked.get(name)]
        if len(given) != 1:
            raise invalid("Exactly one of Statistic and ExtendedStatistic must be specified")
        for name in ("MetricName", "Namespace", "Period"):
            if asked.get(name) is None:
                raise invalid(f"{name} must be given for an alarm on one metric")
        return Queries({"m1": queries.stat(asked, given[0])}), "m1"
    if beside := sorted(asked.keys() & {*_OF_ONE, "ExtendedStatistic"}):
        raise invalid(f"{beside[0]} cannot be given where Metrics is")
    found = queries.read(asked["Metrics"])
    told = [each["Id"] for each in asked["Metrics"] if each.get("ReturnData", True)]
    if len(told) != 1:
        raise invalid("Exactly one element of the metrics list should return data")
    return found, told[0]


def _period(found: Queries, watched: str, periods: int) -> int:
    period = found.periods[watched]
    if period is None:
        raise invalid(f"{watched}: an alarm's expression has to be of a metric")
    if period not in SHORT_PERIODS and period % 60:
        raise invalid(f"Period {period} is none of 10, 20, 30 and no multiple of 60")
    if period * periods > KEPT_SECONDS:
        what = f"Period {period} x EvaluationPeriods {periods}"
        raise invalid(unsupported(what, f"{KEPT_SECONDS} seconds at most"))
    return period


@dataclass(frozen=True)
class Datum:
    """What one element of a PutMetricData adds to a metric."""

    metric: Metric
    unit: str
    second: int
    values: Sequence[tuple[float, float]]  # each with how often it came
    summary: tuple[float, float, float, float] | None  # count, sum, minimum, maximum

    def add_to(self, sample: Sample) -> None:
        for value, times in self.values:
            sample.add(value, times)
        if self.summary:
            sample.summarize(*self.summary)
            sample.whole = False


def data(namespace: str, asked: Sequence[Mapping[str, Any]]) -> list[Datum]:
    """Raises AwsError, before anything is added."""
    return [_datum(namespace, each, f"MetricData.member.{i}") for i, each in enumerate(asked, 1)]


def _datum(namespace: str, asked: Mapping[str, Any], where: str) -> Datum:
    given = [name for name in ("Value", "Values", "StatisticValues") if asked.get(name) is not None]
    if len(given) != 1:
        text = f"{where} has to have exactly one of Value, Values and StatisticValues"
        raise AwsError("InvalidParameterCombination", text)
    summary = None
    values: list[tuple[float, float]] = []
    if given == ["Value"]:
        values = [(asked["Value"], 1.0)]
    elif given == ["Values"]:
        counts = asked.get("Counts") or [1.0] * len(asked["Values"])
        if len(counts) != len(asked["Values"]):
            text = f"The parameters {where}.Values and {where}.Counts must be of the same size."
            raise AwsError("InvalidParameterValue", text)
        values = [*zip(asked["Values"], counts, strict=True)]
    elif given == ["StatisticValues"]:
        said = asked["StatisticValues"]
        summary = (said["SampleCount"], said["Sum"], said["Minimum"], said["Maximum"])
        # "Percentile statistics are not available … unless SampleCount is 1, or Min and Max are
        # equal" (PutMetricData)
        if said["Minimum"] == said["Maximum"] or said["SampleCount"] == 1:
            values, summary = [(said["Maximum"], said["SampleCount"])], None
    for number in (*(n for pair in values for n in pair), *(summary or ())):
        if not math.isfinite(number) or abs(number) > _GREATEST:
            text = f"The value {number} for parameter {where} is invalid."
            raise AwsError("InvalidParameterValue", text)
    metric = Metric(namespace, asked["MetricName"], queries.dimensions(asked))
    return Datum(metric, asked.get("Unit", "None"), _second(asked, where), values, summary)


def _second(asked: Mapping[str, Any], where: str) -> int:
    now = time.time()
    said = queries.seconds(asked["Timestamp"]) if asked.get("Timestamp") else now
    if not now - KEPT_SECONDS <= said <= now + AHEAD_SECONDS:
        allowed = f"up to {KEPT_SECONDS} seconds ago", f"up to {AHEAD_SECONDS} seconds from now"
        what = f"{where}.Timestamp {asked['Timestamp']}"
        raise AwsError("InvalidParameterValue", unsupported(what, *allowed))
    return int(said)
