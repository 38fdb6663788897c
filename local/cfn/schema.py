"""What AWS accepts for a resource type, by its provider schema."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# GetAtt names that the user guide lists and the schemas do not mark as read-only
MORE_ATTRIBUTES = {
    "AWS::SNS::Topic": ["TopicName"],
    "AWS::SSM::Parameter": ["Type", "Value"],
}
TYPE_NAMES = {dict: "JSONObject", list: "JSONArray", str: "String", bool: "Boolean"}


class PropertyError(Exception):
    """What is wrong with a resource's properties."""


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
        problems: list[str] = []
        fitted: dict[str, Any] = self._fit(self.document, properties, "#", problems)
        if check and problems:
            raise PropertyError("; ".join(problems))
        return fitted

    def _fit(self, schema: Mapping[str, Any], value: Any, where: str, problems: list[str]) -> Any:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            schema = {**self._definitions[name], **{k: v for k, v in schema.items() if k != "$ref"}}
        value = self._typed(schema, value, where, problems)
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            each = schema["items"]
            value = [self._fit(each, v, f"{where}/{i}", problems) for i, v in enumerate(value)]
        if isinstance(value, dict):
            value = self._members(schema, value, where, problems)
        problems += _constraints(schema, value, where)
        for keyword in ("anyOf", "oneOf"):
            value = self._alternative(schema.get(keyword, []), value, where, problems)
        for one in schema.get("allOf", []):
            value = self._fit(one, value, where, problems)
        return value

    @cached_property
    def _definitions(self) -> dict[str, Any]:
        return {**self.document.get("properties", {}), **self.document.get("definitions", {})}

    def _typed(self, schema: Mapping[str, Any], value: Any, where: str, problems: list[str]) -> Any:
        wanted = schema.get("type", [])
        wanted = [wanted] if isinstance(wanted, str) else wanted
        for kind in wanted:
            fitted = _as(kind, value)
            if fitted is not None:
                return fitted
        if wanted:
            found = TYPE_NAMES.get(type(value), "Number")
            problems.append(f"{where}: expected type: {wanted[0].capitalize()}, found: {found}")
        return value

    def _members(
        self, schema: Mapping[str, Any], value: dict[str, Any], where: str, problems: list[str]
    ) -> dict[str, Any]:
        known = schema.get("properties", {})
        patterns = schema.get("patternProperties", {})
        fitted = {}
        for key, one in value.items():
            named = [known[key]] if key in known else []
            named += [s for p, s in patterns.items() if not named and _matches(p, key)]
            if named:
                fitted[key] = self._fit(named[0], one, f"{where}/{key}", problems)
            else:
                fitted[key] = one
                if schema.get("additionalProperties") is False:
                    problems.append(f"{where}: extraneous key [{key}] is not permitted")
        for key in schema.get("required", []):
            if key not in value:
                problems.append(f"{where}: required key [{key}] not found")
        return fitted

    def _alternative(
        self, alternatives: list[Any], value: Any, where: str, problems: list[str]
    ) -> Any:
        first: list[str] | None = None
        for alternative in alternatives:
            own: list[str] = []
            fitted = self._fit(alternative, value, where, own)
            if not own:
                return fitted
            first = first or own
        problems += first or []
        return value


def _constraints(schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    if "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value} is not a valid enum value"]
    broken = []
    size: float
    if "const" in schema and value != schema["const"]:
        broken.append("const")
    if isinstance(value, str):
        size, least, most = len(value), "minLength", "maxLength"
        if "pattern" in schema and not _matches(schema["pattern"], value):
            broken.append("pattern")
    elif isinstance(value, list):
        size, least, most = len(value), "minItems", "maxItems"
        if schema.get("uniqueItems") and any(v in value[:i] for i, v in enumerate(value)):
            broken.append("uniqueItems")
    elif isinstance(value, int | float):
        size, least, most = value, "minimum", "maximum"
    else:
        return []
    broken += [least] if size < schema.get(least, size) else []
    broken += [most] if size > schema.get(most, size) else []
    return [f"{where}: failed validation constraint for keyword [{one}]" for one in broken]


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


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:  # written for another regular expression engine: AWS itself will check
        return True


def _dotted(path: str) -> str:
    return ".".join(path.split("/")[2:])


def _at(value: Any, path: list[str]) -> Any:
    if not path:
        return value
    if path[0] == "*":
        return [_at(one, path[1:]) for one in value or []]
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else None
