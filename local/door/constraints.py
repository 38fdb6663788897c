"""What AWS's model of an operation says against a request, in AWS's words.

No page has the words; these are from public reports: github.com/serverless/serverless, issue 2036
(null, pattern), github.com/jenkins-x/jx, issue 1344 (ECR), github.com/floci-io/floci, pull 2512
(another type).
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from local.door.request import Asked

# A request that cannot be, where a service has a code of its own for it
CODES = {
    "codebuild": "InvalidInputException",
    "ecr": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sagemaker-runtime": "ValidationError",
    "sqs": "InvalidParameterValue",
}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "blob": (str, bytes),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
}
NUMBERS = ("integer", "long", "float", "double")
LONGEST = 300  # characters of a value that is told
ASTRAL = r"\uD800\uDC00-\uDBFF\uDFFF"  # all that Java writes in two characters


@dataclass(frozen=True)
class Violation:
    """`path` are the members' names; `words` say what is wrong, with the value or without."""

    path: tuple[str, ...]
    value: Any
    rule: str


class WrongType(Exception):
    """A value that is not of its member's type: AWS reads no further."""


def code(asked: Asked) -> str:
    """The error code for what the service does not take."""
    form = asked.operation and asked.operation.service_model.protocol == "query"
    return CODES.get(asked.service, "ValidationError" if form else "ValidationException")


def problem(asked: Asked) -> tuple[str, str] | None:
    """The code and the message with which AWS refuses the request, if it does."""
    shape = asked.operation.input_shape if asked.operation else None
    if shape is None:
        return None
    try:
        found = list(violations(shape, asked.members))
    except WrongType as error:
        return "SerializationException", str(error)
    if not found:
        return None
    first = found[0]
    if asked.service == "codecommit" and (own := _own_code(asked, first)):
        return own, _told(first)
    if asked.service == "ecr":
        rule = first.rule.replace("Member must", "must").replace("pattern: ", "")
        return code(asked), (
            f"Invalid parameter at '{_where(first.path)}' failed to satisfy constraint: '{rule}'"
        )
    many = "error" if len(found) == 1 else "errors"
    told = "; ".join(map(_told, found))
    return code(asked), f"{len(found)} validation {many} detected: {told}"


def _own_code(asked: Asked, found: Violation) -> str | None:
    """CodeCommit names the member in the code (API reference, "Errors" of each operation)."""
    assert asked.operation
    member = found.path[-1][0].upper() + found.path[-1][1:]
    own = f"{member}RequiredException" if found.value is None else f"Invalid{member}Exception"
    known = {error.name for error in asked.operation.error_shapes}
    return own if own in known else None


def _told(found: Violation) -> str:
    value = "null" if found.value is None else f"'{_text(found.value)[:LONGEST]}'"
    return f"Value {value} at '{_where(found.path)}' failed to satisfy constraint: {found.rule}"


def _where(path: tuple[str, ...]) -> str:
    """As Java calls its fields: `productionVariants.1.member.instanceType`."""
    return ".".join(each[0].lower() + each[1:] for each in path)


def _text(value: Any) -> str:
    """As Java writes lists and maps."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}={_text(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_text, value)) + "]"
        case bool():
            return str(value).lower()
    return str(value)


def violations(shape: Shape, value: Any, path: tuple[str, ...] = ()) -> Iterator[Violation]:
    """What of `value` is not as its shape says. Raises WrongType."""
    _check_type(shape, value)
    yield from (Violation(path, value, rule) for rule in _rules(shape, value))
    match shape:
        case StructureShape():
            for name in shape.required_members:
                if value.get(name) is None:
                    yield Violation((*path, name), None, "Member must not be null")
            for name, member in shape.members.items():
                if value.get(name) is not None:
                    yield from violations(member, value[name], (*path, name))
        case ListShape():
            for index, each in enumerate(value, 1):
                if isinstance(shape.member, StructureShape):
                    yield from violations(shape.member, each, (*path, str(index), "member"))
                elif rules := _inner(shape.member, each):
                    yield Violation(path, value, f"Member must satisfy constraint: [{rules}]")
        case MapShape():
            for key, each in value.items():
                if rules := _inner(shape.key, key):
                    yield Violation(path, value, f"Map keys must satisfy constraint: [{rules}]")
                if isinstance(shape.value, StructureShape):
                    yield from violations(shape.value, each, (*path, key, "member"))
                elif rules := _inner(shape.value, each):
                    yield Violation(path, value, f"Map value must satisfy constraint: [{rules}]")


def _inner(shape: Shape, value: Any) -> str:
    """What is wrong with an element, which AWS tells of the whole list or map."""
    return ", ".join(found.rule for found in violations(shape, value))


def _check_type(shape: Shape, value: Any) -> None:
    kind = shape.type_name
    if kind not in TYPES or getattr(shape, "is_document_type", False):
        return
    integral = isinstance(value, float) and value.is_integer() and kind in ("integer", "long")
    truth = isinstance(value, bool) and kind in NUMBERS
    if integral or (isinstance(value, TYPES[kind]) and not truth):
        if kind == "blob" and isinstance(value, str):  # as JSON has bytes
            _check_base64(value)
        return
    if kind in ("structure", "map", "list") or isinstance(value, dict | list):
        raise WrongType("Start of structure or map found where not expected.")
    found = {str: "STRING", bool: f"{value!s}".upper()}.get(type(value), "NUMBER")
    article = "an" if kind == "integer" else "a"
    raise WrongType(f"{found}_VALUE can not be converted to {article} {kind.capitalize()}")


def _check_base64(value: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except ValueError:
        raise WrongType("A blob has to be encoded as base64") from None


def _rules(shape: Shape, value: Any) -> Iterator[str]:
    """The rules of the model that the value itself does not keep."""
    number = shape.type_name in NUMBERS
    size = value if number else len(value) if isinstance(value, str | bytes | list | dict) else None
    what = "value" if number else "length"
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if size is not None and shape.type_name not in ("blob", "structure"):
        if low is not None and size < low:
            yield f"Member must have {what} greater than or equal to {low}"
        if high is not None and size > high:
            yield f"Member must have {what} less than or equal to {high}"
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not _compiled(pattern).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {pattern}"


@cache
def _compiled(pattern: str) -> Any:
    r"""A pattern is Java's: \w and \d are ASCII, and there is \p{L}, which `re` cannot read."""
    readable = pattern.replace(ASTRAL, r"\U00010000-\U0010FFFF")
    return regex.compile(readable, 0 if r"\p{" in readable else regex.ASCII)
