"""One permission that a call needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field


class Unjudged(Exception):
    """A call of which it is not known what it needs; the text names it."""


@dataclass(frozen=True)
class Ask:
    """`action` on `resource`, in `context`: of the caller, or of the service `by` itself.

    `or_of` is a role that may have the permission in the caller's place.
    """

    action: str
    resource: str = "*"
    context: Mapping[str, str | list[str] | None] = field(default_factory=dict)
    by: str = ""
    or_of: str = ""
