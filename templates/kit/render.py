"""A template as YAML in reading order: the page a person sees when they open the stack's template
in the console; and the JSON in it.

troposphere's own `to_yaml` sorts keys, so that `Type` comes last, prints multi-line text in quotes
and takes as long as importing troposphere. This emitter knows only what a
CloudFormation template holds: mappings, lists, text, numbers, booleans and intrinsic functions in
their short form. It never emits anchors, which CloudFormation refuses.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from troposphere import Template

# All that CloudFormation knows, in reading order (Template sections; Resource attribute reference)
_SECTIONS = (
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Hooks",
    "Resources",
    "Outputs",
)
_RESOURCE = (
    "Type",
    "Condition",
    "DependsOn",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "CreationPolicy",
    "UpdatePolicy",
    "Metadata",
    "Properties",
)
_PLAIN = re.compile(r"[A-Za-z/][^\n\t\"'\\]*")
_WIDTH, _JSON_WIDTH = 110, 100
_RESERVED = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null"])


class Book(Template):  # type: ignore[misc]  # troposphere has no types
    """A template that knows where its chapters begin, so that the YAML can say so."""

    def __init__(self, description: str) -> None:
        super().__init__(Description=description)
        self.set_version()
        self.chapters: dict[int, str] = {}

    def chapter(self, title: str) -> None:
        """The resources added from here on belong under this title."""
        self.chapters[len(self.resources)] = title


def render(book: Book) -> str:
    """The whole template as YAML text; equal templates give equal bytes."""
    document = _in_order(book.to_dict(), _SECTIONS, "the template")
    lines: list[str] = []
    for section in document:
        if section == "Resources":
            lines += ["", "Resources:", *_resources(document[section], book.chapters)]
        elif section == "Parameters":
            lines += ["", "Parameters:", *_spaced(document[section])]
        else:
            lines += [
                *[""] * (section != _SECTIONS[0]),
                *_entry(f"{section}:", document[section], ""),
            ]
    return "\n".join(lines) + "\n"


def _resources(resources: dict[str, Any], chapters: dict[int, str]) -> Iterator[str]:
    for number, (name, resource) in enumerate(resources.items()):
        yield ""
        if number in chapters:
            yield f"  # ---------- {chapters[number]} ----------"
            yield ""
        yield from _entry(f"{name}:", _in_order(resource, _RESOURCE, name), "  ")


def _in_order(entries: dict[str, Any], known: tuple[str, ...], what: str) -> dict[str, Any]:
    """Nothing is left out: what CloudFormation does not know is a mistake that it would refuse."""
    if unknown := sorted(entries.keys() - set(known)):
        raise ValueError(f"CloudFormation knows no {' or '.join(unknown)} in {what}")
    return {key: entries[key] for key in known if key in entries}


def _spaced(entries: dict[str, Any]) -> Iterator[str]:
    for number, (name, entry) in enumerate(entries.items()):
        if number:
            yield ""
        yield from _entry(f"{name}:", entry, "  ")


def _entry(lead: str, value: Any, pad: str) -> Iterator[str]:
    """The lines of `lead` (a key or a dash) and its value, at indentation `pad`."""
    tag, value = _short_form(value)
    head = f"{pad}{lead} {tag}".rstrip()
    inner = pad + "  "
    flow = _flow(tag, value)
    if flow and len(head) + len(flow) < _WIDTH:
        yield f"{head} {flow}"
        return
    if isinstance(value, dict) and value:
        body = [
            line for key, item in value.items() for line in _entry(f"{_text(key)}:", item, inner)
        ]
    elif isinstance(value, (list, tuple)) and value:
        body = [line for item in value for line in _item(item, inner)]
    elif isinstance(value, str) and "\n" in value and _fits_literal(value):
        head += " |" if value.endswith("\n") else " |-"
        body = [inner + line if line else "" for line in value.removesuffix("\n").split("\n")]
    else:
        yield f"{head} {_scalar(value)}"
        return
    yield head
    yield from body


def _item(value: Any, pad: str) -> Iterator[str]:
    """A list's item; a mapping starts on the line of its dash."""
    tag, bare = _short_form(value)
    if tag or not isinstance(bare, dict) or not bare:
        yield from _entry("-", value, pad)
        return
    lines = [
        line for key, item in bare.items() for line in _entry(f"{_text(key)}:", item, pad + "  ")
    ]
    yield f"{pad}- {lines[0].removeprefix(pad + '  ')}"
    yield from lines[1:]


def _short_form(value: Any) -> tuple[str, Any]:
    """`!Sub`, `!Ref` … and their argument; a function of a function keeps its long form, as YAML
    allows one tag on a node."""
    if isinstance(value, dict) and len(value) == 1:
        (name, argument), *_ = value.items()
        if name == "Fn::GetAtt":
            return "!GetAtt", ".".join(argument)
        if (name == "Ref" or name.startswith("Fn::")) and not _short_form(argument)[0]:
            return "!" + name.removeprefix("Fn::"), argument
    return "", value


def _flow(tag: str, value: Any) -> str:
    """A list, or the arguments of a function, on one line: `[a, !Ref B]`; empty where they need a
    block."""
    if not isinstance(value, list) or not (tag or value):
        return ""
    parts = []
    for item in value:
        inner_tag, inner = _short_form(item)
        text = _flow(inner_tag, inner) or (
            "" if isinstance(inner, (dict, list)) else _scalar(inner)
        )
        if not text or "\n" in text or (text[0] not in "['\"" and re.search(r"[,{}\[\]]", text)):
            return ""
        parts.append(f"{inner_tag} {text}".strip())
    return f"[{', '.join(parts)}]"


def _scalar(value: Any) -> str:
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    plain = _PLAIN.fullmatch(value) and value.lower() not in _RESERVED
    if plain and ": " not in value and " #" not in value and not value.endswith((":", " ")):
        return value
    if "\n" in value or "\t" in value or not value.isprintable():
        return json.dumps(value)
    return "'" + value.replace("'", "''") + "'"


def _fits_literal(value: str) -> bool:
    """Whether a block keeps this text as it is: no leading blank, no blank at a line's end, one
    newline at most at the end."""
    return not value.startswith((" ", "\n")) and not re.search(
        r"[ \t]\n|[ \t]$|\n\n$|[^\x20-\x7e\n]", value
    )


def pretty(value: Any, pad: str = "", used: int = 0) -> str:
    """`value` as JSON text for people: what fits on a line stays on a line, the rest is indented by
    one, since a template may have a million bytes (CloudFormation quotas). `used` is how much of
    the first line is taken."""
    flat = json.dumps(value)
    fits = len(pad) + used + len(flat) <= _JSON_WIDTH
    if fits or not value or not isinstance(value, (dict, list)):
        return flat
    inner = pad + " "
    if isinstance(value, list):
        items = [inner + pretty(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{pad}]"
    entries = []
    for key, item in value.items():
        name = json.dumps(key) + ": "
        entries.append(inner + name + pretty(item, inner, len(name)))
    return "{\n" + ",\n".join(entries) + f"\n{pad}}}"
