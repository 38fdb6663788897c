"""Draws a workflow's definition as SVG: the story straight down, each side way to the right of the
step that it leaves from."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

States = Mapping[str, Mapping[str, Any]]
Ways = Mapping[str, set[str]]

MARGIN, STORY_WIDTH, ROW, HEIGHT, GAP = 24, 236, 46, 32, 34
INK, LINE, ALARM = "#1f2937", "#667085", "#b42318"
# Fill and stroke of each type of state, and what the key says of it
KINDS = {
    "Task": ("#e7effb", "#3b6fb6", "calls a service"),
    "Map": ("#e7effb", "#3b6fb6", "for each item"),
    "Choice": ("#fff5d6", "#b7860b", "decides"),
    "Pass": ("#ffffff", "#98a2b3", "notes a value"),
    "Wait": ("#eef0f3", "#667085", "waits"),
    "Succeed": ("#d9f2e3", "#1f7a4a", "ends well"),
    "Fail": ("#fde4e1", ALARM, "ends as failed"),
}


@dataclass(frozen=True)
class Arrow:
    """One way out of a state; `error` names the errors that take it."""

    to: str
    error: str = ""


def arrows(state: Mapping[str, Any]) -> list[Arrow]:
    """All ways out, each once, in the order in which they are tried."""
    found = [Arrow(rule["Next"]) for rule in state.get("Choices", [])]
    found += [Arrow(state[key]) for key in ("Default", "Next") if key in state]
    for place, rule in enumerate(state.get("Catch", [])):
        rest = "any other error" if place else "any error"
        names = [rest if name == "States.ALL" else name for name in rule["ErrorEquals"]]
        found.append(Arrow(rule["Next"], " or ".join(names)))
    return list(dict.fromkeys(found))


def story(states: States, start: str) -> list[str]:
    """The states from `start` to the end, the good one if there is one."""
    ways = _ways(states)
    reached = _reached(ways, start)
    good, bad = (
        {name for name in reached if states[name]["Type"] == kind} for kind in ("Succeed", "Fail")
    )
    told, ends = [start], good or bad
    while leading := [
        arrow.to
        for arrow in arrows(states[told[-1]])
        if not arrow.error and ends & _reached(ways, arrow.to, told)
    ]:
        told.append(_onward(ways, leading, told, ends))
    return told


def _onward(ways: Ways, leading: Sequence[str], told: Sequence[str], ends: set[str]) -> str:
    """Where the story goes on: where the ways that lead on meet, or by the longest of them if that
    is at the end or nowhere. A way that only leaves out what the others do is not followed."""
    if len(leading) == 1:
        return leading[0]
    meetings = {
        name
        for name in _reached(ways, leading[0], told)
        if ways[name] and not any(ends & _reached(ways, way, [*told, name]) for way in leading)
    }
    for name in meetings:
        if name in _reached(ways, leading[0], [*told, *(meetings - {name})]):
            others = [way for way in leading if way != name]
            return _onward(ways, others, told, ends) if name in leading and others else name
    return max(leading, key=lambda way: len(_reached(ways, way, told)))


def picture(name: str, definition: Mapping[str, Any], calls: Mapping[str, str]) -> str:
    """The SVG of a definition; `calls` are the ARNs that its tokens stand for."""
    sheet = _Sheet(calls)
    sheet.heading(name, definition["Comment"])
    sheet.key()
    _draw(sheet, definition)
    return sheet.svg(f"{name}: {definition['Comment']}")


def _ways(states: States) -> Ways:
    """Where each state leads, on an error too."""
    return {name: {each.to for each in arrows(state)} for name, state in states.items()}


def _reached(ways: Ways, start: str, without: Iterable[str] = ()) -> set[str]:
    """The states that a run from `start` can come to if it may not pass through `without`."""
    seen, ahead = set(without), {start}
    closed = seen.copy()
    while ahead := ahead - seen:
        seen |= ahead
        ahead = set().union(*map(ways.__getitem__, ahead))
    return seen - closed


@dataclass
class _Sheet:
    """What is drawn so far; `bottom` is where the next row begins."""

    calls: Mapping[str, str]
    marks: list[str] = field(default_factory=list)
    width: float = 0
    bottom: float = 0

    def heading(self, title: str, more: str) -> None:
        self.bottom += 34
        self.text(MARGIN, self.bottom, title, 16, bold=True)
        self.text(MARGIN + len(title) * 9.6 + 14, self.bottom, more, 13)
        self.bottom += 18

    def key(self) -> None:
        """What shapes and colours mean."""
        x = float(MARGIN)
        for kind, (_, _, meaning) in KINDS.items():
            self.shape(kind, x, self.bottom, 20, 14)
            self.text(x + 30, self.bottom + 11, meaning, 11)
            x += 30 + len(meaning) * 5.6 + 16
        self.badge(x + 7, self.bottom + 7)
        self.text(x + 20, self.bottom + 11, "an error here leads to Errors, below", 11)
        self.bottom += 36

    def state(self, name: str, state: Mapping[str, Any], x: float, y: float, wide: float) -> float:
        """A state's box, at least so `wide`; its right edge."""
        call = self._called(state.get("Resource", ""))
        width = max(wide, len(name) * 7.2 + 24, len(call) * 5.4 + 24)
        self.shape(state["Type"], x, y, width, HEIGHT)
        middle = x + width / 2
        self.text(middle, y + (14 if call else 20.5), name, 12, bold=True, anchor="middle")
        if call:
            self.text(middle, y + 26, call, 10, anchor="middle")
        return x + width

    def shape(self, kind: str, x: float, y: float, width: float, height: float) -> None:
        fill, stroke, _ = KINDS[kind]
        paint = f'fill="{fill}" stroke="{stroke}"'
        self.width = max(self.width, x + width)
        if kind == "Choice":
            cut, half = height / 3, height / 2
            edge = f"M{x:g} {y + half:g}l{cut:g} {-half:g}h{width - 2 * cut:g}l{cut:g} {half:g}"
            edge += f"l{-cut:g} {half:g}h{2 * cut - width:g}z"
            self.marks.append(f'<path d="{edge}" {paint}/>')
            return
        round_ = height / 2 if kind in ("Succeed", "Fail") else height / 7
        if kind == "Map":
            self._box(x + 3, y - 3, width, height, round_, paint)
        self._box(x, y, width, height, round_, paint)

    def pill(self, name: str, x: float, y: float, color: str) -> float:
        """A way to a state that is drawn elsewhere; its right edge."""
        label = f"→ {name}"
        width = len(label) * 6.4 + 18
        paint = f'fill="#fff" stroke="{color}" stroke-dasharray="2 2"'
        self._box(x, y + 5, width, HEIGHT - 10, 11, paint)
        self.text(x + width / 2, y + 20, label, 11, anchor="middle", color=color)
        return x + width

    def badge(self, x: float, y: float) -> None:
        self.marks.append(f'<circle cx="{x:g}" cy="{y:g}" r="7" fill="{ALARM}"/>')
        self.text(x, y + 4, "!", 11, bold=True, anchor="middle", color="#fff")

    def arrow(self, path: str, error: str = "") -> None:
        dashes = ' stroke-dasharray="4 3"' if error else ""
        color = ALARM if error else LINE
        self.marks.append(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.3"{dashes}'
            f' marker-end="url(#{"alarm" if error else "line"})"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: int,
        bold: bool = False,
        anchor: str = "start",
        color: str = INK,
    ) -> None:
        weight = ' font-weight="bold"' if bold else ""
        if anchor == "start":
            self.width = max(self.width, x + len(words) * size * 0.53)
        self.marks.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}"{weight} text-anchor="{anchor}"'
            f' fill="{color}">{escape(words)}</text>'
        )

    def svg(self, label: str) -> str:
        width, height = self.width + MARGIN, self.bottom + 8
        tips = "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="6"'
            f' markerHeight="6" orient="auto"><path d="M0 0L10 5L0 10z" fill="{color}"/></marker>'
            for name, color in (("line", LINE), ("alarm", ALARM))
        )
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
            f' font-family="Helvetica, Arial, sans-serif" role="img" aria-label="{escape(label)}">'
        )
        paper = f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>'
        return "\n".join([head, f"<defs>{tips}</defs>", paper, *self.marks, "</svg>\n"])

    def _called(self, resource: str) -> str:
        """`${CreateTrainingJob}` as `sagemaker createTrainingJob, waits for it`."""
        call = self.calls.get(resource.strip("${}"), "").rpartition(":::")[2]
        name, sync, _ = call.removeprefix("aws-sdk:").partition(".sync")
        return name.replace(":", " ") + (", and waits" if sync else "")

    def _box(
        self, x: float, y: float, width: float, height: float, round_: float, paint: str
    ) -> None:
        self.width = max(self.width, x + width)
        size = f'width="{width:g}" height="{height:g}" rx="{round_:g}"'
        self.marks.append(f'<rect x="{x:g}" y="{y:g}" {size} {paint}/>')


def _draw(sheet: _Sheet, definition: Mapping[str, Any]) -> None:
    """A definition, the way that its errors share, and what its Maps repeat."""
    states: States = definition["States"]
    caught = Counter(out.to for state in states.values() for out in arrows(state) if out.error)
    shared = next((name for name, times in caught.most_common(1) if times > 2), "")
    below = _reached(_ways(states), shared) if shared else set[str]()
    if definition["StartAt"] in below:  # what comes back is no other part
        shared, below = "", set()
    _Part(sheet, states, below, shared).draw(definition["StartAt"])
    if shared:
        sheet.heading("Errors", "where a step does not handle its own")
        _Part(sheet, states, set(), shared).draw(shared)
    for name, state in states.items():
        if "ItemProcessor" in state:
            sheet.heading(name, "for each item")
            _draw(sheet, state["ItemProcessor"])


@dataclass
class _Part:
    """One story and its side ways, less what is drawn `elsewhere`."""

    sheet: _Sheet
    states: States
    elsewhere: set[str]
    shared: str
    drawn: set[str] = field(default_factory=set)
    # Of the step that is drawn: where its ways meet, those that came there, the right edge of all
    meeting: Arrow | None = None
    back: list[str] = field(default_factory=list)
    right: float = 0

    def draw(self, start: str) -> None:
        sheet = self.sheet
        told = story(self.states, start)
        self.drawn = set(told)
        for name, after in zip(told, [*told[1:], ""], strict=True):
            top, self.right, self.back = sheet.bottom, 0, []
            down = Arrow(after)
            is_next = down in arrows(self.states[name])
            self.meeting = None if is_next else down
            right = self._box(name, MARGIN, top, STORY_WIDTH)
            sheet.bottom = self._leave(name, right, top, down)
            if is_next:
                sheet.arrow(f"M{MARGIN + 40} {top + HEIGHT:g}V{sheet.bottom:g}")
            elif after:
                for way in self.back:
                    turn = f"H{self.right + GAP / 2:g}V{sheet.bottom:g}"
                    sheet.arrow(f"{way}{turn}H{MARGIN + 40}v{GAP / 2:g}")
                sheet.bottom += GAP / 2

    def _box(self, name: str, x: float, y: float, wide: float = 0) -> float:
        right = self.sheet.state(name, self.states[name], x, y, wide)
        if any(self._is_shared(arrow) for arrow in arrows(self.states[name])):
            self.sheet.badge(right - 2, y + 2)
        self.right = max(self.right, right)
        return right

    def _leave(self, name: str, x: float, y: float, but: Arrow | None = None) -> float:
        """Draw the ways out of a box with this right edge; where the next row begins."""
        row = y
        for arrow in arrows(self.states[name]):
            if arrow == but or self._is_shared(arrow):
                continue
            way = f"M{x:g} {y + HEIGHT / 2:g}h{GAP / 3:g}V{row + HEIGHT / 2:g}"
            if arrow == self.meeting:
                self.back.append(way)
                row += ROW
                continue
            self.sheet.arrow(f"{way}H{x + GAP:g}", arrow.error)
            if arrow.error:
                self.sheet.text(x + GAP, row - 4, f"on {arrow.error}", 10, color=ALARM)
            row = self._follow(arrow.to, x + GAP, row)
        return max(row, y + ROW)

    def _follow(self, name: str, x: float, y: float) -> float:
        """Draw a state and all that follows, or where it is drawn; where the next row begins."""
        if name in self.drawn | self.elsewhere:
            color = ALARM if name in self.elsewhere else LINE
            self.right = max(self.right, self.sheet.pill(name, x, y, color))
            return y + ROW
        self.drawn.add(name)
        return self._leave(name, self._box(name, x, y), y)

    def _is_shared(self, arrow: Arrow) -> bool:
        return bool(arrow.error) and arrow.to == self.shared
