"""What AWS accepts for a resource type: the provider schemas that cfn-lint carries."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

# GetAtt names that the user guide lists and the schemas do not mark as read-only
MORE_ATTRIBUTES = {
    "AWS::SNS::Topic": ["TopicName"],
    "AWS::SQS::Queue": ["QueueName"],
    "AWS::SSM::Parameter": ["Type", "Value"],
}
TYPE_NAMES = {dict: "JSONObject", list: "JSONArray", str: "String", bool: "Boolean"}


class PropertyError(Exception):
    """What is wrong with a resource's properties."""


@cache
def bundled(region: str, type_name: str) -> "Schema | None":
    """The schema of a type in a region, None where AWS does not offer it.

    Read from the files, because importing cfn-lint for them costs seconds and 80 MB."""
    file = _folder() / "resources" / f"{_offered(region).get(type_name)}.json"
    if not file.exists():
        return None
    return Schema(json.loads(file.read_text("utf-8"), object_hook=_understood))


def _understood(schema: dict[str, Any]) -> dict[str, Any]:
    """Without patterns for another regular expression engine than Python's: AWS will check them."""
    if not _compiles(schema.get("pattern")):
        del schema["pattern"]
    if members := schema.get("patternProperties"):
        known = {key if _compiles(key) else ".*": one for key, one in members.items()}
        schema["patternProperties"] = known
    return schema


def _compiles(pattern: Any) -> bool:
    try:
        return not isinstance(pattern, str) or re.compile(pattern) is not None
    except re.error:
        return False


@cache
def _offered(region: str) -> dict[str, str]:
    file = _folder() / "providers" / f"{region}.json"
    if not file.exists():
        raise LookupError(f"CloudFormation's resource types in {region} are not known here")
    found: dict[str, str] = json.loads(file.read_text("utf-8"))
    return found


@cache
def _folder() -> Path:
    spec = find_spec("cfnlint")
    assert spec and spec.submodule_search_locations, "cfn-lint is not installed"
    return Path(spec.submodule_search_locations[0]) / "data" / "schemas"


@dataclass(frozen=True)
class Schema:
    """One type's provider schema (CloudFormation CLI User Guide, "Resource type schema")."""

    document: Mapping[str, Any]

    @property
    def attributes(self) -> set[str]:
        """The names that GetAtt accepts."""
        names = {_dotted(path) for path in self.document.get("readOnlyProperties", [])}
        return names | set(MORE_ATTRIBUTES.get(self.document["typeName"], []))

    @property
    def tag_property(self) -> str | None:
        """The property that takes a stack's tags, if the type has tags."""
        tagging = self.document.get("tagging", {})
        return _dotted(tagging["tagProperty"]) if tagging.get("taggable") else None

    def replaced_by(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
        """The properties whose change makes a new physical resource necessary."""
        paths = [
            *self.document.get("createOnlyProperties", []),
            *self.document.get("conditionalCreateOnlyProperties", []),
        ]
        parts = [path.split("/")[2:] for path in paths]
        return {path[0] for path in parts if _at(old, path) != _at(new, path)}

    def coerce(self, properties: Any, check: bool = True) -> dict[str, Any]:
        """The properties in the schema's types ("60" becomes 60). Raises PropertyError."""
        if not isinstance(properties, dict):
            raise PropertyError("#: expected type: JSONObject, found: String")
        fitted: dict[str, Any] = self._fit(self.document, properties)
        if check and (problems := dict.fromkeys(self._problems(fitted))):
            raise PropertyError("; ".join(problems))
        return fitted

    def _fit(self, schema: Mapping[str, Any], value: Any) -> Any:
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].rsplit("/", 1)[1]] | schema
        typed = (_as(kind, value) for kind in _list(schema.get("type", [])))
        value = next((one for one in typed if one is not None), value)
        if isinstance(value, list):
            return [self._fit(schema.get("items", {}), one) for one in value]
        if isinstance(value, dict):
            return {key: self._fit(_member(schema, key) or {}, one) for key, one in value.items()}
        return value

    @cached_property
    def _definitions(self) -> dict[str, Any]:
        return {**self.document.get("properties", {}), **self.document.get("definitions", {})}

    def _problems(self, properties: dict[str, Any]) -> Iterator[str]:
        """What the schema says against the properties, in CloudFormation's words."""
        for error in Draft202012Validator(self.document).iter_errors(properties):
            while error.context:  # where every alternative fails, the first one tells
                error = error.context[0]
            where = "/".join(["#", *map(str, error.absolute_path)])
            rule, value = error.validator_value, error.instance
            match error.validator:
                case "type":
                    found = TYPE_NAMES.get(type(value), "Number")
                    yield f"{where}: expected type: {_list(rule)[0].capitalize()}, found: {found}"
                case "enum":
                    shown = value if isinstance(value, str) else json.dumps(value)
                    yield f"{where}: {shown} is not a valid enum value"
                case "additionalProperties":
                    for key in (key for key in value if _member(error.schema, key) is None):
                        yield f"{where}: extraneous key [{key}] is not permitted"
                case "required":
                    for key in (key for key in rule if key not in value):
                        yield f"{where}: required key [{key}] not found"
                case keyword:
                    yield f"{where}: failed validation constraint for keyword [{keyword}]"


def _member(schema: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """What an object's schema says of one of its keys; None if it does not know it."""
    patterns = schema.get("patternProperties", {}).items()
    named = [one for pattern, one in patterns if re.search(pattern, key)]
    found: Mapping[str, Any] | None = schema.get("properties", {}).get(key, *named[:1])
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as(kind: str, value: Any) -> Any:
    """`value` as a JSON schema type where CloudFormation would take it as one, else None."""
    scalar = isinstance(value, str | int | float)
    match kind:
        case "object":
            return value if isinstance(value, dict) else None
        case "array":
            return value if isinstance(value, list) else None
        case "string" if scalar:
            return str(value).lower() if isinstance(value, bool) else str(value)
        case "boolean" if str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        case "integer" if scalar and re.fullmatch(r"-?\d+", str(value)):
            return int(value)
        case "number" if scalar and re.fullmatch(r"-?\d+(\.\d+)?", str(value)):
            return float(value) if "." in str(value) else int(value)
    return None


def _dotted(path: str) -> str:
    return ".".join(path.split("/")[2:])


def _at(value: Any, path: list[str]) -> Any:
    if not path:
        return value
    if path[0] == "*":
        return [_at(one, path[1:]) for one in value or []]
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else None
