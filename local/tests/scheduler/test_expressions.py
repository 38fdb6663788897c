"""When a schedule is due, worked out by hand from calendars."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from local.scheduler.expressions import BadSchedule, parse

START = datetime(2026, 3, 27, 12, 30, 15, tzinfo=UTC)  # a Friday


def due(text: str, number: int, zone: str = "UTC", after: datetime = START) -> list[str]:
    """The next times, as UTC."""
    expression, found = parse(text, ZoneInfo(zone), START), list[str]()
    moment: datetime | None = after
    while len(found) < number:
        assert moment
        moment = expression.after(moment)
        found.append(f"{moment:%a %Y-%m-%d %H:%M}" if moment else "never")
        if moment is None:
            break
    return found


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("cron(0 3 ? * MON *)", ["Mon 2026-03-30 03:00", "Mon 2026-04-06 03:00"]),
        ("cron(0 10 * * ? *)", ["Sat 2026-03-28 10:00", "Sun 2026-03-29 10:00"]),
        ("cron(30 12 * * ? *)", ["Sat 2026-03-28 12:30", "Sun 2026-03-29 12:30"]),
        ("cron(31 12 * * ? *)", ["Fri 2026-03-27 12:31", "Sat 2026-03-28 12:31"]),
        ("cron(0/20 8-9 ? * 2-6 *)", ["Mon 2026-03-30 08:00", "Mon 2026-03-30 08:20"]),
        ("cron(5 0,12 1 JAN,jul ? *)", ["Wed 2026-07-01 00:05", "Wed 2026-07-01 12:05"]),
        ("cron(0 0 L * ? *)", ["Tue 2026-03-31 00:00", "Thu 2026-04-30 00:00"]),
        ("cron(0 0 31 * ? *)", ["Tue 2026-03-31 00:00", "Sun 2026-05-31 00:00"]),
        ("cron(0 0 4W * ? *)", ["Fri 2026-04-03 00:00", "Mon 2026-05-04 00:00"]),
        ("cron(0 0 1W 8 ? *)", ["Mon 2026-08-03 00:00", "Mon 2027-08-02 00:00"]),
        ("cron(0 0 ? * 3#2 *)", ["Tue 2026-04-14 00:00", "Tue 2026-05-12 00:00"]),
        ("cron(0 0 ? * 6L *)", ["Fri 2026-04-24 00:00", "Fri 2026-05-29 00:00"]),
        ("cron(0 0 ? * L *)", ["Sat 2026-03-28 00:00", "Sat 2026-04-04 00:00"]),
        ("cron(0 0 29 2 ? *)", ["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2027-2028/2)", ["Fri 2027-01-01 00:00", "never"]),
        ("cron(0 0 1 1 ? 2025)", ["never"]),
        ("cron(0 0 30 2 ? *)", ["never"]),
        ("rate(1 day)", ["Sat 2026-03-28 12:30", "Sun 2026-03-29 12:30"]),
        ("rate(90 minutes)", ["Fri 2026-03-27 14:00", "Fri 2026-03-27 15:30"]),
        ("at(2026-04-01T00:00:00)", ["Wed 2026-04-01 00:00", "never"]),
        ("at(2026-03-01T00:00:00)", ["never"]),
    ],
)
def test_a_schedule_is_due(text: str, times: list[str]) -> None:
    assert due(text, 2) == times


def test_what_falls_on_an_hour_that_clocks_skip_is_skipped() -> None:
    """In Berlin 02:00 to 03:00 of 2026-03-29 are not there."""
    assert due("cron(30 2 * * ? *)", 3, "Europe/Berlin") == [
        "Sat 2026-03-28 01:30",
        "Mon 2026-03-30 00:30",
        "Tue 2026-03-31 00:30",
    ]


def test_what_falls_on_an_hour_that_clocks_repeat_is_due_once() -> None:
    """In Berlin 02:00 to 03:00 of 2026-10-25 are there twice."""
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    daily = ["Sun 2026-10-25 00:30", "Mon 2026-10-26 01:30"]
    assert due("cron(30 2 * * ? *)", 2, "Europe/Berlin", before) == daily
    between = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # it is 02:15 for the second time
    assert due("cron(30 * * * ? *)", 1, "Europe/Berlin", between) == ["Sun 2026-10-25 02:30"]


@pytest.mark.parametrize("day", [datetime(2026, 3, 27), datetime(2026, 10, 23)])
def test_a_cron_is_due_at_each_time_on_the_wall_that_it_names(day: datetime) -> None:
    """As a walk from minute to minute over a change of clocks finds them."""
    zone, start = ZoneInfo("Europe/Berlin"), day.replace(tzinfo=UTC)
    minutes = [start + timedelta(minutes=number + 1) for number in range(5 * 24 * 60)]
    wanted, seen = [], set()
    for moment in minutes:
        wall = moment.astimezone(zone).replace(tzinfo=None, fold=0)
        if wall.minute in (15, 45) and wall.hour in (1, 2, 3) and wall not in seen:
            seen.add(wall)
            wanted.append(f"{moment:%a %Y-%m-%d %H:%M}")
    assert due("cron(15,45 1-3 * * ? *)", len(wanted), "Europe/Berlin", start) == wanted


def test_a_rate_of_days_is_of_24_hours_and_begins_at_its_start() -> None:
    expression = parse("rate(1 day)", ZoneInfo("Europe/Berlin"), START)
    assert expression.after(START - timedelta(seconds=1)) == START
    assert expression.after(START + timedelta(days=3)) == START + timedelta(days=4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 3 * * *", "none of cron"),
        ("cron(0 3 * * *)", "six fields, not 5"),
        ("cron(0 3 * * * *)", "exactly one of"),
        ("cron(0 3 ? * ? *)", "exactly one of"),
        ("cron(60 3 * * ? *)", "minutes is 0 to 59, not 60"),
        ("cron(0 3 ? * 0 *)", "day-of-week is 1 to 7, not 0"),
        ("cron(0 3 ? * FRI-MON *)", "day-of-week cannot be FRI-MON"),
        ("cron(0 3 * FEVER ? *)", "month is 1 to 12, not FEVER"),
        ("cron(0/0 3 * * ? *)", "minutes cannot be 0/0"),
        ("cron(, 3 * * ? *)", "minutes is 0 to 59, not nothing"),
        ("cron(0 3 ? * 3#6 *)", "day-of-week is 1 to 7"),
        ("rate(0 days)", "a number and minutes"),
        ("rate(5 weeks)", "a number and minutes"),
        ("at(2026-02-30T00:00:00)", "yyyy-mm-dd"),
    ],
)
def test_what_is_no_schedule_is_told(text: str, words: str) -> None:
    with pytest.raises(BadSchedule, match=words):
        parse(text, ZoneInfo("UTC"), START)
