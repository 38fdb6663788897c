"""What a definition may write where it reads from its data: paths and intrinsic functions.

Sources: Amazon States Language, "Paths", "Reference Paths", "Payload Template"; Step Functions
Developer Guide, "Intrinsic functions".
"""

import re
import threading
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import ExtendedJsonPathParser

MAX_NESTED = 10  # intrinsics within each other (Developer Guide, "Intrinsic functions")
# How many arguments each takes: at least, and at most (None: any number)
INTRINSICS: dict[str, tuple[int, int | None]] = {
    "States.Array": (0, None),
    "States.ArrayContains": (2, 2),
    "States.ArrayGetItem": (2, 2),
    "States.ArrayLength": (1, 1),
    "States.ArrayPartition": (2, 2),
    "States.ArrayRange": (3, 3),
    "States.ArrayUnique": (1, 1),
    "States.Base64Decode": (1, 1),
    "States.Base64Encode": (1, 1),
    "States.Format": (1, None),
    "States.Hash": (2, 2),
    "States.JsonMerge": (3, 3),
    "States.JsonToString": (1, 1),
    "States.MathAdd": (2, 2),
    "States.MathRandom": (2, 3),
    "States.StringSplit": (2, 2),
    "States.StringToJson": (1, 1),
    "States.UUID": (0, 0),
}
# $ is the input, $$ the context object, $name a variable
_ROOT = re.compile(r"\$\$?(?=[.\[]|$)|\$[A-Za-z_]\w*")
_REFERENCE = re.compile(r"""(\.[\w-]+|\['[^']*'\]|\["[^"]*"\]|\[\d+\])*""")
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')|(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?=[\s,)])"
    r"|(?P<constant>true|false|null)(?=[\s,)])|(?P<name>States\.\w+)\s*\(|(?P<path>\$))"
)


class BadExpression(ValueError):
    """The text says what is wrong with it."""


def check_path(path: str) -> None:
    """A path into the input, the context object or a variable. Raises BadExpression."""
    root = _ROOT.match(path)
    if not root:
        raise BadExpression(f"'{path}' is no path: a path begins with $ or $$")
    _parsed("$" + path[root.end() :], path)


def check_reference(path: str) -> None:
    """A path to one place. Raises BadExpression."""
    check_path(path)
    root = _ROOT.match(path)
    assert root
    if not _REFERENCE.fullmatch(path[root.end() :]):
        raise BadExpression(f"'{path}' is no reference path: it may name one place only")


_one_at_a_time = threading.Lock()
_parser = cache(ExtendedJsonPathParser)


def parse(path: str) -> Any:
    """As jsonpath_ng does, which loads the parser's tables anew for each path."""
    with _one_at_a_time:
        return _parser().parse(path)


@lru_cache(maxsize=4096)
def _parsed(path: str, written: str) -> None:
    try:
        parse(path)
    except (JSONPathError, ValueError, AttributeError):
        raise BadExpression(f"'{written}' is no path: it cannot be read") from None


def check_value(text: str) -> None:
    """What stands behind a key that ends in `.$`: a path or an intrinsic. Raises BadExpression."""
    if text.startswith("$"):
        check_path(text)
    elif text.startswith("States."):
        if (rest := _call(text, 0, 1)) != len(text):
            raise BadExpression(f"'{text}': nothing may follow the call, but '{text[rest:]}' does")
    else:
        raise BadExpression(f"'{text}' is neither a path nor an intrinsic function")


def _call(text: str, at: int, depth: int) -> int:
    """Read one call; answers where it ends."""
    found = _TOKEN.match(text, at)
    if not found or not found["name"]:
        raise BadExpression(f"'{text}' cannot be read at '{text[at:]}'")
    name = found["name"]
    if name not in INTRINSICS:
        raise BadExpression(f"{name} is no intrinsic function")
    if depth > MAX_NESTED:
        raise BadExpression(f"'{text}' nests more than {MAX_NESTED} intrinsic functions")
    at, count = found.end(), 0
    while not (closing := re.compile(r"\s*\)").match(text, at)):
        if count:
            comma = re.compile(r"\s*,").match(text, at)
            if not comma:
                raise BadExpression(f"'{text}' cannot be read at '{text[at:]}'")
            at = comma.end()
        at, count = _argument(text, at, depth), count + 1
    least, most = INTRINSICS[name]
    if count < least or (most is not None and count > most):
        wanted = str(least) if least == most else f"at least {least}"
        raise BadExpression(f"{name} takes {wanted} arguments, not {count}")
    return closing.end()


def _argument(text: str, at: int, depth: int) -> int:
    found = _TOKEN.match(text, at)
    if not found:
        raise BadExpression(f"'{text}' cannot be read at '{text[at:]}'")
    if found["name"]:
        return _call(text, at, depth + 1)
    if not found["path"]:
        return found.end()
    start = found.start("path")
    end = _end_of_path(text, start)
    check_path(text[start:end].rstrip())
    return end


def _end_of_path(text: str, at: int) -> int:
    """A path ends at a comma or a parenthesis that no bracket of it encloses."""
    depth, quote = 0, ""
    for end in range(at, len(text)):
        each = text[end]
        if quote:
            quote = "" if each == quote else quote
        elif each in "'\"":
            quote = each
        elif each in "[(":
            depth += 1
        elif each == "]" or (each == ")" and depth):
            depth -= 1
        elif each in ",)" and not depth:
            return end
    return len(text)


CHECKS: dict[str, Callable[[str], None]] = {
    "path": check_path,
    "reference": check_reference,
    "value": check_value,
}
