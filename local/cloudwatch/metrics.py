"""What was published to which metric, second by second, in the last hour; and what a statistic is.

Sources: CloudWatch API reference, PutMetricData, MetricDatum; User Guide, "CloudWatch statistics
definitions".
"""

import math
import re
import time
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from local.service import Records

KEPT_SECONDS = 3600
# "You can publish time-series data up to two hours into the future" (PutMetricData, Timestamp)
AHEAD_SECONDS = 7200
STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,10})?)")


class Metric(NamedTuple):
    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


@dataclass(slots=True)
class Sample:
    """What one metric was in one second: `counts` says how often each of `values` came.

    Of a summary that somebody else has made the values are not known, and so no percentile.
    """

    count: float = 0.0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    values: "array[float]" = field(default_factory=lambda: array("d"))
    counts: "array[float]" = field(default_factory=lambda: array("d"))
    whole: bool = True

    def add(self, value: float, times: float = 1.0) -> None:
        self.summarize(times, value * times, value, value)
        if self.values and self.values[-1] == value:
            self.counts[-1] += times
        else:
            self.values.append(value)
            self.counts.append(times)

    def copy(self) -> "Sample":
        return replace(self, values=self.values[:], counts=self.counts[:])

    def summarize(self, count: float, total: float, least: float, most: float) -> None:
        self.count += count
        self.total += total
        self.least = min(self.least, least)
        self.most = max(self.most, most)


class MetricRecords(Records):
    """`series`: of each metric and each unit the samples, by their second."""

    def __init__(self) -> None:
        super().__init__()
        self.series: dict[Metric, dict[str, dict[int, Sample]]] = {}
        self._swept = 0

    def sample(self, metric: Metric, unit: str, second: int) -> Sample:
        """The one to add to; whoever does so holds `lock`."""
        seconds = self.series.setdefault(metric, {}).setdefault(unit, {})
        found = seconds.get(second)
        if found is None:
            self._sweep()
            found = seconds[second] = Sample()
        return found

    def _sweep(self) -> None:
        """Once a minute, what is too old goes; a metric stays known by its name."""
        now = int(time.time())
        if now - self._swept < 60:
            return
        self._swept = now
        for units in self.series.values():
            for seconds in units.values():
                for second in [each for each in seconds if each < now - KEPT_SECONDS]:
                    del seconds[second]

    def between(
        self, metric: Metric, start: int, end: int, unit: str | None = None
    ) -> list[tuple[str, Sample]]:
        """Copies of the samples from `start` up to, but not including, `end`, each with its unit:
        others go on adding to the last one."""
        with self.lock:
            return [
                (name, seconds[second].copy())
                for name, seconds in self.series.get(metric, {}).items()
                if unit in (None, name)
                for second in (range(start, end) if end - start < len(seconds) else [*seconds])
                if start <= second < end and second in seconds
            ]


def record(
    namespace: str, name: str, dimensions: Mapping[str, str], value: float, unit: str
) -> None:
    """Publish one value, now: what a service does for its own metrics."""
    records = MetricRecords.here()
    metric = Metric(namespace, name, frozenset(dimensions.items()))
    with records.lock:
        records.sample(metric, unit, int(time.time())).add(value)


def is_statistic(name: str) -> bool:
    return name in STATISTICS or PERCENTILE.fullmatch(name) is not None


def statistic(samples: Sequence[Sample], name: str) -> float | None:
    """What `name` (`is_statistic`) is of these; None where there is nothing that could tell."""
    count = sum(each.count for each in samples)
    if not count:
        return None
    match name:
        case "SampleCount":
            return count
        case "Sum":
            return sum(each.total for each in samples)
        case "Average":
            return sum(each.total for each in samples) / count
        case "Minimum":
            return min(each.least for each in samples)
        case "Maximum":
            return max(each.most for each in samples)
    return _percentile(samples, count * float(name[1:]) / 100)


def _percentile(samples: Iterable[Sample], rank: float) -> float | None:
    """The least of the values that this many are not above."""
    if not all(each.whole for each in samples):
        return None
    seen, value = 0.0, None
    pairs = (pair for each in samples for pair in zip(each.values, each.counts, strict=True))
    for value, times in sorted(pairs):
        seen += times
        if seen >= rank - 1e-9:  # 0.29 x 100 is not 29 to a computer
            return value
    return value
