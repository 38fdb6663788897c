"""report.html: what a look at captured requests found, as the evaluation's report shows its own.

It holds figures alone: no request and no answer of anybody is in it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.report import charts
from evaluation.report.charts import Axis, Series
from evaluation.report.markup import Markup, join, tag
from evaluation.report.tables import facts, section, table
from evaluation.report.whole import whole
from evaluation.report.words import NOTHING, count, number, percent, short
from monitoring.captured import MOST_EXAMPLES
from monitoring.comparing import CHANCE, CLASSES
from monitoring.record import Drift, Moved

PLOTS = 6  # of the inputs; the others are in the table
ROWS = 40
BARS = 20  # classes in a plot: the ones that moved most
LABEL = 8  # characters under a plot

Shares = NDArray[np.float64]


def render(found: Drift) -> str:
    """The page."""
    parts = [_basis(found)]
    if found.inputs or found.predictions:
        parts += [
            _figures("Inputs", "How the requests themselves have changed.", found, found.inputs),
            _figures(
                "Answers",
                "How often each class is answered, and how sure the model is of its answers.",
                found,
                found.predictions,
            ),
        ]
    parts.append(_read(found))
    return whole("Drift of captured requests", *parts)


def _basis(found: Drift) -> Markup:
    now = "so now" if found.retrain else "not now"
    return join(
        tag("h1", "Drift of captured requests"),
        tag("p", found.words, class_="basis"),
        tag("p", f"Where drift trains by itself, it does {now}: {found.why}."),
        tag(
            "p",
            "Before is the held-out data as the evaluation of this model saw it, now is what the "
            "endpoint was asked since the look before this one. PSI, the population stability "
            "index, is 0 where both are distributed alike; by custom 0.1 is watched and 0.25 acted "
            "on. What chance brings about in all but one look of "
            f"{1 / CHANCE:,.0f}, the column beside it, counts as nothing. KS is the distance of "
            "Kolmogorov and Smirnov where a bucket ends, beside the chance of one as large without "
            "any change; it decides nothing.",
            class_="quiet",
        ),
    )


def _figures(title: str, what: str, found: Drift, shifts: Sequence[Moved]) -> Markup:
    head = ["", "PSI", "", "by chance", "KS", "KS by chance", "mean before", "now"]
    head += ["missing before", "now"]
    shown, rest = shifts[:ROWS], shifts[ROWS:]
    if rest:
        what += f" {count(len(rest), 'figure')} that moved less are in drift.json alone."
    return section(
        title,
        tag("p", what),
        table(f"{title}, by how far they moved", head, [_row(one, found) for one in shown]),
        tag("div", *map(_plot, _plotted(shifts)), class_="plots"),
    )


def _plotted(shifts: Sequence[Moved]) -> list[Moved]:
    """Classes always, and what moved most; channels of a grey picture would show the same."""
    different = {(one.places, one.now.tobytes()): one for one in reversed(shifts)}.values()
    return sorted(different, key=lambda one: (one.name != CLASSES, -one.psi))[:PLOTS]


def _row(one: Moved, found: Drift) -> list[object]:
    moved = one.score >= found.look.threshold
    word = tag("span", "drifted", class_="worse") if moved else "steady"
    row: list[object] = [_name(one), number(one.psi, 2), word, number(one.chance, 2)]
    if one.summaries is None:
        return [*row, *[NOTHING] * 6]
    then, now = one.summaries
    row += [number(one.distance, 2), _likely(one.p_value)]
    row += [_value(then.mean), _value(now.mean), percent(then.missing), percent(now.missing)]
    return row


def _name(one: Moved) -> Markup:
    return tag("bdi", short(one.name))


def _likely(chance: float | None) -> str:
    return "< 0.01" if chance is not None and chance < 0.01 else number(chance, 2)


def _value(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"


def _plot(one: Moved) -> Markup:
    """The share of each bucket, before and now."""
    then, now = one.before / max(one.before.sum(), 1), one.now / max(one.now.sum(), 1)
    used = [at for at in range(len(one.places)) if then[at] or now[at]]
    if one.name == CLASSES and len(used) > BARS:
        used = sorted(sorted(used, key=lambda at: -abs(now[at] - then[at]))[:BARS])
    series = [
        Series(name, name, [(place, float(shares[at])) for place, at in enumerate(used)])
        for name, shares in (("before", then), ("now", now))
    ]
    labels = [short(one.places[at], LABEL) for at in used]
    every = max(1, -(-sum(max(len(each), 2) for each in labels) // 36))
    labelled = range(0, len(labels), every)
    what = "class" if one.name == CLASSES else "from this value on"
    x = Axis(what, 0, len(used), [n + 0.5 for n in labelled], lambda n: labels[int(n)])
    y = charts.axis("", [0, *then[used], *now[used]], lambda value: f"{100 * value:g}\u00a0%")
    text = f"PSI {number(one.psi, 2)}. {_told(one, then, now)}"
    return tag(
        "figure",
        tag("h3", _name(one)),
        charts.legend(series, of_bars=True),
        charts.bars(x, y, series, f"{short(one.name)}, before and now: {text}"),
        tag("figcaption", text),
    )


def _told(one: Moved, then: Shares, now: Shares) -> str:
    if one.summaries:
        before, later = (_value(each.mean) for each in one.summaries)
        return f"The mean was {before} and is {later}."
    most = sorted(range(len(then)), key=lambda at: -abs(now[at] - then[at]))[:3]
    moved = (
        f"{short(one.places[at])} from {percent(then[at])} to {percent(now[at])}" for at in most
    )
    return f"Most of all moved: {'; '.join(moved)}."


def _read(found: Drift) -> Markup:
    read, there = found.files
    about: list[tuple[str, object]] = [
        ("Records", f"{found.records:,}, of {count(found.look.minimum, 'record')} at least"),
        ("From", f"{found.first:%Y-%m-%d %H:%M} UTC" if found.first else NOTHING),
        ("To", f"{found.last:%Y-%m-%d %H:%M} UTC" if found.last else NOTHING),
        ("Compared with", count(found.compared_with, "held-out example")),
        ("Limit", f"PSI {found.look.threshold:g}"),
        ("Files", f"{read:,} of {there:,}"),
        ("Left out: golden", count(found.skipped["golden"], "request") + " of a deployment"),
        ("Left out: broken", count(found.skipped["broken"], "request") + " or answers"),
        ("Left out: types", count(found.skipped["other-types"], "request") + " of another type"),
    ]
    note = "A request with several examples counts as several records."
    if read < there:
        note += f" After {MOST_EXAMPLES:,} records no more files were read, in no order of time."
    return section("What was read", facts(about), tag("p", note, class_="quiet"))
