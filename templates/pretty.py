"""JSON for people: what fits on a line stays on a line."""

import json
from typing import Any

_WIDTH = 100


def pretty(value: Any, pad: str = "", used: int = 0) -> str:
    """`value` as JSON text, indented by two; `used` is how much of the first line is taken."""
    flat = json.dumps(value)
    if not isinstance(value, (dict, list)) or not value or len(pad) + used + len(flat) <= _WIDTH:
        return flat
    inner = pad + "  "
    if isinstance(value, list):
        items = [inner + pretty(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{pad}]"
    entries = []
    for key, item in value.items():
        name = json.dumps(key) + ": "
        entries.append(inner + name + pretty(item, inner, len(name)))
    return "{\n" + ",\n".join(entries) + f"\n{pad}}}"
