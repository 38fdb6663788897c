"""The alarms that there are, the state of each and how it came to it; and which are ringing."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.cloudwatch.queries import Queries
from local.cloudwatch.verdict import ALARM, INSUFFICIENT, Rule
from local.context import current
from local.service import Records, now

HISTORY = 1000  # changes of all alarms that are remembered


@dataclass(frozen=True)
class AlarmState:
    value: str = INSUFFICIENT
    reason: str = "Unchecked: Initial alarm creation"
    data: str | None = None
    since: datetime = field(default_factory=now)  # it was set, maybe to what it was
    changed: datetime = field(default_factory=now)


@dataclass
class Alarm:
    """`asked` is how it was put, as the API has it; `watched` is the one of `queries` to judge."""

    name: str
    asked: Mapping[str, Any]
    queries: Queries
    watched: str
    period: int
    periods: int
    rule: Rule
    updated: datetime = field(default_factory=now)
    state: AlarmState = field(default_factory=AlarmState)
    held_until: float = 0.0  # what SetAlarmState has set stays so long, by time.time

    @property
    def arn(self) -> str:
        return current().arn("cloudwatch", f"alarm:{self.name}")


@dataclass(frozen=True)
class Change:
    """An alarm's way from one state to another."""

    alarm: Alarm
    old: AlarmState
    new: AlarmState


class AlarmRecords(Records):
    def __init__(self) -> None:
        super().__init__()
        self.alarms: dict[str, Alarm] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.history: deque[Change] = deque(maxlen=HISTORY)
        self.is_watched = False  # a thread evaluates them

    def put(self, alarm: Alarm, tags: Mapping[str, str]) -> None:
        """A known alarm keeps its state and its tags (API reference, PutMetricAlarm)."""
        with self.lock:
            known = self.alarms.get(alarm.name)
            if known:
                alarm.state, alarm.held_until = known.state, known.held_until
            else:
                self.tags[alarm.name] = dict(tags)
            self.alarms[alarm.name] = alarm

    def delete(self, names: Sequence[str]) -> None:
        with self.lock:
            for name in names:
                self.alarms.pop(name, None)
                self.tags.pop(name, None)

    def change(self, alarm: Alarm, value: str, reason: str, data: str | None) -> Change | None:
        """Set the state; None if it was that before, or the alarm is another by now, or gone."""
        with self.lock:
            if self.alarms.get(alarm.name) is not alarm:
                return None
            old, moment = alarm.state, now()
            same = old.value == value
            alarm.state = AlarmState(value, reason, data, moment, old.changed if same else moment)
            if same:
                return None
            change = Change(alarm, old, alarm.state)
            self.history.append(change)
            return change


def ringing(names: Sequence[str]) -> list[str]:
    """Which of these alarms are in ALARM now; one that is not there does not ring."""
    records = AlarmRecords.here()
    with records.lock:
        found = [records.alarms.get(name) for name in names]
    return [each.name for each in found if each and each.state.value == ALARM]
