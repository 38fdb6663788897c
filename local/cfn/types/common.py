"""What several services' handlers share: documents, tags, the APIs' lower-case keys."""

import json
from collections.abc import Collection
from typing import Any

from botocore.exceptions import ClientError

from local.cfn.errors import is_missing
from local.cfn.handler import Work
from local.cfn.schema import PropertyError
from local.refusals import unsupported


def document(value: Any) -> str:
    """A policy as the APIs take it, whether the template has it as an object or as text."""
    return value if isinstance(value, str) else json.dumps(value)


def lower(value: Any, opaque: Collection[str] = ()) -> Any:
    """Properties with the first letter of every key in lower case, as the Code* APIs have it."""
    if isinstance(value, list):
        return [lower(one, opaque) for one in value]
    if isinstance(value, dict):
        return {
            key[0].lower() + key[1:]: one if key in opaque else lower(one, opaque)
            for key, one in value.items()
        }
    return value


def tags(properties: Any) -> dict[str, str]:
    """The Tags of a resource as a mapping, whichever of the two forms its type has."""
    own = properties.get("Tags", {})
    return dict(own) if isinstance(own, dict) else {tag["Key"]: tag["Value"] for tag in own}


def tag_list(work: Work, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    return [{key: name, value: text} for name, text in tags(work.properties).items()]


def stale_tags(work: Work) -> list[str]:
    """The keys of the tags that an update takes away."""
    return sorted(tags(work.previous).keys() - tags(work.properties).keys())


def only(work: Work, where: str, value: dict[str, Any], *supported: str) -> dict[str, Any]:
    """`value` if the endpoint can do all that is in it. Raises PropertyError."""
    for key in value.keys() - set(supported):
        raise PropertyError(unsupported(f"Property {where}.{key} of {work.logical}", *supported))
    return value


def exists(call: Any, **arguments: Any) -> bool:
    """Whether a describing call finds its object; other errors are raised."""
    try:
        call(**arguments)
    except ClientError as error:
        if is_missing(error):
            return False
        raise
    return True
