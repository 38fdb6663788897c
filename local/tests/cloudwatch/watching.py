"""Alarms and data for tests: each in a namespace of its own, on periods of ten seconds."""

import time
from dataclasses import dataclass
from typing import Any

from local.tests.aws import Aws, unique, wait

DIMENSIONS = [{"Name": "EndpointName", "Value": "flowers"}]


@dataclass(frozen=True)
class Watch:
    aws: Aws
    namespace: str

    @property
    def client(self) -> Any:
        return self.aws.client("cloudwatch")

    def put(self, **more: Any) -> str:
        """An alarm that rings when the average of Errors is more than a half; its name."""
        given = {
            "AlarmName": unique("alarm"),
            "EvaluationPeriods": 1,
            "Threshold": 0.5,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
        if "Metrics" not in more:
            given |= {"Namespace": self.namespace, "MetricName": "Errors", "Period": 10}
            given |= {"Dimensions": DIMENSIONS}
        if "ExtendedStatistic" not in more and "Metrics" not in more:
            given |= {"Statistic": "Average"}
        self.client.put_metric_alarm(**{**given, **more})
        return str({**given, **more}["AlarmName"])

    def data(self, name: str = "Errors", ago: float = 0, **datum: Any) -> None:
        self.client.put_metric_data(
            Namespace=self.namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": DIMENSIONS,
                    "Timestamp": time.time() - ago,
                    **(datum or {"Value": 1.0}),
                }
            ],
        )

    def query(self, name: str, stat: str = "Sum", **more: Any) -> dict[str, Any]:
        metric = {"Namespace": self.namespace, "MetricName": name, "Dimensions": DIMENSIONS}
        return {
            "Id": name.lower(),
            "MetricStat": {"Metric": metric, "Period": 10, "Stat": stat},
            "ReturnData": False,
            **more,
        }

    def alarm(self, name: str) -> dict[str, Any]:
        (found,) = self.client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return dict(found)

    def becomes(self, name: str, state: str, seconds: float = 20) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            found = self.alarm(name)
            return found if found["StateValue"] == state else None

        found: dict[str, Any] = wait(there, seconds)
        return found
