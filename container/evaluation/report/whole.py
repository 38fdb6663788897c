"""A page that needs nothing else: no network, no script."""

from pathlib import Path

from evaluation.report.markup import Markup, tag
from evaluation.report.words import short

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
TEXT = 200  # characters of a value that is shown


def whole(title: str, *parts: Markup) -> str:
    """The page's text."""
    style = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", short(title, TEXT)),
        tag("style", Markup(style)),
    )
    return "<!doctype html>\n" + tag("html", head, tag("body", tag("main", *parts)), lang="en")
