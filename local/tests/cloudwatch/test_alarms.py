"""Alarms, as they are put, evaluated and described through the endpoint."""

import time

from local.cloudwatch.alarms import ringing
from local.cloudwatch.metrics import record
from local.tests.cloudwatch.watching import Watch


def test_an_alarm_rings_on_what_a_service_records_and_says_why(watch: Watch) -> None:
    name = watch.put()
    fine = watch.becomes(name, "OK")
    assert fine["StateReason"] == (
        "Threshold Crossed: no datapoints were received for 1 period and "
        "1 missing datapoint was treated as [NonBreaching]."
    )
    for value in (1.0, 1.0, 0.0):
        record(watch.namespace, "Errors", {"EndpointName": "flowers"}, value, "Count")
    rung = watch.becomes(name, "ALARM", seconds=5)
    assert rung["StateReason"].startswith(
        "Threshold Crossed: 1 out of the last 1 datapoints [0.6666666666666666 ("
    )
    assert rung["StateReason"].endswith(
        "was greater than the threshold (0.5) (minimum 1 datapoint for OK -> ALARM transition)."
    )
    assert rung["StateUpdatedTimestamp"] > fine["StateUpdatedTimestamp"]
    assert ringing([name, "another"]) == [name]


def test_an_alarm_falls_silent_when_what_was_bad_is_older_than_its_window(watch: Watch) -> None:
    watch.data(ago=7)
    name = watch.put()
    watch.becomes(name, "ALARM")
    began = time.time()
    watch.becomes(name, "OK")
    assert time.time() - began < 6
    assert ringing([name]) == []


def test_a_percentile_rings_where_the_average_does_not(watch: Watch) -> None:
    watch.data(Values=[1.0, 100.0], Counts=[98, 2])
    high, low = watch.put(ExtendedStatistic="p99", Threshold=50), watch.put(Threshold=50)
    middle = watch.put(ExtendedStatistic="p50", Threshold=50)
    watch.becomes(high, "ALARM")
    watch.becomes(low, "OK")
    watch.becomes(middle, "OK")
    assert ringing([high, low, middle]) == [high]
