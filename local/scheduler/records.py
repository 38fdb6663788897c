"""The schedules that there are, and the clock by which they are due."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from local.context import current
from local.scheduler.expressions import Expression
from local.service import Records, now

GROUP = "default"


@dataclass
class Schedule:
    """`asked` is how it was put, as the API has it; `due` is when it fires next, None for never."""

    name: str
    asked: Mapping[str, Any]
    expression: Expression
    created: datetime
    modified: datetime
    due: datetime | None = None

    @property
    def arn(self) -> str:
        return current().arn("scheduler", f"schedule/{GROUP}/{self.name}")

    def plan(self, after: datetime) -> None:
        """Find out when it is due: later than `after`, within its dates, if it is enabled."""
        start = self.asked.get("StartDate")
        if start:
            after = max(after, start - timedelta(microseconds=1))
        self.due = self.following(after) if self.asked["State"] == "ENABLED" else None

    def following(self, moment: datetime) -> datetime | None:
        found, end = self.expression.after(moment), self.asked.get("EndDate")
        return None if found is None or (end and found > end) else found


class ScheduleRecords(Records):
    """`ahead` is how far the schedules' clock was driven forward; who changes what is due tells
    `changed`, which has `lock`."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition(self.lock)
        self.schedules: dict[str, Schedule] = {}
        self.ahead = timedelta()
        self.is_kept = False  # a thread fires what is due
        self.is_firing = False

    def now(self) -> datetime:
        return now() + self.ahead

    def next(self) -> Schedule | None:
        """The schedule that is due first."""
        planned = [each for each in self.schedules.values() if each.due]
        return min(planned, key=lambda each: (each.due, each.name), default=None)
