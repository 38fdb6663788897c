"""local/ is a product of its own: it knows nothing of what it serves, and its files no circle."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from local.tests.reading import ROOT, crossings, imported

LOCAL = ROOT / "local"
PRODUCT = {"templates", "scripts", "generate", "container", "tests", "benchmarks"}


def test_local_imports_nothing_of_the_product_that_it_serves() -> None:
    assert crossings(LOCAL.rglob("*.py"), PRODUCT) == []


def test_no_file_of_local_imports_itself_in_a_circle() -> None:
    files = {_module(file): imported(file) for file in LOCAL.rglob("*.py")}
    graph = {name: (found & files.keys()) - {name, "local"} for name, found in files.items()}
    list(TopologicalSorter(graph).static_order())  # a CycleError names the files


@pytest.mark.parametrize(
    "line",
    [
        "from scripts.lib.session import connect",
        "import generate",
        "def late():\n    from templates import outputs",
        "import importlib\nimportlib.import_module('scripts.demo')",
        "__import__('generate')",
    ],
)
def test_every_way_to_cross_the_wall_is_seen(tmp_path: Path, line: str) -> None:
    file = tmp_path / "crosses.py"
    file.write_text(line)
    assert {name.partition(".")[0] for name in imported(file)} & PRODUCT


def _module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
