"""Figures as a person reads them in the report."""

import math

from evaluation import telling

NOTHING = "\u2013"  # a figure that cannot be told
SPACE = "\u00a0"  # keeps a number and its unit on one line
MINUS = "\u2212"


def told(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def percent(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return NOTHING
    return telling.percent(value).replace(" ", SPACE)


def number(value: float | None, digits: int = 3) -> str:
    if value is None or not math.isfinite(value):
        return NOTHING
    return signed(value, digits).lstrip("+")


def signed(value: float, digits: int = 1) -> str:
    """With its sign, unless it is 0 as it is shown."""
    text = f"{abs(value):.{digits}f}"
    sign = "" if float(text) == 0 else "+" if value > 0 else MINUS
    return sign + text


def points(difference: float) -> str:
    """A difference of two shares, in percentage points."""
    return f"{signed(100 * difference)}{SPACE}points"


def count(number: int, noun: str, many: str = "") -> str:
    """1 class, 1,000 classes."""
    return f"{number:,}{SPACE}{noun if number == 1 else many or noun + 's'}"


def short(text: str, most: int = 40) -> str:
    """The middle goes: names of a kind often differ at their end."""
    end = most // 3
    return text if len(text) <= most else f"{text[: most - end - 1]}…{text[-end:]}"
