"""The provider schemas that cfn-lint carries."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from local.cfn.schema import Schema


@cache
def bundled(region: str, type_name: str) -> Schema | None:
    """The schema of a type in a region, None where AWS does not offer it.

    Read from the files, because importing cfn-lint for them costs seconds and 80 MB."""
    file = _folder() / "resources" / f"{_offered(region).get(type_name)}.json"
    return Schema(json.loads(file.read_text("utf-8"))) if file.exists() else None


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
