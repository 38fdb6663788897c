"""What a resource type is to the engine: the properties it applies, and how."""

import secrets
import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.cfn.form import TemplateError
from local.cfn.schema import PropertyError, Schema
from local.context import Context
from local.refusals import unsupported

NAME_ALPHABET = string.ascii_uppercase + string.digits


@dataclass
class Work:
    """One call of a handler: what is wanted, and what is known of the physical resource.

    `properties` have their schema's types; `previous` are those before an update. A handler that
    creates says `made` as soon as the resource exists, so that a failure after it can undo it."""

    logical: str
    stack: str
    properties: dict[str, Any]
    client: Callable[[str], Any]
    context: Context
    id: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    previous: Mapping[str, Any] = field(default_factory=dict)

    def made(self, physical_id: str, **attributes: Any) -> None:
        self.id = physical_id
        self.attributes = attributes

    def name(self, key: str, limit: int = 64, lower: bool = False) -> str:
        """The name that the property `key` gives, else `<stack>-<logical>-<random>`."""
        if key in self.properties:
            return str(self.properties[key])
        suffix = "-" + "".join(secrets.choice(NAME_ALPHABET) for _ in range(12))
        name = f"{self.stack}-{self.logical}"[: limit - len(suffix)].rstrip("-") + suffix
        return name.lower() if lower else name

    def given(self, *keys: str) -> dict[str, Any]:
        """Those of the named properties that the template sets."""
        return {key: self.properties[key] for key in keys if key in self.properties}

    def changed(self, key: str) -> bool:
        return self.properties.get(key) != self.previous.get(key)


@dataclass(frozen=True)
class Handler:
    """`properties` are the ones it applies; any other is refused.

    `name` is the property that names the physical resource. Without `update` every change makes a
    new resource, with it only the changes that the schema calls create-only."""

    properties: frozenset[str]
    create: Callable[[Work], None]
    delete: Callable[[Work], None]
    update: Callable[[Work], None] | None = None
    name: str | None = None


@dataclass(frozen=True)
class Registry:
    """The resource types an engine knows."""

    handlers: Mapping[str, Handler]
    schema: Callable[[str], Schema | None]

    def check(self, types: Collection[str], live: Collection[str]) -> None:
        """TemplateError for a type that AWS does not have here, or a live one that we do not."""
        if unknown := sorted(one for one in types if self.schema(one) is None):
            raise TemplateError(
                f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]"
            )
        for one in sorted(live):
            if one not in self.handlers:
                raise TemplateError(unsupported(f"Resource type {one}"))

    def find(self, type_name: str) -> tuple[Handler, Schema]:
        schema = self.schema(type_name)
        assert schema, type_name
        return self.handlers[type_name], schema

    def properties(
        self,
        logical: str,
        type_name: str,
        wanted: dict[str, Any],
        tags: Mapping[str, str],
        complete: bool = True,
    ) -> dict[str, Any]:
        """What a handler gets: checked, typed, with the stack's tags. Raises PropertyError.

        Values that are not yet `complete` cannot be checked."""
        handler, schema = self.find(type_name)
        try:
            fitted = schema.coerce(wanted, check=complete)
        except PropertyError as error:
            raise PropertyError(
                f"Properties validation failed for resource {logical} with message: [{error}]"
            ) from None
        if extra := sorted(fitted.keys() - handler.properties):
            raise PropertyError(unsupported(f"Property {extra[0]} of {type_name}"))
        key = schema.tag_property
        if tags and key in handler.properties:
            own = fitted.get(key, [])
            if isinstance(own, dict):
                fitted[key] = {**tags, **own}
            else:
                named = {tag["Key"] for tag in own}
                more = [{"Key": k, "Value": v} for k, v in tags.items() if k not in named]
                fitted[key] = own + more
        return fitted

    def replaced_by(
        self, type_name: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> set[str]:
        """The changed properties that make a new physical resource necessary."""
        handler, schema = self.find(type_name)
        if handler.update is None:
            return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        return schema.replaced_by(old, new)
