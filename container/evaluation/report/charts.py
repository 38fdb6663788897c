"""Small charts as SVG within the page; their colours and lines are in report.css.

Each also says as text what it shows. They are drawn for the width of a phone, where one unit is
about one pixel.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evaluation.report.markup import Markup, join, tag

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 340, 46, 14, 12, 40
POINTS = 200  # of a line: more are not seen
TICKS = 5


@dataclass(frozen=True)
class Axis:
    name: str
    low: float
    high: float
    ticks: Sequence[float]
    show: Callable[[float], str]


@dataclass(frozen=True)
class Series:
    """`style` is a class of report.css: lines differ in dashes and marks, not only in colour."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]
    weights: Sequence[float] = ()  # 0 to 1, the part that each point stands for: it gets a mark


def axis(
    name: str, values: Sequence[float], show: Callable[[float], str], least: float = 0
) -> Axis:
    """Over all values, between round numbers that are `least` apart or more."""
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1) / 10, high + (abs(high) or 1) / 10
    least = max(least, (high - low) / TICKS)
    size = 10.0 ** math.floor(math.log10(least))
    step = next(size * one for one in (1, 2, 5, 10) if size * one >= least * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [n * step for n in range(first, last + 1)]
    return Axis(name, ticks[0], ticks[-1], ticks, show)


def lines(
    x: Axis, y: Axis, series: Sequence[Series], text: str, height: int = 240, ideal: bool = False
) -> Markup:
    """Lines, and where `ideal` is set the diagonal that they should follow."""
    place = _Place(x, y, height)
    drawn = [_frame(place)]
    if ideal:
        drawn.append(_line(place, (x.low, y.low), (x.high, y.high), "ideal"))
    for one in series:
        every = -(-len(one.points) // POINTS) or 1
        points = [(place.x(a), place.y(b)) for a, b in [*one.points[:-1:every], *one.points[-1:]]]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        drawn.append(tag("polyline", points=path, class_=f"line {one.style}"))
        for (a, b), weight in zip(points, one.weights, strict=False):
            drawn.append(_mark(one.style, a, b, 2 + 5 * weight**0.5))
    return _svg(height, text, *drawn)


def bars(x: Axis, y: Axis, series: Sequence[Series], text: str, height: int = 200) -> Markup:
    """Bars beside each other: a point is the left end of a place that is one wide, and a value."""
    place, width = _Place(x, y, height), 0.8 / len(series)
    drawn = [_frame(place)]
    for at, one in enumerate(series):
        for left, value in one.points:
            begin, end = (place.x(left + 0.1 + width * n) for n in (at, at + 1))
            top, bottom = place.y(value), place.y(y.low)
            drawn.append(_bar(one.style, begin, top, end - begin, bottom - top))
    return _svg(height, text, *drawn)


def interval(value: float, low: float, high: float, x: Axis, text: str) -> Markup:
    """A value, and how far it may be off, above an axis on which 0 stands out."""
    place = _Place(x, Axis("", 0, 1, (), str), height=100)
    drawn = [_frame(place), _line(place, (0, 0), (0, 1), "ideal")]
    drawn.append(_line(place, (low, 0.5), (high, 0.5), "interval"))
    drawn += [_line(place, (end, 0.35), (end, 0.65), "interval") for end in (low, high)]
    return _svg(place.height, text, *drawn, _mark("candidate", place.x(value), place.y(0.5)))


def legend(series: Sequence[Series], of_bars: bool = False) -> Markup:
    """What the lines or bars are, each with a piece of it; to be read, not only seen."""
    parts = []
    for one in series:
        piece = [tag("line", x1=1, y1=7, x2=29, y2=7, class_=f"line {one.style}")]
        piece += [_mark(one.style, 15, 7)] if one.weights else []
        piece = [_bar(one.style, 9, 1, 12, 12)] if of_bars else piece
        drawn = tag("svg", *piece, viewBox="0 0 30 14", class_="key", aria_hidden="true")
        parts.append(tag("span", drawn, " ", one.name))
    return tag("p", *parts, class_="legend")


class _Place:
    """Numbers to places on the paper."""

    def __init__(self, x: Axis, y: Axis, height: int) -> None:
        self.axes, self.height = (x, y), height

    def x(self, value: float) -> float:
        axis = self.axes[0]
        return LEFT + (value - axis.low) / (axis.high - axis.low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        axis, room = self.axes[1], self.height - TOP - BOTTOM
        return TOP + (axis.high - value) / (axis.high - axis.low) * room


def _frame(place: _Place) -> Markup:
    x, y = place.axes
    bottom, middle = place.height - BOTTOM, (LEFT + WIDTH - RIGHT) / 2
    parts = []
    for value in y.ticks:
        parts.append(_line(place, (x.low, value), (x.high, value), "grid"))
        parts.append(
            tag("text", y.show(value), x=LEFT - 7, y=f"{place.y(value) + 4:.1f}", class_="left")
        )
    parts.append(_line(place, (x.low, y.low), (x.high, y.low), "axis"))
    for value in x.ticks:
        parts.append(tag("text", x.show(value), x=f"{place.x(value):.1f}", y=bottom + 16))
    parts.append(tag("text", x.name, x=middle, y=bottom + 34))
    return join(*parts)


def _line(place: _Place, a: tuple[float, float], b: tuple[float, float], style: str) -> Markup:
    (x1, x2), (y1, y2) = map(place.x, (a[0], b[0])), map(place.y, (a[1], b[1]))
    return tag("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=style)


def _mark(style: str, x: float, y: float, size: float = 4.5) -> Markup:
    """Discs are the candidate's, squares the champion's."""
    if style == "champion":
        place = {"x": f"{x - size:.1f}", "y": f"{y - size:.1f}"}
        return tag(
            "rect",
            **place,
            width=f"{2 * size:.1f}",
            height=f"{2 * size:.1f}",
            class_="mark champion",
        )
    return tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{size:.1f}", class_=f"mark {style}")


def _bar(style: str, x: float, y: float, width: float, height: float) -> Markup:
    place = {"x": x, "y": y, "width": width, "height": height}
    numbers = {name: f"{value:.1f}" for name, value in place.items()}
    return tag("rect", **numbers, class_=f"bar {style}")


def _svg(height: int, text: str, *drawn: object) -> Markup:
    return tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=text)
