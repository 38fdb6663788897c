"""What docs/ says of the template is what the template says."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from scripts import docs
from scripts.lib.pictures import picture, story, ways
from templates.choices import CHOICES
from tests.templates.reading import read
from tests.templates.workflows.machines import definitions, levels

ROOT = Path(__file__).parents[2]
GOLDEN = (ROOT / "tests/golden/mlops.yaml").read_text()
DOCUMENTS = docs.documents(GOLDEN)
WORKFLOWS = definitions(read(GOLDEN))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_page_is_in_step_with_the_template(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == DOCUMENTS[name], "run `make docs`"


def test_each_workflow_has_a_picture_and_no_picture_is_left_of_an_old_one() -> None:
    pictures = {file.name for file in (ROOT / "docs").glob("*-workflow.svg")}
    assert pictures == DOCUMENTS.keys() - {"parameters.md"}
    assert len(pictures) == len(WORKFLOWS)


def drawn(svg: str) -> list[str]:
    """The names in the boxes: what is bold, less headings and badges."""
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return [text.text or "" for text in texts if text.get("font-size") == "12"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_state_is_drawn_once_and_so_is_every_way_out_of_it(name: str) -> None:
    svg = picture(name, WORKFLOWS[name], {})
    states = [item for level in levels(WORKFLOWS[name]) for item in level["States"].items()]
    assert sorted(drawn(svg)) == sorted(name for name, _ in states)
    badges = svg.count("<circle") - 1  # less the one in the key
    arrows = svg.count("marker-end")
    assert badges + arrows == sum(len(ways(state)) for _, state in states)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_another_way_out_is_another_picture(name: str) -> None:
    changed = json.loads(json.dumps(WORKFLOWS[name]))
    first = next(state for state in changed["States"].values() if "Next" in state)
    first["Next"] = changed["StartAt"]
    assert picture(name, changed, {}) != picture(name, WORKFLOWS[name], {})


def test_a_task_shows_what_it_calls_and_whether_it_waits() -> None:
    svg = DOCUMENTS["training-workflow.svg"]
    assert "sagemaker createTrainingJob, and waits" in svg
    assert ">s3 listObjectsV2<" in svg


STATES: dict[str, dict[str, Any]] = {
    "Ask": {"Type": "Choice", "Choices": [{"Next": "Skip"}, {"Next": "Refuse"}], "Default": "Work"},
    "Refuse": {"Type": "Fail"},
    "Work": {
        "Type": "Task",
        "Next": "Again",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Refuse"}],
    },
    "Again": {"Type": "Choice", "Choices": [{"Next": "Work"}], "Default": "Done"},
    "Skip": {"Type": "Pass", "Next": "Done"},
    "Done": {"Type": "Succeed"},
}


def test_the_story_goes_on_where_the_definition_does_and_ends_well() -> None:
    assert story(STATES, "Ask") == ["Ask", "Work", "Again", "Done"]


def test_a_story_without_a_good_end_is_told_to_its_bad_one() -> None:
    assert story(STATES, "Refuse") == ["Refuse"]


def test_a_way_is_named_after_the_errors_that_take_it() -> None:
    catch = [
        {"ErrorEquals": ["A", "B"], "Next": "X"},
        {"ErrorEquals": ["States.ALL"], "Next": "Y"},
    ]
    errors = [way.error for way in ways({"Next": "Z", "Catch": catch})]
    assert errors == ["", "A or B", "any other error"]


def row(parameter: str) -> str:
    found = re.search(rf"^\|[^|]*`{parameter}` \|.*$", DOCUMENTS["parameters.md"], re.M)
    assert found, parameter
    return found[0]


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice.name)
def test_every_choice_is_explained(choice: Any) -> None:
    told = row(choice.name)
    assert told.startswith(f"| {choice.label}<br>")
    assert choice.help in told
    assert choice.must in told
    assert told.endswith(f"`{choice.default}` |") or choice.default in ("", None)


def test_the_choices_come_in_the_order_of_the_console() -> None:
    names = re.findall(r"<br>`(\w+)`", DOCUMENTS["parameters.md"])
    assert names == [choice.name for choice in CHOICES]


def test_a_page_says_what_a_later_change_replaces_and_what_stays() -> None:
    assert "replaces `KeyAlias`, `ImageRepository` (the old one stays)," in row("ProjectName")
    assert "replaces `NotificationSubscription`." in row("NotificationEmail")
    assert "replaces" not in row("KeepVersions")
