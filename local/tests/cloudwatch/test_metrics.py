"""What is published, and how it is read."""

import re
import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloudwatch.metrics import (
    KEPT_SECONDS,
    Metric,
    MetricRecords,
    Sample,
    record,
    statistic,
)
from local.tests.cloudwatch.watching import DIMENSIONS, Watch

HERE = {"EndpointName": "flowers"}


def statistics(watch: Watch, name: str, *asked: str, **more: Any) -> list[dict[str, Any]]:
    plain = [each for each in asked if not each.startswith("p")]
    extended = [each for each in asked if each.startswith("p")]
    if plain:
        more["Statistics"] = plain
    if extended:
        more["ExtendedStatistics"] = extended
    now = time.time()
    answer = watch.client.get_metric_statistics(
        **{
            "Namespace": watch.namespace,
            "MetricName": name,
            "Dimensions": DIMENSIONS,
            "StartTime": now - 3000,
            "EndTime": now + 60,
            "Period": 3600,
            **more,
        }
    )
    return list(answer["Datapoints"])


def test_every_way_to_read_shows_what_a_service_records(watch: Watch) -> None:
    for value in range(1, 101):
        record(watch.namespace, "Latency", HERE, float(value), "Microseconds")
    record(watch.namespace, "Latency", {**HERE, "VariantName": "AllTraffic"}, 1e6, "Microseconds")
    asked = ("SampleCount", "Sum", "Average", "Minimum", "Maximum", "p99", "p50", "p100")
    found = statistics(watch, "Latency", *asked)
    told: dict[str, Any] = {"ExtendedStatistics": {"p99": 99.0, "p50": 50.0, "p100": 100.0}}
    told |= {"SampleCount": 100.0, "Sum": 5050.0, "Average": 50.5, "Minimum": 1.0, "Maximum": 100.0}
    (point,) = found
    assert point.items() >= told.items()
    assert point["Unit"] == "Microseconds"
    assert point["Timestamp"].timestamp() % 3600 == 0  # by the clock
    now = time.time()
    (series,) = watch.client.get_metric_data(
        StartTime=now - 100,
        EndTime=now + 100,
        MetricDataQueries=[
            watch.query("Latency", "p90"),
            {"Id": "twice", "Expression": "latency * 2", "Label": "Twice"},
        ],
    )["MetricDataResults"]
    assert (series["Id"], series["Label"], sum(series["Values"])) == ("twice", "Twice", 180.0)
    listed = watch.client.list_metrics(Namespace=watch.namespace)["Metrics"]
    assert [len(each["Dimensions"]) for each in listed] == [1, 2]
    only = watch.client.list_metrics(
        Namespace=watch.namespace, Dimensions=[{"Name": "VariantName", "Value": "AllTraffic"}]
    )["Metrics"]
    assert only == listed[1:]


def test_a_period_of_years_takes_no_longer_than_one_of_minutes(watch: Watch) -> None:
    watch.data()
    (point,) = statistics(watch, "Errors", "Sum", Period=2**31 - 8)
    assert point["Sum"] == 1.0


def test_data_is_shown_in_the_order_that_is_asked_for(watch: Watch) -> None:
    for ago in (40, 20):
        watch.data(ago=ago, Value=float(ago))
    now = time.time()
    for order, values in (("TimestampAscending", [40, 20]), (None, [20, 40])):
        more = {"ScanBy": order} if order else {}
        (series,) = watch.client.get_metric_data(
            StartTime=now - 100,
            EndTime=now,
            MetricDataQueries=[watch.query("Errors", ReturnData=True)],
            **more,
        )["MetricDataResults"]
        assert series["Values"] == values
        assert all(moment.timestamp() % 10 == 0 for moment in series["Timestamps"])


def test_units_are_told_apart(watch: Watch) -> None:
    watch.data(Value=1.0, Unit="Seconds")
    watch.data(Value=9.0)
    found = statistics(watch, "Errors", "Sum")
    assert {each["Unit"]: each["Sum"] for each in found} == {"Seconds": 1.0, "None": 9.0}
    (only,) = statistics(watch, "Errors", "Sum", Unit="Seconds")
    assert only["Sum"] == 1.0


def test_a_summary_counts_but_has_no_percentile(watch: Watch) -> None:
    said = {"SampleCount": 4.0, "Sum": 20.0, "Minimum": 2.0, "Maximum": 9.0}
    watch.data(StatisticValues=said)
    watch.data(Values=[1.0, 30.0], Counts=[3.0, 1.0])
    (point,) = statistics(watch, "Errors", *said, "Average", "p50")
    assert point["SampleCount"] == 8.0
    assert (point["Sum"], point["Minimum"], point["Maximum"]) == (53.0, 1.0, 30.0)
    assert "ExtendedStatistics" not in point
    same = {"SampleCount": 4.0, "Sum": 20.0, "Minimum": 5.0, "Maximum": 5.0}
    watch.data("Same", StatisticValues=same)
    (point,) = statistics(watch, "Same", "p50")
    assert point["ExtendedStatistics"] == {"p50": 5.0}


@pytest.mark.parametrize(
    ("datum", "reason"),
    [
        ({"Value": 1e200}, "The value 1e+200 for parameter MetricData.member.1 is invalid"),
        ({"Unit": "Count"}, "exactly one of Value, Values and StatisticValues"),
        ({"Value": 1.0, "Values": [1.0]}, "exactly one of Value, Values and StatisticValues"),
        ({"Values": [1.0], "Counts": [1.0, 2.0]}, "must be of the same size"),
        ({"Value": 1.0, "Timestamp": 946684800}, "is not supported by the local endpoint"),
    ],
)
def test_what_is_no_datum_is_refused_and_nothing_of_its_request_is_kept(
    watch: Watch, datum: dict[str, Any], reason: str
) -> None:
    good = {"MetricName": "Good", "Value": 1.0}
    with pytest.raises(ClientError, match=re.escape(reason)):
        watch.client.put_metric_data(
            Namespace=watch.namespace, MetricData=[{"MetricName": "Bad", **datum}, good]
        )
    assert watch.client.list_metrics(Namespace=watch.namespace)["Metrics"] == []


def test_what_is_older_than_an_hour_goes_when_something_new_comes() -> None:
    records, now = MetricRecords(), int(time.time())
    metric = Metric("N", "M", frozenset())
    for second in (now - KEPT_SECONDS - 1, now - KEPT_SECONDS + 60):
        records.series.setdefault(metric, {}).setdefault("None", {})[second] = Sample()
    with records.lock:
        records.sample(metric, "None", now).add(1.0)
    assert sorted(records.series[metric]["None"]) == [now - KEPT_SECONDS + 60, now]


def test_reading_does_not_stand_in_the_way_of_who_publishes() -> None:
    """Both at once: no value is lost, and what is read is never half of a value."""
    records, metric = MetricRecords(), Metric("N", "M", frozenset())
    second, each = int(time.time()), 20_000

    def publish(first: int) -> None:
        for value in range(first, first + each):
            with records.lock:
                records.sample(metric, "None", second).add(float(value))

    threads = [threading.Thread(target=publish, args=(first,)) for first in (0, each)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        samples = [sample for _, sample in records.between(metric, second, second + 1)]
        highest, most = statistic(samples, "p100"), statistic(samples, "Maximum")
        assert highest == most
    (sample,) = [sample for _, sample in records.between(metric, second, second + 1)]
    assert sample.count == 2 * each
    assert sample.total == sum(range(2 * each))
