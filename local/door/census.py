"""What can be asked of this endpoint: its operations and their members, listed in local/accepts.

A list names, for each operation, the members that are acted on:
  Name            any value
  Name=this|that  no other value; mostly what AWS takes where nothing is said
  Name!           must be given here, although AWS can do without
  Name{Inner …}   the members of a structure, also of those in a list or map; the keys of a map
Under `harmless` are members that change nothing here, with the reason. All else is refused by name,
so that nothing is accepted without effect: what is not done, what an update of botocore brings,
what a newer SDK sends.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from local.context import current
from local.door.request import Asked
from local.refusals import unsupported

FOLDER = Path(__file__).parents[1] / "accepts"
TOKEN = re.compile(r"\s*(?:(\w+)(!?)(?:=(\S+?)(?=[\s}]|$))?|([{}]))")


@dataclass
class Member:
    """What one member may be: of these values (None: any), or of these inner members."""

    needed: bool = False
    values: str | None = None
    inner: "dict[str, Member] | None" = None


Members = dict[str, Member]


@cache
def operations(service: str) -> Mapping[str, Members]:
    """The operations of a service that are done here, each with the members that it takes."""
    listed = yaml.safe_load((FOLDER / f"{service}.yaml").read_text())
    harmless = listed.pop("harmless", None) or {}
    found = {name: members(text or "") for name, text in listed.items()}
    for text in harmless:
        operation, _, more = text.partition(" ")
        for each in [operation] if operation != "any" else found:
            _join(found[each], members(more))
    return found


def members(text: str) -> Members:
    """The members that a line of a list names."""
    inside: Members = {}
    outer, place, named = [inside], 0, Member()
    while match := TOKEN.match(text, place):
        place = match.end()
        name, needed, values, brace = match.groups()
        if name:
            named = outer[-1][name] = Member(bool(needed), values)
        elif brace == "{":
            named.inner = {}
            outer.append(named.inner)
        else:
            outer.pop()
    if len(outer) != 1 or text[place:].strip():
        raise ValueError(f"this is no list of members: {text}")
    return inside


def _join(known: Members, more: Members) -> None:
    for name, member in more.items():
        within = known.setdefault(name, member)
        if within is not member and within.inner is not None and member.inner is not None:
            _join(within.inner, member.inner)


def refused(asked: Asked) -> Iterator[str]:
    """Why the request is not taken: each of its members that nothing here acts on."""
    assert asked.operation
    known, shape = operations(asked.service)[asked.name], asked.operation.input_shape
    return _refused(known, shape, asked.members, "")


def _refused(
    known: Members, shape: Shape | None, given: Mapping[str, Any], where: str
) -> Iterator[str]:
    for name, value in given.items():
        path = f"{where}{name}"
        if value is None:
            continue
        if name not in known or shape is None:
            yield unsupported(path)
            continue
        member = known[name]
        if member.values is not None:
            allowed = member.values.replace("$account", current().account).split("|")
            if _written(value) not in allowed:
                yield unsupported(f"{path} {_written(value)}", *allowed)
        if member.inner is not None and isinstance(shape, StructureShape):
            for element, each in _structures(shape.members[name], value):
                yield from _refused(member.inner, element, each, f"{path}.")
    for name, member in known.items():
        if member.needed and given.get(name) is None:
            yield unsupported(f"A request without {where}{name}")


def _structures(shape: Shape, value: Any) -> Iterator[tuple[Shape, Mapping[str, Any]]]:
    """The structures in a member's value: itself, or what its list or map holds."""
    match shape:
        case ListShape():
            for each in value:
                yield from _structures(shape.member, each)
        case MapShape() if isinstance(shape.value, StringShape):
            yield shape, value
        case MapShape():
            for each in value.values():
                yield from _structures(shape.value, each)
        case StructureShape():
            yield shape, value


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
