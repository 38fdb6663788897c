from pathlib import Path
from typing import Any

import pytest

import generate
from templates.kit.render import render
from tests.templates.reading import read

ROOT = Path(generate.__file__).parent


@pytest.fixture(scope="session")
def buildspecs() -> dict[str, str]:
    return {file.stem: file.read_text() for file in (ROOT / "buildspec").glob("*.yml")}


@pytest.fixture(scope="session")
def template(buildspecs: dict[str, str]) -> dict[str, Any]:
    """build/mlops.yaml, as data."""
    return read(render(generate.mlops(buildspecs)))


@pytest.fixture(scope="session")
def bootstrap() -> dict[str, Any]:
    """build/bootstrap.yaml, as data."""
    return read(render(generate.bootstrap()))
