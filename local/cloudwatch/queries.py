"""What is asked of metrics: a statistic of one, or an expression of others, by its id.

GetMetricData and alarms ask in the same form (CloudWatch API reference, MetricDataQuery).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.cloudwatch.expressions import ID, BadMath, Expression, parse
from local.cloudwatch.metrics import (
    STATISTICS,
    Metric,
    MetricRecords,
    is_statistic,
    statistic,
)
from local.refusals import unsupported
from local.service import AwsError

DEEPEST = 20  # expressions that are made of each other


@dataclass(frozen=True)
class Stat:
    """`name` of a metric, over `period` seconds."""

    metric: Metric
    name: str
    period: int
    unit: str | None

    def value(self, start: int) -> float | None:
        """Of the period that begins at this second."""
        records = MetricRecords.here()
        found = records.between(self.metric, start, start + self.period, self.unit)
        return statistic([sample for _, sample in found], self.name)


def invalid(text: str) -> AwsError:
    return AwsError("ValidationError", text)


def stat(given: Mapping[str, Any], name: str) -> Stat:
    """The statistic `name` of the metric that a request gives. Raises AwsError."""
    if not is_statistic(name):
        raise invalid(unsupported(f"the statistic {name}", *STATISTICS, "p0 to p100"))
    metric = Metric(given["Namespace"], given["MetricName"], dimensions(given))
    return Stat(metric, name, given["Period"], given.get("Unit"))


def dimensions(given: Mapping[str, Any]) -> frozenset[tuple[str, str]]:
    return frozenset((each["Name"], each["Value"]) for each in given.get("Dimensions") or ())


@dataclass(frozen=True)
class Queries:
    """What was asked for together, by id. `periods` says which period each is made of, or None
    where it is numbers only. Raises AwsError."""

    by_id: Mapping[str, Stat | Expression]
    periods: dict[str, int | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.by_id:
            self._period(name, ())

    def _period(self, name: str, above: tuple[str, ...]) -> int | None:
        """ "Each metric must be using the same period" (User Guide, "Using Amazon CloudWatch
        alarms", "Alarms on Math Expressions"); what is only shown may have several on AWS."""
        if name not in self.by_id:
            raise invalid(f"{above[-1]}: there is no query with the id {name}")
        if name in above:
            raise invalid(f"{name}: an expression cannot be made of itself")
        if len(above) > DEEPEST:
            raise invalid(unsupported(f"{name}: so many expressions of expressions", str(DEEPEST)))
        if name not in self.periods:
            query = self.by_id[name]
            found = {query.period} if isinstance(query, Stat) else set()
            for each in sorted(query.ids) if isinstance(query, Expression) else ():
                if inner := self._period(each, (*above, name)):
                    found.add(inner)
            if len(found) > 1:
                what = f"{name}: an expression of several periods"
                raise invalid(unsupported(what, "one period"))
            self.periods[name] = next(iter(found), None)
        return self.periods[name]

    def value(self, name: str, start: int) -> float | None:
        """What the query is in the period that begins at this second."""
        known: dict[str, float | None] = {}

        def at(each: str) -> float | None:
            if each not in known:
                query = self.by_id[each]
                told = query.value(start) if isinstance(query, Stat) else query.value(at)
                known[each] = told
            return known[each]

        return at(name)


def read(given: Sequence[Mapping[str, Any]]) -> Queries:
    """The queries of a request. Raises AwsError."""
    found: dict[str, Stat | Expression] = {}
    for each in given:
        name = each["Id"]
        if not ID.fullmatch(name):
            raise invalid(f"The value {name} for parameter Id is not matching the expected pattern")
        if name in found:
            raise invalid(f"The id {name} is given twice")
        if ("Expression" in each) == ("MetricStat" in each):
            raise invalid(f"{name}: either Expression or MetricStat has to be given")
        found[name] = _expression(each) if "Expression" in each else _stat(each["MetricStat"])
    queries = Queries(found)
    for each in given:
        own = each.get("Period")
        if own and queries.periods[each["Id"]] not in (None, own):
            raise invalid(unsupported(f"{each['Id']}: a Period other than that of its metrics"))
    return queries


def _expression(given: Mapping[str, Any]) -> Expression:
    try:
        return parse(given["Expression"])
    except BadMath as error:
        raise invalid(f"{given['Id']}: {error}") from None


def _stat(given: Mapping[str, Any]) -> Stat:
    return stat({**given["Metric"], **given}, given["Stat"])


def seconds(moment: datetime) -> float:
    """Of a request's time, which may come without its zone: UTC then."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
