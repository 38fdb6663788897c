"""What the sections of the report are made of."""

from collections.abc import Iterable, Sequence

from evaluation.report.markup import Markup, join, tag
from evaluation.report.words import short

NAME = 40  # characters of a class's name


def section(title: str, *children: object) -> Markup:
    return tag("section", tag("h2", title), *children)


def class_name(name: str) -> Markup:
    """Apart from what stands around it, also if it is written from right to left."""
    return tag("bdi", short(name, NAME))


def table(
    what: str, head: Sequence[object], rows: Iterable[Sequence[object]], style: str | None = None
) -> Markup:
    """Each row is named by its first cell. It moves in its own box, also by keyboard."""
    top = tag("tr", *(tag("th", one, scope="col") for one in head))
    body = (
        tag("tr", tag("th", first, scope="row"), *(tag("td", one) for one in rest))
        for first, *rest in rows
    )
    return scrolled(what, tag("table", tag("thead", top), tag("tbody", *body), class_=style))


def scrolled(what: str, wide: Markup) -> Markup:
    return tag("div", wide, class_="scroll", role="region", aria_label=what, tabindex=0)


def facts(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Names, and what each is."""
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in pairs))
