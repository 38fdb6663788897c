"""What the figures mean: a verdict in one sentence, and whether a new training is due."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from evaluation.telling import count, sentence
from monitoring.record import Look, Moved, Verdict

Span = tuple[datetime | None, datetime | None]


def verdict(look: Look, records: int, span: Span, shifts: Sequence[Moved]) -> tuple[Verdict, str]:
    """Of records, and of the time in which they were captured."""
    first, last = span
    when = f" from {_told(first)} to {_told(last)}" if first and last else ""
    if records < look.minimum:
        words = f"too few to judge: {count(records, 'record')} of the {look.minimum:,} needed{when}"
        return "too-few", sentence(words)
    most = max(shifts, key=lambda one: (one.score, one.psi))
    among = f"in {count(records, 'record')}{when}"
    if most.score >= look.threshold:
        also = sum(one.score >= look.threshold for one in shifts) - 1
        others = f" and {count(also, 'other figure')} as well" if also else ""
        words = f"drifted: {most.name} by a PSI of {most.psi:.2f}{others}, {among}"
        return "drifted", sentence(f"{words}; the limit is {look.threshold:g}")
    words = f"steady: {most.name} has moved most, by a PSI of {most.psi:.2f}, {among}"
    reason = "no more than chance explains" if most.psi <= most.chance else "below the limit"
    return "steady", sentence(f"{words}; that is {reason}, and the limit is {look.threshold:g}")


def retrain(look: Look, found: Verdict, now: datetime) -> tuple[bool, str]:
    """Whether a training is due, and why or why not."""
    if found != "drifted":
        return False, f"nothing has drifted: {found}"
    until = look.since + timedelta(days=look.cooldown_days)
    begun = f"it counts from {_told(look.since)}"
    rule = f"the cool-down of {look.cooldown_days:g} days"
    if now < until:
        return False, f"drifted, but {rule} ends on {_told(until)}: {begun}"
    return True, f"drifted, and {rule} is over: {begun}"


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
