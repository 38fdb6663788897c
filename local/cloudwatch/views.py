"""Alarms as they are described, and what is told of their changes.

Sources: CloudWatch API reference, MetricAlarm, AlarmHistoryItem; User Guide, "Alarm events and
EventBridge"; messages to topics are as public ones are.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.session import get_session

from local.cloudwatch.alarms import Alarm, AlarmState, Change
from local.cloudwatch.queries import Stat
from local.cloudwatch.verdict import ALARM, INSUFFICIENT, OK, Point
from local.context import current

ACTIONS = {OK: "OKActions", ALARM: "AlarmActions", INSUFFICIENT: "InsufficientDataActions"}


def described(alarm: Alarm) -> dict[str, Any]:
    state = alarm.state
    return {
        "ActionsEnabled": True,
        **{name: [] for name in ACTIONS.values()},
        **({} if "Metrics" in alarm.asked else {"Dimensions": []}),
        **alarm.asked,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": alarm.updated,
        "StateValue": state.value,
        "StateReason": state.reason,
        **({"StateReasonData": state.data} if state.data else {}),
        "StateUpdatedTimestamp": state.since,
        "StateTransitionedTimestamp": state.changed,
    }


def reason_data(alarm: Alarm, points: Sequence[Point]) -> str:
    watched = alarm.queries.by_id[alarm.watched]
    seen = [value for _, value in points if value is not None]
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": stamp(datetime.now(UTC)),
            "startDate": stamp(datetime.fromtimestamp(points[0][0], UTC)),
            **({"statistic": watched.name} if isinstance(watched, Stat) else {}),
            "period": alarm.period,
            "recentDatapoints": seen,
            "threshold": alarm.rule.threshold,
        }
    )


def history(change: Change) -> dict[str, Any]:
    states = {"oldState": _remembered(change.old), "newState": _remembered(change.new)}
    return {
        "AlarmName": change.alarm.name,
        "AlarmType": "MetricAlarm",
        "Timestamp": change.new.changed,
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {change.old.value} to {change.new.value}",
        "HistoryData": json.dumps({"version": "1.0", **states}),
    }


def _remembered(state: AlarmState) -> dict[str, Any]:
    data = {"stateReasonData": json.loads(state.data)} if state.data else {}
    return {"stateValue": state.value, "stateReason": state.reason, **data}


def event(change: Change) -> dict[str, Any]:
    """The detail of 'CloudWatch Alarm State Change'."""
    asked = change.alarm.asked
    configuration = {"metrics": _metrics(asked)}
    if asked.get("AlarmDescription"):
        configuration["description"] = asked["AlarmDescription"]
    return {
        "alarmName": change.alarm.name,
        "configuration": configuration,
        "previousState": _state(change.old),
        "state": _state(change.new),
    }


def _metrics(asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "Metrics" not in asked:
        stat = asked.get("Statistic") or asked["ExtendedStatistic"]
        only = {"Metric": asked, "Period": asked["Period"], "Stat": stat, "Unit": asked.get("Unit")}
        return [_query({"Id": str(uuid.uuid4()), "MetricStat": only})]
    return [_query(each) for each in asked["Metrics"]]


def _query(asked: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": asked["Id"]}
    if "Expression" in asked:
        shown["expression"] = asked["Expression"]
    else:
        stat = asked["MetricStat"]
        metric = stat["Metric"]
        dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or ()}
        shown["metricStat"] = {
            "metric": {
                "dimensions": dimensions,
                "name": metric["MetricName"],
                "namespace": metric["Namespace"],
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
            **({"unit": stat["Unit"]} if stat.get("Unit") else {}),
        }
    if asked.get("Label"):
        shown["label"] = asked["Label"]
    return {**shown, "returnData": asked.get("ReturnData", True)}


def _state(state: AlarmState) -> dict[str, Any]:
    data = {"reasonData": state.data} if state.data else {}
    return {
        "value": state.value,
        "reason": state.reason,
        **data,
        "timestamp": stamp(state.changed),
    }


def notice(change: Change) -> tuple[str, dict[str, Any]]:
    """Subject and message of what a topic is told."""
    alarm, asked, here = change.alarm, change.alarm.asked, current()
    regions = get_session().get_data("endpoints")["partitions"]
    (place,) = (each["regions"][here.region] for each in regions if here.region in each["regions"])
    region = place["description"].replace("Europe (", "EU (")
    rule = alarm.rule
    subject = f'{change.new.value}: "{alarm.name}" in {region}'
    return subject[:100], {
        "AlarmName": alarm.name,
        "AlarmDescription": asked.get("AlarmDescription"),
        "AWSAccountId": here.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm.updated),
        "NewStateValue": change.new.value,
        "NewStateReason": change.new.reason,
        "StateChangeTime": stamp(change.new.changed),
        "Region": region,
        "AlarmArn": alarm.arn,
        "OldStateValue": change.old.value,
        **{name: asked.get(name, []) for name in ACTIONS.values()},
        "Trigger": {
            **_trigger(asked),
            "Period": alarm.period,
            "EvaluationPeriods": alarm.periods,
            "DatapointsToAlarm": rule.needed,
            "ComparisonOperator": rule.comparison,
            "Threshold": rule.threshold,
            "TreatMissingData": rule.treatment,
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def _trigger(asked: Mapping[str, Any]) -> dict[str, Any]:
    if "Metrics" in asked:
        return {"Metrics": asked["Metrics"]}
    plain = asked.get("Statistic")
    dimensions = asked.get("Dimensions") or ()
    return {
        "MetricName": asked["MetricName"],
        "Namespace": asked["Namespace"],
        "StatisticType": "Statistic" if plain else "ExtendedStatistic",
        **({"Statistic": plain.upper()} if plain else {}),
        **({} if plain else {"ExtendedStatistic": asked["ExtendedStatistic"]}),
        "Unit": asked.get("Unit"),
        "Dimensions": [{"value": each["Value"], "name": each["Name"]} for each in dimensions],
    }


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
