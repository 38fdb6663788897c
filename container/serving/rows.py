"""JSON in TensorFlow Serving's row format: {"instances": [one example, ...]}.

(TensorFlow Serving, "RESTful API", Predict API.)
"""

import re
import time
from collections.abc import Iterator
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import orjson
import simdjson

from serving.engines import INPUT
from serving.examples import Examples, Shape, Unreadable, batch_of

# No other thread runs while a parser does, so it gets a large body in pieces of about this size
PIECE_BYTES = 64 * 1024
STRICT_BYTES = 256 * 1024

# With a bound, so that no body can keep an expression busy
_SPACE = rb"[ \t\r\n]{0,99}"
_HEAD = rb'~{~(?:"signature_name"~:~"serving_default"~,~)?"instances"~:~(?=\[)'
HEAD = re.compile(_HEAD.replace(b"~", _SPACE))
TAIL = re.compile(rb"~}~".replace(b"~", _SPACE))
NUMBERS = b"0123456789+-.eE \t\r\n"


def read(body: bytes, shape: Shape) -> Examples:
    """Raises Unreadable."""
    examples = _plain(body, shape)
    return _strict(body, shape) if examples is None else examples


def _plain(body: bytes, shape: Shape) -> Examples | None:
    """The quick way for the usual body; None for any other, whatever is the matter with it.

    simdjson flattens all that it finds, so the structure is compared first: what is left without
    numbers and spaces must be the brackets and commas of n examples. As it is JSON too, no place
    between those holds more than one number; and as there are as many numbers, none is empty.
    """
    head, end = HEAD.match(body), body.rfind(b"]") + 1
    if not head or not TAIL.fullmatch(body, end):
        return None
    text, one = body[head.end() : end], _brackets(shape)
    parts = (text[at : at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES))
    structure = b"".join(part.translate(None, NUMBERS) for part in parts)
    count = (len(structure) - 1) // (len(one) + 1)
    if structure != b"[%b]" % b",".join([one] * count):
        return None
    flat, filled, parser = np.empty(count * prod(shape), np.float32), 0, simdjson.Parser()
    try:
        for piece in _pieces(text, count, one.count(b",")):
            array: Any = parser.parse(piece)
            numbers = np.frombuffer(array.as_buffer(of_type="d"))
            del array  # the parser reuses its memory
            flat[filled : filled + len(numbers)] = numbers
            filled += len(numbers)
    except (ValueError, TypeError, RuntimeError):  # what simdjson raises
        return None
    return flat.reshape(count, *shape) if filled == len(flat) else None


@lru_cache(1)
def _brackets(shape: Shape) -> bytes:
    """[[,],[,]] for (2, 2)."""
    if not shape:
        return b""
    return b"[%b]" % b",".join([_brackets(shape[1:])] * shape[0])


def _pieces(text: bytes, count: int, commas_inside: int) -> Iterator[bytes]:
    """The list of examples as shorter lists, cut between examples."""
    if len(text) <= PIECE_BYTES:
        yield text
        return
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    between = commas[commas_inside :: commas_inside + 1]
    each = max(1, count * PIECE_BYTES // len(text))
    begin = 1
    for end in [*between[each - 1 :: each].tolist(), len(text) - 1]:
        yield b"[%b]" % text[begin:end]
        begin = end + 1
        time.sleep(0)  # lets the event loop go first


def _strict(body: bytes, shape: Shape) -> Examples:
    """Every form that is allowed, and for others the reason."""
    if len(body) > STRICT_BYTES:
        raise Unreadable(
            f'a body of more than {STRICT_BYTES:,} bytes must be {{"instances": [...]}} of shape '
            f"{batch_of(shape)} and nothing else, all numbers"
        )
    try:
        request: Any = orjson.loads(body)
    except ValueError as error:
        raise Unreadable(f"the body is not JSON: {error}") from None
    if not isinstance(request, dict) or not isinstance(request.get("instances"), list):
        raise Unreadable('the body needs a list of examples named "instances"')
    if request.get("signature_name", "serving_default") != "serving_default":
        raise Unreadable('the model has no other signature_name than "serving_default"')
    numbers: list[float] = []
    for index, row in enumerate(request["instances"]):
        named = isinstance(row, dict) and row.keys() == {INPUT}
        _collect(row[INPUT] if named else row, shape, f"instances[{index}]", numbers)
    return np.array(numbers, np.float64).astype(np.float32).reshape(-1, *shape)


def _collect(value: Any, shape: Shape, where: str, numbers: list[float]) -> None:
    """Appends the numbers of nested lists that have the shape; raises Unreadable for others."""
    if not shape:
        if type(value) not in (int, float):
            raise Unreadable(f"{where} is not a number")
        numbers.append(value)
    elif not isinstance(value, list):
        raise Unreadable(f"{where} is not a list of {shape[0]} values")
    elif len(value) != shape[0]:
        raise Unreadable(f"{where} holds {len(value)} values, expected {shape[0]}")
    elif len(shape) == 1 and set(map(type, value)) <= {int, float}:
        numbers += value
    else:
        for index, part in enumerate(value):
            _collect(part, shape[1:], f"{where}[{index}]", numbers)
