"""The report's sections about classes: which got better or worse, and which are taken for which."""

from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.record import Evaluation, ModelFigures
from evaluation.report.markup import Markup, join, tag
from evaluation.report.tables import class_name, scrolled, section, table
from evaluation.report.words import NOTHING, count, number, percent, points, short

MATRIX_CLASSES = 20  # of a larger matrix nobody reads the numbers
BESIDE = 11  # of which two fit beside each other
PAIRS = 15
SHOWN_CLASSES = 30
NAMED = 4  # classes in a sentence
HEAD, TITLE = 18, 200  # characters of a name beside the matrix, and of its tooltip
LEAST = 5e-4  # of a change that is shown: 0.05 points


def classes(found: Evaluation, metrics: ModelFigures) -> Markup:
    """Each class with the champion's recall beside its own; of many, the weakest first."""
    its = found.champion_metrics
    # By their places, which both have in common: two classes may have the same name
    before = [one.recall for one in its.classes] if its else [None] * len(metrics.classes)
    changes = {
        at: one.recall - old
        for at, (one, old) in enumerate(zip(metrics.classes, before, strict=False))
        if one.recall is not None and old is not None
    }
    order = list(range(len(metrics.classes)))
    if len(order) > SHOWN_CLASSES:
        order.sort(key=lambda at: (changes.get(at, 0), metrics.classes[at].recall or 0))
    # What a phone shows first is what tells better from worse
    head = ["class", "recall", *(["champion", "change"] if its else [])]
    head += ["precision", "F1", "examples"]

    def row(at: int) -> list[object]:
        one = metrics.classes[at]
        cells: list[object] = [class_name(one.name), percent(one.recall)]
        if its:
            cells += [percent(before[at]), _change(changes.get(at))]
        return [*cells, percent(one.precision), number(one.f1), f"{one.examples:,}"]

    rows = [row(at) for at in order]
    first, rest = rows[:SHOWN_CLASSES], rows[SHOWN_CLASSES:]
    parts: list[object] = [table("Figures of each class", head, first, "classes")]
    if rest:
        title = tag("summary", f"The other {count(len(rest), 'class', 'classes')}")
        parts.append(tag("details", title, table("Figures of the other classes", head, rest)))
    what = (
        "Recall: the right answers of all examples of the class. Precision: the right ones of all "
        "that were answered so."
    )
    if rest:
        what += " The most worsened come first, then the weakest."
    if its:
        typical = int(np.median([one.examples for one in metrics.classes if one.examples]))
        what += f" In a class of {typical:,}, one example is {points(1 / typical).lstrip('+')}."
    summary = _summary(changes, metrics.class_names) if its else ""
    return section("Classes", summary, *parts, tag("p", what, class_="quiet"))


def _change(change: float | None) -> Markup | str:
    if change is None:
        return NOTHING
    if abs(change) < LEAST:
        return "the same"
    arrow, style = ("▲", "better") if change > 0 else ("▼", "worse")
    return tag("span", f"{arrow} {points(change)}", class_=style)


def _summary(changes: Mapping[int, float], names: Sequence[str]) -> Markup:
    """Which classes gained most, and which lost most."""
    ranked = sorted(changes.items(), key=lambda one: -abs(one[1]))
    parts: list[object] = ["Recall against the champion. "]
    for title, sign in (("Better: ", 1), ("Worse: ", -1)):
        some = [(names[at], change) for at, change in ranked if sign * change >= LEAST]
        named: list[object] = [
            join(", " if at else "", class_name(name), f" ({points(change)})")
            for at, (name, change) in enumerate(some[:NAMED])
        ]
        if len(some) > NAMED:
            named.append(f" and {count(len(some) - NAMED, 'more class', 'more classes')}")
        parts += [tag("strong", title), *(named or ["none"]), ". "]
    same = sum(abs(change) < LEAST for change in changes.values())
    return tag("p", *parts, f"As before: {count(same, 'class', 'classes')}.")


def confusion(found: Evaluation, metrics: ModelFigures) -> Markup:
    """Which class is taken for which, by both models."""
    both = [("Candidate", metrics), ("Champion", found.champion_metrics)]
    largest = max(len(one.class_names) for _, one in both if one)
    how, draw = (
        "A row for each label, a column for each answer. The bold numbers are right. The more of "
        "its row a cell holds, the stronger is its colour.",
        _matrix,
    )
    if largest > MATRIX_CLASSES:
        how, draw = (
            f"A table of {largest:,} classes could not be read: these are the pairs that are "
            "confused most often.",
            _pairs,
        )
    parts = [tag("div", tag("h3", who), draw(who, one)) for who, one in both if one]
    layout = "stacked" if BESIDE < largest <= MATRIX_CLASSES else "beside"
    return section("Confusion", tag("p", how, class_="quiet"), tag("div", *parts, class_=layout))


def _matrix(who: str, metrics: ModelFigures) -> Markup:
    names, table = metrics.class_names, metrics.confusion
    shares = table / np.maximum(table.sum(1, keepdims=True), 1)
    heads = [
        tag("th", tag("bdi", short(name, HEAD)), scope="col", title=short(name, TITLE))
        for name in names
    ]
    long = "long" if max(map(len, names)) > 3 else None
    body = []
    for label, name in enumerate(names):
        cells = (
            _cell(int(table[label, answer]), shares[label, answer], label == answer)
            for answer in range(len(names))
        )
        row = tag("th", tag("bdi", short(name, HEAD)), scope="row", title=short(name, TITLE))
        body.append(tag("tr", row, *cells))
    head = tag("thead", tag("tr", tag("td"), *heads, class_=long))
    wide = tag("table", head, tag("tbody", *body), class_="confusion")
    return scrolled(f"Confusion of the {who.lower()}", wide)


def _cell(number: int, share: float, right: bool) -> Markup:
    if not number:
        return tag("td", 0, class_="zero")
    # A single mistake among many has to be seen as well
    style = f"--share:{0.08 + 0.42 * share**0.5:.2f}"
    return tag("td", f"{number:,}", style=style, class_="right" if right else None)


def _pairs(who: str, metrics: ModelFigures) -> Markup:
    wrong = metrics.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    rows = []
    for label, answer in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if times := int(wrong[label, answer]):
            of = int(metrics.confusion[label].sum())
            names = (class_name(metrics.class_names[one]) for one in (label, answer))
            rows.append([*names, f"{times:,}", percent(times / of)])
    if not rows:
        return tag("p", "Nothing is confused.")
    head = ["label", "answered", "times", "of the label"]
    return table(f"What the {who.lower()} confuses", head, rows, "pairs")
