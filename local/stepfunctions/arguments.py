"""Whether a Task's arguments are those of its action: names, types and what it cannot do without.

The model is botocore's. A value that is known only at run time is taken to be right.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "character": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}
# Documents that an optimized integration takes as JSON where the API has text
_DOCUMENTS = {"states": "Input", "sns": "Message"}


def faults(parameters: Mapping[str, Any], shape: Shape | None, integration: str) -> Iterator[str]:
    """What is wrong with the arguments of `integration` (`sns:publish`), each as a sentence."""
    if not isinstance(shape, StructureShape):
        yield from (_unknown(name) for name in parameters)
        return
    document = _DOCUMENTS.get(integration.split(":", maxsplit=1)[0])
    plain = {name: value for name, value in parameters.items() if name != document}
    told = {document} if document in parameters else set()
    yield from _structure(plain, shape, "", told)


def _unknown(name: str) -> str:
    return f'The field "{name}" is not supported by Step Functions'


def _structure(
    value: Mapping[str, Any], shape: StructureShape, where: str, told: set[str | None]
) -> Iterator[str]:
    """Names are written in PascalCase, whatever the API's own spelling."""
    members = {name.lower(): member for name, member in shape.members.items()}
    named = {key.removesuffix(".$").lower() for key in value} | {
        each.lower() for each in told if each
    }
    for key, item in value.items():
        member = members.get(key.removesuffix(".$").lower())
        if member is None:
            yield _unknown(f"{where}{key.removesuffix('.$')}")
        elif not key.endswith(".$"):
            yield from value_faults(item, member, f"{where}{key}")
    for name in shape.required_members:
        if name.lower() not in named:
            yield f'The field "{where}{name[0].upper()}{name[1:]}" is required but was missing'


def value_faults(value: Any, shape: Shape, where: str) -> Iterator[str]:
    """The same of one argument's value."""
    wanted = _TYPES.get(shape.type_name)
    if wanted is None:  # bytes and times are written as text in more than one form
        return
    right = isinstance(value, wanted) and (bool in wanted or not isinstance(value, bool))
    if not right:
        yield f'The field "{where}" must be a {shape.type_name}'
        return
    match shape:
        case StructureShape():
            yield from _structure(value, shape, f"{where}.", set())
        case ListShape():
            for item in value:
                yield from value_faults(item, shape.member, where)
        case MapShape():
            for key, item in value.items():
                if not key.endswith(".$"):
                    yield from value_faults(item, shape.value, f"{where}.{key}")
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        yield f'The field "{where}" must be one of {", ".join(allowed)}'
