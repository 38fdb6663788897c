"""What a resource type is to a deployment: the properties it applies, and the calls that do so."""

import json
import re
import secrets
import string
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from local.cfn.functions import text
from local.cfn.schema import PropertyError, Schema
from local.cfn.template import TemplateError
from local.context import Context
from local.refusals import unsupported

NAME_ALPHABET = string.ascii_uppercase + string.digits


class AlreadyExists(Exception):
    """A resource that cannot be created because one of its name is there."""


@dataclass
class ResourceWork:
    """One resource to make, change or delete: what is wanted, and what is known of it so far.

    `properties` have their schema's types; `previous` are those before an update. What creates
    says `made` as soon as the resource exists, so that a failure after it can undo it."""

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

    def changed(self, *keys: str) -> bool:
        return any(self.properties.get(key) != self.previous.get(key) for key in keys)

    def call(self, operation: str, **more: Any) -> Any:
        """Call `service.operation` with `more`, and with every property that its input has.

        Names are the same whatever their case, None leaves a property out, and values take the
        input's form: text where it wants text, JSON where the template has an object for it."""
        service, method = operation.split(".")
        client = self.client(service)
        name = client.meta.method_to_api_mapping[method]
        members = client.meta.service_model.operation_model(name).input_shape.members
        given = {key.lower(): value for key, value in {**self.properties, **more}.items()}
        arguments = {
            key: self._fit(shape, given[key.lower()], key)
            for key, shape in members.items()
            if given.get(key.lower()) is not None
        }
        return getattr(client, method)(**arguments)

    def exists(self, operation: str, **arguments: Any) -> bool:
        """Whether a describing operation finds its object; other errors are raised."""
        try:
            self.call(operation, **arguments)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return True

    def retag(self, add: str, remove: str, **place: Any) -> None:
        """Bring the resource's tags to the template's, by two operations of its service."""
        wanted, before = _tags(self.properties), _tags(self.previous)
        if stale := sorted(before.keys() - wanted.keys()):
            self.call(remove, TagKeys=stale, **place)
        if wanted and wanted != before:
            self.call(add, **place)

    def _fit(self, shape: Shape, value: Any, where: str) -> Any:
        if where.lower() == "tags":
            return _fit_tags(shape, _tags({"Tags": value}))
        match shape:
            case StructureShape():
                names = {name.lower(): name for name in shape.members}
                if unknown := sorted(key for key in value if key.lower() not in names):
                    what = f"Property {where}.{unknown[0]} of {self.logical}"
                    raise PropertyError(unsupported(what, *shape.members))
                known = {names[key.lower()]: one for key, one in value.items()}
                return {k: self._fit(shape.members[k], v, f"{where}.{k}") for k, v in known.items()}
            case ListShape():
                return [self._fit(shape.member, one, where) for one in value]
            case MapShape():
                return {key: self._fit(shape.value, one, where) for key, one in value.items()}
        if shape.type_name == "string":
            return document(value) if isinstance(value, dict | list) else text(value)
        return value


def document(value: Any) -> str:
    """A policy as the APIs take it, whether the template has it as an object or as text."""
    return value if isinstance(value, str) else json.dumps(value)


def is_missing(error: Exception) -> bool:
    """Whether a call failed because what it is about is not there."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return bool(re.search(r"NotFound|NoSuch|DoesNotExist|NonExistent|404", code))


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    """The Tags of a resource as a mapping, whichever of the two forms its type has."""
    own = properties.get("Tags", {})
    return dict(own) if isinstance(own, dict) else {tag["Key"]: tag["Value"] for tag in own}


def _fit_tags(shape: Any, tags: dict[str, str]) -> Any:
    if isinstance(shape, MapShape):
        return tags
    key, value = sorted(shape.member.members)  # Key and Value, key and value, TagKey and TagValue
    return [{key: name, value: content} for name, content in tags.items()]


@dataclass(frozen=True)
class ResourceType:
    """`properties` are the ones it applies; any other is refused.

    `name` is the property that names the physical resource. Without `update` every change makes a
    new resource, with it only the changes that the schema calls create-only."""

    properties: frozenset[str]
    create: Callable[[ResourceWork], None]
    delete: Callable[[ResourceWork], Any]
    update: Callable[[ResourceWork], None] | None = None
    name: str | None = None


@dataclass(frozen=True)
class ResourceTypes:
    """The resource types that an endpoint can make, over what AWS offers where it is."""

    supported: Mapping[str, ResourceType]
    schema: Callable[[str], Schema | None]
    context: Context

    def check(self, types: Collection[str], live: Collection[str]) -> None:
        """TemplateError for a type that AWS does not have here, or a live one that we do not."""
        if unknown := sorted(one for one in types if self.schema(one) is None):
            raise TemplateError(
                f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]"
            )
        for one in sorted(live):
            if one not in self.supported:
                raise TemplateError(unsupported(f"Resource type {one}"))

    def find(self, type_name: str) -> tuple[ResourceType, Schema]:
        schema = self.schema(type_name)
        assert schema, type_name
        return self.supported[type_name], schema

    def properties(
        self,
        logical: str,
        type_name: str,
        wanted: dict[str, Any],
        tags: Mapping[str, str],
        complete: bool = True,
    ) -> dict[str, Any]:
        """What a resource is made with: checked, typed, with the stack's tags. PropertyError.

        Values that are not yet `complete` cannot be checked."""
        found, schema = self.find(type_name)
        try:
            fitted = schema.coerce(wanted, check=complete)
        except PropertyError as error:
            raise PropertyError(
                f"Properties validation failed for resource {logical} with message: [{error}]"
            ) from None
        if extra := sorted(fitted.keys() - found.properties):
            raise PropertyError(unsupported(f"Property {extra[0]} of {type_name}"))
        key = schema.tag_property
        if tags and key in found.properties:
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
        found, schema = self.find(type_name)
        if found.update is None:
            return {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        return schema.replaced_by(old, new)
