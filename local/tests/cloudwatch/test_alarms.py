"""Alarms, as they are put, evaluated and described through the endpoint."""

import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloudwatch.alarms import ringing
from local.cloudwatch.metrics import record
from local.tests.cloudwatch.watching import Watch

AT_LEAST = "GreaterThanOrEqualToThreshold"


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
    watch.data(ago=6)
    name = watch.put()
    watch.becomes(name, "ALARM")
    watch.becomes(name, "OK")
    assert ringing([name]) == []


def test_a_percentile_rings_where_the_average_does_not(watch: Watch) -> None:
    watch.data(Values=[1.0, 100.0], Counts=[98, 2])
    high, low = watch.put(ExtendedStatistic="p99", Threshold=50), watch.put(Threshold=50)
    middle = watch.put(ExtendedStatistic="p50", Threshold=50)
    watch.becomes(high, "ALARM")
    watch.becomes(low, "OK")
    watch.becomes(middle, "OK")
    assert ringing([high, low, middle]) == [high]


def timeouts(watch: Watch, expression: str, **more: Any) -> str:
    """An alarm on what a container failed at without an answer of its own."""
    asked = [watch.query(name) for name in ("Failed", "Refused", "Broken")]
    wanted = {"Id": "timeouts", "Expression": expression}
    return watch.put(
        Metrics=[*asked, wanted], Threshold=1, **{"ComparisonOperator": AT_LEAST, **more}
    )


def test_an_alarm_rings_on_what_an_expression_makes_of_several_metrics(watch: Watch) -> None:
    name = timeouts(watch, "FILL(failed, 0) - FILL(refused, 0) - FILL(broken, 0)")
    strict = timeouts(watch, "failed - refused - broken")
    for metric, value in (("Failed", 3.0), ("Refused", 2.0)):
        watch.data(metric, Value=value, ago=1)
    rung = watch.becomes(name, "ALARM")
    assert "[1.0 (" in rung["StateReason"]
    assert watch.alarm(strict)["StateValue"] == "OK"  # a point that one operand lacks is missing
    watch.data("Refused", Value=1.0)
    watch.becomes(name, "OK")


@pytest.mark.parametrize(
    ("treatment", "state"),
    [
        ("notBreaching", "OK"),
        ("breaching", "ALARM"),
        ("missing", "INSUFFICIENT_DATA"),
        ("ignore", "INSUFFICIENT_DATA"),
    ],
)
def test_an_alarm_without_data_is_what_it_says_missing_data_is(
    watch: Watch, treatment: str, state: str
) -> None:
    name = watch.put(TreatMissingData=treatment)
    watch.becomes(watch.put(), "OK")  # by then the one before was evaluated too
    assert watch.alarm(name)["StateValue"] == state


def test_so_many_of_the_last_periods_have_to_be_breaching(watch: Watch) -> None:
    for ago, value in ((150, 1.0), (90, 0.0), (30, 1.0)):
        watch.data(ago=ago, Value=value)
    some = watch.put(Period=60, EvaluationPeriods=3, DatapointsToAlarm=2)
    every = watch.put(Period=60, EvaluationPeriods=3)
    rung = watch.becomes(some, "ALARM")
    assert "2 out of the last 3 datapoints [1.0 (" in rung["StateReason"]
    assert rung["StateReason"].endswith(
        "(minimum 2 datapoints for INSUFFICIENT_DATA -> ALARM transition)."
    )
    assert watch.becomes(every, "OK")


def test_an_alarm_that_is_deleted_while_it_rings_rings_no_more(watch: Watch) -> None:
    watch.data()
    name = watch.put()
    watch.becomes(name, "ALARM")
    watch.client.delete_alarms(AlarmNames=[name, "of-nobody"])
    assert ringing([name]) == []
    assert watch.client.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
    again = watch.put(AlarmName=name, Threshold=2)
    assert (
        "Unchecked: Initial alarm creation"
        in watch.client.describe_alarm_history(AlarmName=again, ScanBy="TimestampAscending")[
            "AlarmHistoryItems"
        ][0]["HistoryData"]
    )
    watch.becomes(again, "OK")


def test_an_alarm_that_is_put_again_keeps_its_state_and_its_tags(watch: Watch) -> None:
    watch.data()
    name = watch.put(Tags=[{"Key": "one", "Value": "1"}])
    rung = watch.becomes(name, "ALARM")
    watch.put(AlarmName=name, AlarmDescription="told", Tags=[{"Key": "two", "Value": "2"}])
    after = watch.alarm(name)
    assert after["AlarmDescription"] == "told"
    assert after["StateTransitionedTimestamp"] == rung["StateTransitionedTimestamp"]
    tags = watch.client.list_tags_for_resource(ResourceARN=after["AlarmArn"])["Tags"]
    assert tags == [{"Key": "one", "Value": "1"}]


def test_alarms_are_found_by_name_prefix_state_and_action(watch: Watch) -> None:
    topic = watch.aws.topic()
    name = watch.put(AlarmActions=[topic])
    watch.put()
    watch.becomes(name, "OK")
    for asked in (
        {"AlarmNames": [name, "of-nobody"]},
        {"AlarmNamePrefix": name},
        {"AlarmNames": [name], "StateValue": "OK"},
        {"ActionPrefix": topic},
    ):
        found = watch.client.describe_alarms(**asked)
        assert [each["AlarmName"] for each in found["MetricAlarms"]] == [name], asked
    for asked in ({"StateValue": "ALARM"}, {"AlarmTypes": ["CompositeAlarm"]}):
        found = watch.client.describe_alarms(AlarmNames=[name], **asked)
        assert found["MetricAlarms"] == found["CompositeAlarms"] == [], asked


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"Period": 5}, "Period 5 is none of 10, 20, 30 and no multiple of 60"),
        ({"Period": 1800, "EvaluationPeriods": 3}, "Period 1800 x EvaluationPeriods 3 is not supp"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must not be greater than EvaluationPeriods"),
        ({"ExtendedStatistic": "tm90"}, "the statistic tm90 is not supported"),
        ({"Statistic": "Sum", "ExtendedStatistic": "p9"}, "Exactly one of Statistic and Extended"),
        ({"TreatMissingData": "bad"}, "TreatMissingData bad is none of"),
        ({"ThresholdMetricId": "m1"}, "ThresholdMetricId is not supported"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "GreaterThanUpperThreshold is not "),
        ({"AlarmActions": ["arn:aws:automate:eu-west-1:ec2:stop"]}, "ec2:stop is not supported"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "Percentile ignore is not supported"),
    ],
)
def test_what_of_an_alarm_is_not_done_is_refused_by_name(
    watch: Watch, asked: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=re.escape(reason)):
        watch.put(**asked)


def test_only_one_query_of_an_alarm_is_watched_and_all_have_one_period(watch: Watch) -> None:
    one, other = watch.query("Failed"), watch.query("Broken")
    other["MetricStat"]["Period"] = 60
    both = [one, other, {"Id": "sum", "Expression": "failed + broken"}]
    for metrics, reason in (
        ([one], "Exactly one element of the metrics list should return data"),
        (both, "an expression of several periods is not supported"),
        ([one, {"Id": "e", "Expression": "e + failed"}], "e: an expression cannot be made of its"),
        ([one, {"Id": "e", "Expression": "failed", "Period": 60}], "a Period other than that of"),
        ([one, {"Id": "e", "Expression": "gone"}], "e: there is no query with the id gone"),
        ([one, {"Id": "e", "Expression": "SEARCH('a', 'Sum')"}], "SEARCH('a', 'Sum') in an expre"),
    ):
        with pytest.raises(ClientError, match=re.escape(reason)):
            watch.put(Metrics=metrics)


def test_what_many_expressions_share_is_asked_once(watch: Watch) -> None:
    """Else each of them would double the work."""
    watch.data("Failed")
    asked = [watch.query("Failed"), {"Id": "e0", "Expression": "failed", "ReturnData": False}]
    for number in range(1, 20):
        twice = f"e{number - 1} + e{number - 1}"
        asked.append({"Id": f"e{number}", "Expression": twice, "ReturnData": number == 19})
    rung = watch.becomes(watch.put(Metrics=asked), "ALARM", seconds=5)
    assert "[524288.0 (" in rung["StateReason"]
    deeper = [{**each, "ReturnData": False} for each in asked]
    for number in range(20, 30):
        ends = number == 29
        deeper.append({"Id": f"e{number}", "Expression": f"e{number - 1}", "ReturnData": ends})
    with pytest.raises(ClientError, match="so many expressions of expressions is not supported"):
        watch.put(Metrics=[*reversed(deeper)])
