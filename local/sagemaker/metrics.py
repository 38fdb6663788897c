"""Metrics of a training job: what its MetricDefinitions find in the lines it prints."""

import contextlib
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local.credentials import Credentials

BATCH = 1000  # PutMetricData, CloudWatch API reference


class Metrics:
    """Every value found so far (Developer Guide, "Define training metrics")."""

    def __init__(self, definitions: Sequence[dict[str, str]]) -> None:
        self._patterns = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
        self._values: list[dict[str, Any]] = []
        self._published = 0

    def read(self, line: str) -> None:
        """Capture a line's values; what is no finite number is not captured."""
        for name, pattern in self._patterns:
            for found in pattern.finditer(line):
                with contextlib.suppress(ValueError, IndexError, TypeError):
                    value = float(found.group(1))
                    if math.isfinite(value):
                        now = datetime.now(UTC)
                        self._values.append({"MetricName": name, "Value": value, "Timestamp": now})

    def final(self) -> list[dict[str, Any]]:
        """The last value of each metric."""
        return list({each["MetricName"]: each for each in self._values}.values())

    def publish(self, credentials: Credentials, namespace: str, job: str) -> None:
        """New values to CloudWatch; a role that may not has none there, as on AWS."""
        dimensions = [{"Name": "TrainingJobName", "Value": job}]
        data = [{**each, "Dimensions": dimensions} for each in self._values[self._published :]]
        self._published += len(data)
        client = credentials.client("cloudwatch")
        with contextlib.suppress(ClientError):
            for start in range(0, len(data), BATCH):
                client.put_metric_data(Namespace=namespace, MetricData=data[start : start + BATCH])
