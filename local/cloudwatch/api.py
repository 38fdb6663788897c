"""CloudWatch: metrics that are published and read, alarms and dashboards that are put."""

import json
import math
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.cloudwatch import queries, requests, views, work
from local.cloudwatch.alarms import Alarm, AlarmRecords
from local.cloudwatch.dashboards import Dashboard, DashboardRecords, check
from local.cloudwatch.metrics import (
    AHEAD_SECONDS,
    KEPT_SECONDS,
    PERCENTILE,
    Metric,
    MetricRecords,
    Sample,
    statistic,
)
from local.cloudwatch.queries import Queries, Stat, dimensions, invalid, seconds
from local.refusals import unsupported
from local.service import AwsError, Service

ROWS, DASHBOARDS = 500, 1000  # of ListMetrics, of ListDashboards


class CloudWatch(Service):
    service = "cloudwatch"
    bad_page = "InvalidNextToken"
    page_names = ("NextToken", "MaxRecords")

    def put_metric_data(self) -> ActionResult:
        data = requests.data(self.get("Namespace"), self.get("MetricData", []))
        records = MetricRecords.here()
        with records.lock:
            for each in data:
                each.add_to(records.sample(each.metric, each.unit, each.second))
        return EmptyResult()

    def get_metric_data(self) -> ActionResult:
        asked = self.get("MetricDataQueries")
        found = queries.read(asked)
        shown = [self._shown(found, each) for each in asked if each.get("ReturnData", True)]
        return ActionResult({"MetricDataResults": shown, "Messages": []})

    def _shown(self, found: Queries, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["Id"]
        period = found.periods[name] or asked.get("Period")
        if period is None:
            raise invalid(f"{name}: an expression without a metric needs a Period")
        points = [(start, found.value(name, start)) for start in self._starts(period)]
        if self.get("ScanBy") != "TimestampAscending":
            points.reverse()
        known = [(start, value) for start, value in points if value is not None]
        query = found.by_id[name]
        label = query.metric.name if isinstance(query, Stat) else name
        return {
            "Id": name,
            "Label": asked.get("Label") or label,
            "Timestamps": [datetime.fromtimestamp(start, UTC) for start, _ in known],
            "Values": [value for _, value in known],
            "StatusCode": "Complete",
        }

    def get_metric_statistics(self) -> ActionResult:
        names = [*self.get("Statistics", []), *self.get("ExtendedStatistics", [])]
        if not names:
            text = "Must specify either Statistics or ExtendedStatistics"
            raise AwsError("InvalidParameterCombination", text)
        for each in self.get("ExtendedStatistics", []):
            if not PERCENTILE.fullmatch(each):
                text = unsupported(f"the statistic {each}", "p0 to p100")
                raise AwsError("InvalidParameterValue", text)
        period, asked = self.get("Period"), {"Dimensions": self.get("Dimensions")}
        metric = Metric(self.get("Namespace"), self.get("MetricName"), dimensions(asked))
        points = []
        for start in self._starts(period):
            units: dict[str, list[Sample]] = {}
            end, records = start + period, MetricRecords.here()
            for unit, sample in records.between(metric, start, end, self.get("Unit")):
                units.setdefault(unit, []).append(sample)
            points += [_point(start, unit, found, names) for unit, found in units.items()]
        return ActionResult({"Label": metric.name, "Datapoints": points})

    def _starts(self, period: int) -> range:
        """Where the periods begin that are asked for, as far as there can be data: by the clock."""
        asked, until = seconds(self.get("StartTime")), seconds(self.get("EndTime"))
        if asked >= until:
            text = "The parameter StartTime must be less than the parameter EndTime."
            raise AwsError("ValidationError", text)
        first = int(max(asked, time.time() - KEPT_SECONDS))
        last = math.ceil(min(until, time.time() + AHEAD_SECONDS))
        return range(first - first % period, last, period)

    def list_metrics(self) -> ActionResult:
        namespace, name = self.get("Namespace"), self.get("MetricName")
        wanted = self.get("Dimensions", [])
        records = MetricRecords.here()
        with records.lock:
            known = list(records.series)
        self.page_size = ROWS
        return self.page(
            "Metrics",
            [
                {
                    "Namespace": metric.namespace,
                    "MetricName": metric.name,
                    "Dimensions": [{"Name": k, "Value": v} for k, v in sorted(metric.dimensions)],
                }
                for metric in known
                if namespace in (None, metric.namespace)
                and name in (None, metric.name)
                and all(_has(metric, each) for each in wanted)
            ],
        )

    def put_metric_alarm(self) -> ActionResult:
        asked = {name: value for name, value in self._get_params().items() if value is not None}
        tags = {each["Key"]: each["Value"] for each in asked.pop("Tags", [])}
        AlarmRecords.here().put(requests.alarm(asked), tags)
        work.watch()
        return EmptyResult()

    def describe_alarms(self) -> ActionResult:
        names, prefix = self.get("AlarmNames"), self.get("AlarmNamePrefix", "")
        state, action = self.get("StateValue"), self.get("ActionPrefix")
        if names and prefix:
            raise invalid("AlarmNames and AlarmNamePrefix cannot both be given")
        found = [
            views.described(each)
            for each in _alarms()
            if (not names or each.name in names)
            and each.name.startswith(prefix)
            and state in (None, each.state.value)
            and "MetricAlarm" in self.get("AlarmTypes", ["MetricAlarm"])
        ]
        rows = [each for each in found if not action or _acts(each, action)]
        answer: Any = self.page("MetricAlarms", rows)
        return ActionResult({"CompositeAlarms": [], **answer.result})

    def describe_alarm_history(self) -> ActionResult:
        name, start, end = self.get("AlarmName"), self.get("StartDate"), self.get("EndDate")
        records = AlarmRecords.here()
        with records.lock:
            changes = list(records.history)
        if self.get("ScanBy") != "TimestampAscending":
            changes.reverse()
        rows = [
            views.history(each)
            for each in changes
            if name in (None, each.alarm.name)
            and (start is None or each.new.changed.timestamp() >= seconds(start))
            and (end is None or each.new.changed.timestamp() <= seconds(end))
        ]
        return self.page("AlarmHistoryItems", rows)

    def delete_alarms(self) -> ActionResult:
        """Those of the names that there are (API reference, DeleteAlarms)."""
        AlarmRecords.here().delete(self.get("AlarmNames"))
        return EmptyResult()

    def set_alarm_state(self) -> ActionResult:
        found = AlarmRecords.here().alarms.get(self.get("AlarmName"))
        if found is None:
            raise AwsError("ResourceNotFound", f"There is no alarm {self.get('AlarmName')}")
        data = self.get("StateReasonData")
        try:
            json.loads(data or "{}")
        except ValueError:
            raise AwsError("InvalidFormat", "StateReasonData is not JSON") from None
        work.set_state(found, self.get("StateValue"), self.get("StateReason"), data, work.HELD)
        return EmptyResult()

    def put_dashboard(self) -> ActionResult:
        name, body = self.get("DashboardName"), self.get("DashboardBody")
        check(body)
        records = DashboardRecords.here()
        with records.lock:
            records.dashboards[name] = Dashboard(name, body)
        return ActionResult({"DashboardValidationMessages": []})

    def get_dashboard(self) -> ActionResult:
        found = DashboardRecords.here().find(self.get("DashboardName"))
        shown = {"DashboardName": found.name, "DashboardArn": found.arn}
        return ActionResult({**shown, "DashboardBody": found.body})

    def list_dashboards(self) -> ActionResult:
        records, prefix = DashboardRecords.here(), self.get("DashboardNamePrefix", "")
        with records.lock:
            found = [records.dashboards[name] for name in sorted(records.dashboards)]
        self.page_size = DASHBOARDS
        return self.page(
            "DashboardEntries",
            [
                {
                    "DashboardName": each.name,
                    "DashboardArn": each.arn,
                    "LastModified": each.modified,
                    "Size": len(each.body.encode()),
                }
                for each in found
                if each.name.startswith(prefix)
            ],
        )

    def delete_dashboards(self) -> ActionResult:
        """None, if one of them is not there (API reference, DeleteDashboards)."""
        records = DashboardRecords.here()
        with records.lock:
            for found in [records.find(name) for name in self.get("DashboardNames")]:
                records.dashboards.pop(found.name, None)
        return EmptyResult()

    def _tags(self) -> dict[str, str]:
        """Of the alarm that is named; whoever changes them holds the records' lock."""
        name = self.get("ResourceARN").partition(":alarm:")[2]
        tags = AlarmRecords.here().tags.get(name)
        if tags is None:
            raise AwsError("ResourceNotFoundException", f"There is no {self.get('ResourceARN')}")
        return tags

    def tag_resource(self) -> ActionResult:
        with AlarmRecords.here().lock:
            self._tags().update({each["Key"]: each["Value"] for each in self.get("Tags")})
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        with AlarmRecords.here().lock:
            for name in self.get("TagKeys"):
                self._tags().pop(name, None)
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        with AlarmRecords.here().lock:
            tags = [{"Key": name, "Value": value} for name, value in self._tags().items()]
        return ActionResult({"Tags": tags})


def _point(start: int, unit: str, found: list[Sample], names: list[str]) -> dict[str, Any]:
    figures = {name: statistic(found, name) for name in names}
    known = {name: value for name, value in figures.items() if value is not None}
    extended = {name: value for name, value in known.items() if PERCENTILE.fullmatch(name)}
    plain = {name: value for name, value in known.items() if name not in extended}
    shown = {"ExtendedStatistics": extended} if extended else {}
    return {"Timestamp": datetime.fromtimestamp(start, UTC), "Unit": unit, **plain, **shown}


def _has(metric: Metric, wanted: dict[str, str]) -> bool:
    given = dict(metric.dimensions)
    return wanted["Name"] in given and wanted.get("Value") in (None, given[wanted["Name"]])


def _alarms() -> Iterable[Alarm]:
    records = AlarmRecords.here()
    with records.lock:
        return [records.alarms[name] for name in sorted(records.alarms)]


def _acts(described: dict[str, Any], prefix: str) -> bool:
    actions = (described[name] for name in views.ACTIONS.values())
    return any(arn.startswith(prefix) for given in actions for arn in given)
