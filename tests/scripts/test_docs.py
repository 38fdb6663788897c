"""What docs/ says of the template is what the template says."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from scripts import docs
from templates.choices import CHOICES
from tests.templates.reading import read
from tests.templates.workflows.machines import definitions

ROOT = Path(__file__).parents[2]
GOLDEN = (ROOT / "tests/golden/mlops.yaml").read_text()


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    """Not on import, which each process that runs tests does."""
    return docs.documents(GOLDEN)


@pytest.fixture(scope="module")
def workflows() -> dict[str, Any]:
    return definitions(read(GOLDEN))


def test_the_pages_are_in_step_with_the_template(documents: dict[str, str]) -> None:
    kept = {name: (ROOT / "docs" / name).read_text() for name in documents}
    assert [name for name in kept if kept[name] != documents[name]] == [], "run `make docs`"


def test_each_workflow_has_a_picture_and_no_picture_is_left_of_an_old_one(
    documents: dict[str, str], workflows: dict[str, Any]
) -> None:
    pictures = {file.name for file in (ROOT / "docs").glob("*-workflow.svg")}
    assert pictures == documents.keys() - {"parameters.md"}
    assert len(pictures) == len(workflows)


def test_a_task_shows_what_it_calls_and_whether_it_waits(documents: dict[str, str]) -> None:
    svg = documents["training-workflow.svg"]
    assert "sagemaker createTrainingJob, and waits" in svg
    assert ">s3 listObjectsV2<" in svg


Rows: TypeAlias = Callable[[str], str]


@pytest.fixture
def row(documents: dict[str, str]) -> Rows:
    def find(parameter: str) -> str:
        found = re.search(rf"^\|[^|]*`{parameter}` \|.*$", documents["parameters.md"], re.M)
        assert found, parameter
        return found[0]

    return find


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_every_choice_is_explained(choice: Any, row: Rows) -> None:
    told = row(choice.name)
    assert told.startswith(f"| {choice.label}<br>")
    assert choice.help in told
    assert choice.must in told
    assert told.endswith(f"`{choice.default}` |") or choice.default in ("", None)


def test_the_choices_come_in_the_order_of_the_console(documents: dict[str, str]) -> None:
    names = re.findall(r"<br>`(\w+)`", documents["parameters.md"])
    assert names == [choice.name for choice in CHOICES]


def test_a_page_says_what_a_later_change_replaces_and_what_stays(row: Rows) -> None:
    assert (
        "replaces `KeyAlias`, `UndeliveredEvents`, `ImageRepository` (the old one stays),"
        in row("ProjectName")
    )
    assert "replaces `NotificationSubscription`, `Budget`." in row("NotificationEmail")
    assert "replaces" not in row("KeepVersions")


def test_the_runbook_knows_every_error_that_a_run_may_end_with(
    workflows: dict[str, Any],
) -> None:
    """What is told inside a Map is taken up by the story around it."""
    given = set[str]()
    for machine in workflows.values():
        for state in machine["States"].values():
            outer = {name: each for name, each in state.items() if name != "ItemProcessor"}
            given |= set(re.findall(r'"Error": "([A-Za-z]+)"', json.dumps(outer)))
    assert len(given) > 20
    told = re.findall(r"[`(]([A-Z]\w+)", (ROOT / "docs/runbook.md").read_text())
    assert given - set(told) == set(), "docs/runbook.md, When something fails: say what to do"
