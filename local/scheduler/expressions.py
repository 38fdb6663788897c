"""When a schedule is due: cron(…), rate(…) and at(…), in a time zone.

Sources: EventBridge Scheduler User Guide, "Schedule types in EventBridge Scheduler"; EventBridge
User Guide, "Cron expressions reference" (the wildcards). When clocks go forward, what falls on a
time that is not there is skipped; when they go back, a schedule "runs only once and does not repeat
its invocation" (the first, "Daylight savings time").
"""

import calendar
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_YEARS = range(1970, 2200)
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
Days = Callable[[date], bool]


class BadSchedule(ValueError):
    """The text tells what is wrong with it."""


@dataclass(frozen=True)
class Once:
    """at(yyyy-mm-ddThh:mm:ss)"""

    moment: datetime

    def after(self, moment: datetime) -> datetime | None:
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class Rate:
    """rate(value unit): the first time at `start`. A day is 24 hours, whatever clocks do."""

    start: datetime
    period: timedelta

    def after(self, moment: datetime) -> datetime | None:
        if moment < self.start:
            return self.start
        return self.start + ((moment - self.start) // self.period + 1) * self.period


@dataclass(frozen=True)
class Cron:
    """cron(minutes hours day-of-month month day-of-week year)"""

    zone: ZoneInfo
    times: tuple[time, ...]
    months: frozenset[int]
    is_day: Days
    years: frozenset[int]

    def after(self, moment: datetime) -> datetime | None:
        """Clocks are read as on the wall: each time of the day once, and only if it is there."""
        wall = moment.astimezone(self.zone)
        passed = bisect_left(self.times, wall.time())
        for day in self._days(wall.date()):
            for each in self.times[passed if day == wall.date() else 0 :]:
                found = datetime.combine(day, each, self.zone).astimezone(UTC)
                is_there = found.astimezone(self.zone).time() == each
                if is_there and found > moment:
                    return found
        return None

    def _days(self, day: date) -> Iterator[date]:
        for year in sorted(each for each in self.years if each >= day.year):
            for month in sorted(self.months):
                for number in range(1, calendar.monthrange(year, month)[1] + 1):
                    found = date(year, month, number)
                    if found >= day and self.is_day(found):
                        yield found


Expression = Once | Rate | Cron


def parse(text: str, zone: ZoneInfo, start: datetime) -> Expression:
    """`start` is when a rate begins. Raises BadSchedule."""
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", text)
    if not match:
        raise BadSchedule("it is none of cron(…), rate(…) and at(…)")
    kind, inside = match.groups()
    if kind == "cron":
        return _cron(inside.split(), zone)
    if kind == "rate":
        return Rate(start, _period(inside))
    try:
        moment = datetime.strptime(inside, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        raise BadSchedule("at(…) takes yyyy-mm-ddThh:mm:ss") from None
    return Once(moment.astimezone(UTC))


def _period(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9]\d{0,5}) (minute|hour|day)s?", text)
    if not match:
        raise BadSchedule("rate(…) takes a number and minutes, hours or days")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _cron(fields: list[str], zone: ZoneInfo) -> Cron:
    if len(fields) != 6:
        raise BadSchedule(f"cron(…) takes six fields, not {len(fields)}")
    minutes, hours, day_of_month, months, day_of_week, years = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        raise BadSchedule("exactly one of day-of-month and day-of-week is ?")
    by_week = day_of_month == "?"
    return Cron(
        zone,
        tuple(
            time(hour, minute)
            for hour in sorted(_values("hours", hours, range(24)))
            for minute in sorted(_values("minutes", minutes, range(60)))
        ),
        _values("month", months, range(1, 13), _MONTHS),
        _of_the_week(day_of_week) if by_week else _of_the_month(day_of_month),
        _values("year", years, _YEARS),
    )


def _values(field: str, text: str, allowed: range, names: tuple[str, ...] = ()) -> frozenset[int]:
    """What a field of , - * / means; `names` stand for the numbers from 1 on."""

    def number(written: str) -> int:
        value = names.index(written) + 1 if written in names else None
        if value is None and written.isdecimal():
            value = int(written)
        if value is None or value not in allowed:
            what = f"{allowed[0]} to {allowed[-1]}"
            raise BadSchedule(f"{field} is {what}, not {written or 'nothing'}")
        return value

    found: set[int] = set()
    for part in text.upper().split(","):
        bounds, slash, step = part.partition("/")
        first, dash, last = bounds.partition("-")
        low = allowed[0] if first == "*" else number(first)
        high = number(last) if dash else (allowed[-1] if slash or first == "*" else low)
        if (slash and not re.fullmatch(r"[1-9]\d*", step)) or low > high or (first == "*" and dash):
            raise BadSchedule(f"{field} cannot be {part}")
        found.update(range(low, high + 1, int(step) if slash else 1))
    return frozenset(found)


def _of_the_month(text: str) -> Days:
    """L is the month's last day, 3W the weekday of the same month that is closest to its third."""
    if text == "L":
        return lambda day: day.day == _last(day)
    if match := re.fullmatch(r"(\d+)W", text):
        (wanted,) = _values("day-of-month", match[1], range(1, 32))
        return lambda day: wanted <= _last(day) and day.day == _weekday(day, wanted)
    numbers = _values("day-of-month", text, range(1, 32))
    return lambda day: day.day in numbers


def _last(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _weekday(day: date, wanted: int) -> int:
    match day.replace(day=wanted).isoweekday():
        case 6:
            return wanted - 1 if wanted > 1 else 3
        case 7:
            return wanted + 1 if wanted < _last(day) else wanted - 2
    return wanted


def _of_the_week(text: str) -> Days:
    """1 is Sunday; 3#2 is the month's second Tuesday, 6L its last Friday; L is Saturday."""
    if match := re.fullmatch(r"(\w+)#([1-5])", text):
        (wanted,) = _values("day-of-week", match[1], range(1, 8), _DAYS)
        week = int(match[2])
        return lambda day: _number(day) == wanted and (day.day + 6) // 7 == week
    if match := re.fullmatch(r"(\d|[A-Z]{3})L", text):
        (wanted,) = _values("day-of-week", match[1], range(1, 8), _DAYS)
        return lambda day: _number(day) == wanted and day.day + 7 > _last(day)
    numbers = _values("day-of-week", "7" if text == "L" else text, range(1, 8), _DAYS)
    return lambda day: _number(day) in numbers


def _number(day: date) -> int:
    return day.isoweekday() % 7 + 1
