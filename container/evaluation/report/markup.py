"""HTML and SVG out of values, each escaped unless it is markup already."""

from html import escape

VOID = ("br", "img", "meta")  # without an end


class Markup(str):
    """What `tag` and `join` made; every other text may hold anything."""


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element. class_ is class, stroke_width is stroke-width; None leaves an attribute out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    end = "" if name in VOID else f"{join(*children)}</{name}>"
    return Markup(f"<{name}{given}>{end}")


def join(*children: object) -> Markup:
    """One after the other."""
    return Markup("".join(one if isinstance(one, Markup) else _escaped(one) for one in children))


def _escaped(value: object) -> str:
    # Half of a surrogate pair, which JSON can name, has no form in UTF-8
    return escape(str(value).encode("utf-8", "replace").decode())
