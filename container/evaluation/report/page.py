"""report.html: what an evaluation found, in the order in which a person who decides asks for it.

Whatever came with the model or the data is only text in it.
"""

from collections.abc import Callable

from evaluation.record import Comparison, Evaluation, ModelFigures
from evaluation.report import charts
from evaluation.report.classes import classes, confusion
from evaluation.report.curves import calibration, learning
from evaluation.report.markup import Markup, join, tag
from evaluation.report.mistakes import mistakes
from evaluation.report.tables import facts, section, table
from evaluation.report.whole import TEXT, whole
from evaluation.report.words import (
    MINUS,
    NOTHING,
    count,
    number,
    percent,
    points,
    short,
    signed,
)

LEAST_CHANCE = 1e-4
SHOWN = 100  # hyperparameters
TIMES = " \u00d7 "
FIGURES: dict[str, tuple[str, str, Callable[[float], str]]] = {
    "accuracy": ("Accuracy", "right answers of all", percent),
    "balanced_accuracy": ("Balanced accuracy", "every class counts the same", percent),
    "log_loss": ("Log loss", "of its probabilities; less is better", number),
    "calibration_error": ("Calibration error", "too sure or too unsure; less is better", percent),
}
LESS_IS_BETTER = ("log_loss", "calibration_error")


def render(found: Evaluation) -> str:
    """The page."""
    parts = [_basis(found)]
    if found.metrics:
        parts += [_figures(found, found.metrics), classes(found, found.metrics)]
        parts += [confusion(found, found.metrics), calibration(found, found.metrics)]
    parts.append(learning(found))
    if found.metrics:
        parts.append(mistakes(found, found.metrics))
    parts.append(_origin(found))
    return whole(f"Evaluation of {found.candidate.name}", *parts)


def _basis(found: Evaluation) -> Markup:
    against = found.comparison
    return join(
        tag("h1", "Evaluation of ", tag("bdi", short(found.candidate.name, TEXT))),
        # Held against the champion, the sentence about that says how good the candidate is as well
        "" if against.accuracy is not None else tag("p", found.words, class_="basis"),
        tag("p", against.words, class_="basis"),
        _chance(against) if against.difference is not None else "",
        tag(
            "p",
            "The candidate is this model; the champion is the one behind the endpoint when this was"
            " written. Whether the candidate is good enough is decided after this, by the smallest"
            " accuracy and the tolerance that are set for the stack.",
            class_="quiet",
        ),
    )


def _chance(against: Comparison) -> Markup:
    """How much of the difference may be chance: in a sentence, and as a picture."""
    mine, its = against.only_candidate or 0, against.only_champion or 0
    if mine + its:
        times = count(against.examples or 0, "example")
        sentence = (
            f"On {mine + its:,} of {times} only one of the two is right: the candidate "
            f"{count(mine, 'time')}, the champion {count(its, 'time')}."
        )
        if against.p_value is not None:
            sentence += (
                " Two models that are equally good would be at least as far apart with a chance of "
                f"{_likely(against.p_value)} (McNemar's exact test)."
            )
    else:
        sentence = "Both are right on the same examples."
    return tag("div", tag("p", sentence), _interval(against), class_="beside")


def _likely(chance: float) -> str:
    return percent(chance) if chance >= LEAST_CHANCE else f"less than {percent(LEAST_CHANCE)}"


def _interval(against: Comparison) -> Markup | str:
    if against.difference is None or against.interval is None:
        return ""
    low, high = against.interval
    axis = charts.axis(
        f"accuracy of candidate {MINUS} champion, in points",
        [0, against.difference, low, high],
        lambda value: signed(100 * value),
    )
    text = (
        f"The candidate's accuracy differs by {points(against.difference)} from the champion's; "
        f"with 95 % confidence by {points(low)} to {points(high)}."
    )
    # Whether it is chance is told by the exact test alone: near its limit the two do not agree
    caption = (
        "The bar holds the true difference with 95 % confidence: an estimate for many examples."
    )
    picture = charts.interval(against.difference, low, high, axis, text)
    return tag("figure", picture, tag("figcaption", caption))


def _figures(found: Evaluation, mine: ModelFigures) -> Markup:
    """The figures of the whole; what is better is said, not only coloured."""
    its = found.champion_metrics
    same = its is not None and its.examples == mine.examples
    rows = []
    for field, (name, what, show) in FIGURES.items():
        value = getattr(mine, field)
        row: list[object] = [join(name, tag("small", what)), show(value)]
        if its is not None:
            other = getattr(its, field)
            row += [show(other), _change(field, value - other) if same else NOTHING]
        rows.append(row)
    head = ["", "candidate"] + (["champion", "change"] if its is not None else [])
    note = f"On {count(mine.examples, 'held-out example')}."
    if its is not None and not same:
        note = (
            f"The candidate on {count(mine.examples, 'held-out example')}, the champion on the "
            f"{its.examples:,} of them whose class it knows: the sentence at the top compares "
            "them, these columns do not."
        )
    figures = table("Key figures", head, rows, "figures")
    return section("Key figures", figures, tag("p", note, class_="quiet"))


def _change(field: str, difference: float) -> Markup | str:
    text = points(difference) if FIGURES[field][2] is percent else signed(difference, 3)
    if not text.startswith(("+", MINUS)):
        return "the same"
    style = "better" if (difference < 0) == (field in LESS_IS_BETTER) else "worse"
    return tag("span", f"{text}, {style}", class_=style)


def _origin(found: Evaluation) -> Markup:
    """What was evaluated, and how it was trained."""
    shape = TIMES.join(map(str, found.shape)) or "1"
    about = [
        ("Version", tag("code", short(found.candidate.name, TEXT))),
        ("Commit", tag("code", short(found.commit, TEXT))),
        ("Champion", tag("code", short(found.comparison.champion, TEXT) or "none")),
        ("Answered by", _engines(found)),
        ("Held-out data", f"{count(len(found.labels), 'example')} of {shape} numbers"),
        ("Classes", f"{len(found.class_names):,}"),
    ]
    used = sorted(found.hyperparameters.items())
    shown = [(short(name, TEXT), tag("code", short(value, TEXT))) for name, value in used[:SHOWN]]
    more = f"and {len(used) - SHOWN:,} more" if len(used) > SHOWN else ""
    if not used:
        more = "The artifact names none."
    chosen = tag("div", tag("h3", "Hyperparameters"), facts(shown), tag("p", more))
    files = (
        "All figures are in evaluation.json and every answer in predictions.csv, beside this page."
    )
    return section(
        "Where it comes from",
        tag("div", tag("div", facts(about)), chosen, class_="beside"),
        tag("p", files, class_="quiet"),
    )


def _engines(found: Evaluation) -> str:
    its = found.champion
    if its is None or its.engine == found.candidate.engine:
        return found.candidate.engine
    return f"{found.candidate.engine}; the champion by {its.engine}"
