"""Metric math: numbers, other queries by their id, + - * /, parentheses, and FILL(id, number).

A data point that one operand lacks is missing in the result, and so is what was divided by zero
(CloudWatch User Guide, "Using math expressions with CloudWatch metrics"). Nothing of an expression
is ever run: Python's parser reads it, and what it finds is looked at here, piece by piece.
"""

import ast
import math
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from local.refusals import unsupported

ID = re.compile(r"[a-z][A-Za-z0-9_]{0,254}")
Lookup = Callable[[str], float | None]  # the value of an id
Value = Callable[[Lookup], float | None]
_SUPPORTED = ("numbers", "ids", "+ - * /", "( )", "FILL(id, number)")
_OPERATIONS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class BadMath(ValueError):
    """Why an expression is not taken, in one sentence."""


@dataclass(frozen=True)
class Expression:
    text: str
    ids: frozenset[str]
    value: Value


def parse(text: str) -> Expression:
    """Raises BadMath."""
    try:
        if "#" in text:  # Python would take what follows for a comment
            raise ValueError
        tree = ast.parse(" ".join(text.split()), mode="eval").body
        value = _value(tree)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError) as error:
        if isinstance(error, BadMath):
            raise
        raise BadMath(unsupported(f"the expression {text}", *_SUPPORTED)) from None
    ids = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"FILL"}
    return Expression(text, frozenset(ids), value)


def _value(node: ast.expr) -> Value:
    match node:
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            constant = float(number)
            return lambda _: constant
        case ast.Name(name) if ID.fullmatch(name):
            return lambda lookup: lookup(name)
        case ast.UnaryOp(ast.USub() | ast.UAdd() as sign, operand):
            inner, factor = _value(operand), -1.0 if isinstance(sign, ast.USub) else 1.0
            return _joined(operator.mul, lambda _: factor, inner)
        case ast.BinOp(left, sign, right) if type(sign) in _OPERATIONS:
            return _joined(_OPERATIONS[type(sign)], _value(left), _value(right))
        case ast.Call(ast.Name("FILL"), [filled, filler], []) if _is_number(filler):
            inner, instead = _value(filled), _value(filler)
            return lambda lookup: instead(lookup) if (got := inner(lookup)) is None else got
    what = f"{ast.unparse(node)} in an expression"
    raise BadMath(unsupported(what, *_SUPPORTED))


def _is_number(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(inner, ast.Constant)


def _joined(operation: Callable[[float, float], float], left: Value, right: Value) -> Value:
    def value(lookup: Lookup) -> float | None:
        one, other = left(lookup), right(lookup)
        if one is None or other is None:
            return None
        try:
            result = operation(one, other)
        except ZeroDivisionError:
            return None
        return result if math.isfinite(result) else None

    return value
