"""The report's section about the worst mistakes: as pictures, or as tables of values."""

from collections.abc import Sequence

import numpy as np

from evaluation import telling
from evaluation.record import Evaluation, Metrics, Mistake
from evaluation.report.markup import Markup, tag
from evaluation.report.pictures import are_pictures, data_uris
from evaluation.report.tables import class_name, section, table
from evaluation.report.words import count, percent, short

VALUES = 20  # of an input that is no picture
SMALL = 64  # pixels of a picture that is shown enlarged, as squares


def mistakes(found: Evaluation, metrics: Metrics) -> Markup:
    """The surest of the wrong answers: hard examples, or wrong labels."""
    title, total = "Worst mistakes", metrics.examples - int(np.trace(metrics.confusion))
    if not total:
        none = "None: the candidate answers every example as its label says."
        return section(title, tag("p", none))
    worst = found.worst
    shown = f"these are the {len(worst):,} surest" if len(worst) < total else "the surest first"
    sentence = (
        f"{count(total, telling.noun(found.shape))} answered otherwise than the label says, "
        f"{shown}. A label may itself be wrong."
    )
    draw = _gallery if are_pictures(found.shape) else _values
    return section(title, tag("p", sentence, class_="quiet"), draw(found, worst))


def _gallery(found: Evaluation, worst: Sequence[Mistake]) -> Markup:
    small = "small" if max(found.shape[:2]) <= SMALL else None
    cards = []
    for one, uri in zip(worst, data_uris([each.input for each in worst]), strict=True):
        label, answer = (short(found.class_names[at]) for at in (one.label, one.predicted))
        text = f"Example {one.index}: the label is {label}, the answer {answer}."
        caption = tag(
            "figcaption",
            tag("strong", class_name(label), ", not ", class_name(answer)),
            tag("br"),
            f"{percent(one.probability)} sure · no. {one.index:,}",
            *_champion(found, one),
        )
        cards.append(tag("figure", tag("img", src=uri, alt=text, class_=small), caption))
    return tag("div", *cards, class_="mistakes")


def _champion(found: Evaluation, one: Mistake) -> list[object]:
    """What the champion said to it."""
    its = found.champion
    if its is None:
        return []
    return [tag("br"), "champion: ", class_name(its.class_names[int(its.classes[one.index])])]


def _values(found: Evaluation, worst: Sequence[Mistake]) -> Markup:
    size = int(np.prod(found.shape))
    shown = min(size, VALUES)
    its = found.champion
    head = ["no.", "label", "answer", *(["champion"] if its else []), "probability"]
    head += [f"value {n}" for n in range(1, shown + 1)]
    rows = []
    for one in worst:
        row: list[object] = [f"{one.index:,}"]
        row += [class_name(found.class_names[at]) for at in (one.label, one.predicted)]
        if its:
            row.append(class_name(its.class_names[int(its.classes[one.index])]))
        row.append(percent(one.probability))
        rows.append([*row, *(f"{value:.4g}" for value in one.input.reshape(-1)[:shown])])
    left = f"The first {shown} of {size:,} values of each." if shown < size else ""
    return tag("div", table("Worst mistakes", head, rows, "values"), tag("p", left, class_="quiet"))
