""".dockerignore (Docker docs, "Build context", ".dockerignore files"); pure."""

import re
from collections.abc import Sequence


def patterns(text: str) -> list[tuple[re.Pattern[str], bool]]:
    """(pattern, excludes) in order: the last one that matches decides."""
    found = []
    for line in text.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        excludes = not rule.startswith("!")
        rule = rule.removeprefix("!").strip("/").removeprefix("./")
        found.append((re.compile(_expression(rule) + r"(/.*)?"), excludes))
    return found


def excluded(path: str, rules: Sequence[tuple[re.Pattern[str], bool]]) -> bool:
    """Whether a file (path from the context's root, with /) stays out of the context."""
    verdict = False
    for pattern, excludes in rules:
        if pattern.fullmatch(path):
            verdict = excludes
    return verdict


def _expression(rule: str) -> str:
    out = ""
    for piece in re.findall(r"\*\*/?|\*|\?|\[[^]]*\]|.", rule):
        if piece == "**/":
            out += "(.*/)?"
        elif piece == "**":
            out += ".*"
        elif piece == "*":
            out += "[^/]*"
        elif piece == "?":
            out += "[^/]"
        else:
            out += piece if len(piece) > 1 else re.escape(piece)
    return out
