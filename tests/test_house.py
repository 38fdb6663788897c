"""Rules of the house, read from the source. local/tests/test_wall.py holds those of local/."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

from local.tests.reading import ROOT, imported

HOUSE = ("templates", "scripts", "container/serving", "container/training", "benchmarks")
# What stands on a floor of templates/ uses that floor and those below it
FLOORS = ("templates.choices", "templates.parameters", "templates.kit", "templates.parts")
# container/ is a repository of its own: its modules name each other from there
REPOSITORY = ROOT / "container"


def files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def module(file: Path) -> str:
    top = REPOSITORY if file.is_relative_to(REPOSITORY) else ROOT
    return ".".join(file.relative_to(top).with_suffix("").parts).removesuffix(".__init__")


def test_no_file_imports_itself_in_a_circle() -> None:
    graph = {module(file): imported(file) for file in files(*HOUSE)}
    assert graph
    uses = {name: (found & graph.keys()) - {name} for name, found in graph.items()}
    list(TopologicalSorter(uses).static_order())  # a CycleError names the files


def test_a_floor_of_the_templates_uses_nothing_above_it() -> None:
    def floor(name: str) -> int:
        """Its number from the ground; the workflows, and what composes, stand above all these."""
        return next((n for n, prefix in enumerate(FLOORS) if name.startswith(prefix)), len(FLOORS))

    above = [
        f"{module(file)} uses {name}"
        for file in files("templates")
        for name in sorted(imported(file))
        if name.startswith("templates.") and floor(name) > floor(module(file))
    ]
    assert above == []


def test_one_class_name_means_one_thing() -> None:
    meanings = defaultdict(list)
    for file in files("templates", "scripts", "local", "container"):
        # A model's file has the names of the interface that it fills in
        if {"tests", "examples"} & set(
            file.relative_to(ROOT).parts
        ) or file == REPOSITORY / "model.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef):
                meanings[node.name].append(str(file.relative_to(ROOT)))
    assert meanings
    assert {name: where for name, where in meanings.items() if len(where) > 1} == {}
