"""What is asked of metrics: a statistic of one, or an expression of others, by its id.

GetMetricData and alarms ask in the same form (CloudWatch API reference, MetricDataQuery).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


Queries = Mapping[str, Stat | Expression]


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


def read(given: Sequence[Mapping[str, Any]]) -> dict[str, Stat | Expression]:
    """The queries of a request, by id. Raises AwsError."""
    found: dict[str, Stat | Expression] = {}
    for each in given:
        name = each["Id"]
        if not ID.fullmatch(name):
            raise invalid(f"The value {name} for parameter Id is not matching the expected pattern")
        if name in found:
            raise invalid(f"The id {name} is given twice")
        if ("Expression" in each) == ("MetricStat" in each):
            raise invalid(f"{name}: either Expression or MetricStat has to be given")
        if "Expression" in each:
            try:
                found[name] = parse(each["Expression"])
            except BadMath as error:
                raise invalid(f"{name}: {error}") from None
        else:
            asked = each["MetricStat"]
            found[name] = stat({**asked["Metric"], **asked}, asked["Stat"])
    for name in found:
        _check(found, name, ())
    return found


def _check(queries: Queries, name: str, above: tuple[str, ...]) -> None:
    """Raises AwsError for an id that nobody has, or that is made of itself."""
    if name not in queries:
        raise invalid(f"{above[-1]}: there is no query with the id {name}")
    if name in above:
        raise invalid(f"{name}: an expression cannot be made of itself")
    query = queries[name]
    for each in query.ids if isinstance(query, Expression) else ():
        _check(queries, each, (*above, name))


def period(queries: Queries, name: str) -> int | None:
    """The period of all that the query is made of; None where that is numbers only.

    "Each metric must be using the same period" (User Guide, "Create a CloudWatch alarm based on a
    metric math expression"); data that is to be shown may have several there. Raises AwsError."""
    query = queries[name]
    if isinstance(query, Stat):
        return query.period
    inner = {period(queries, each) for each in query.ids} - {None}
    if len(inner) > 1:
        raise invalid(unsupported(f"{name}: an expression of several periods", "one period"))
    return inner.pop() if inner else None


def value(queries: Queries, name: str, start: int) -> float | None:
    """What the query is in the period that begins at this second."""
    query = queries[name]
    if isinstance(query, Stat):
        return query.value(start)
    return query.value(lambda each: value(queries, each, start))


def seconds(moment: datetime) -> float:
    """Of a request's time, which may come without its zone: UTC then."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
