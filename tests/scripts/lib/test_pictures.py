"""Each state and each way of a workflow is in its picture, and what it does straight down."""

import json
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scripts.lib.pictures import arrows, picture, story
from tests.templates.reading import read
from tests.templates.workflows.machines import definitions, levels

ROOT = Path(__file__).parents[3]
WORKFLOWS = definitions(read((ROOT / "tests/golden/mlops.yaml").read_text()))


@cache
def as_it_is(name: str) -> str:
    """The picture of a workflow."""
    return picture(name, WORKFLOWS[name], {})


def drawn(svg: str) -> list[str]:
    """The names in the boxes: what is bold, less headings and badges."""
    texts = ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return [text.text or "" for text in texts if text.get("font-size") == "12"]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_state_is_drawn_once_and_so_is_every_way_out_of_it(name: str) -> None:
    svg = as_it_is(name)
    states = [item for level in levels(WORKFLOWS[name]) for item in level["States"].items()]
    assert sorted(drawn(svg)) == sorted(name for name, _ in states)
    badges = svg.count("<circle") - 1  # less the one in the key
    tips = svg.count("marker-end")
    assert badges + tips == sum(len(arrows(state)) for _, state in states)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_another_way_out_is_another_picture(name: str) -> None:
    changed = json.loads(json.dumps(WORKFLOWS[name]))
    first = next(state for state in changed["States"].values() if "Next" in state)
    first["Next"] = changed["StartAt"]
    assert picture(name, changed, {}) != as_it_is(name)


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
# Left and Right meet at Check; the way past Mend meets it at Serve
FORKED: dict[str, dict[str, Any]] = {
    "Choose": {"Type": "Choice", "Choices": [{"Next": "Left"}], "Default": "Right"},
    "Left": {"Type": "Pass", "Next": "Check"},
    "Right": {"Type": "Pass", "Next": "Turn"},
    "Turn": {"Type": "Pass", "Next": "Check"},
    "Check": {"Type": "Choice", "Choices": [{"Next": "Serve"}], "Default": "Mend"},
    "Mend": {"Type": "Pass", "Next": "Serve"},
    "Serve": {"Type": "Task", "Next": "Done"},
    "Done": {"Type": "Succeed"},
}


def test_the_story_goes_on_where_the_definition_does_and_ends_well() -> None:
    assert story(STATES, "Ask") == ["Ask", "Work", "Again", "Done"]


def test_a_story_without_a_good_end_is_told_to_its_bad_one() -> None:
    assert story(STATES, "Refuse") == ["Refuse"]


def test_at_a_fork_the_story_goes_on_where_the_ways_meet() -> None:
    assert story(FORKED, "Choose")[:2] == ["Choose", "Check"]


def test_a_way_that_only_leaves_a_step_out_stands_beside_the_story() -> None:
    assert story(FORKED, "Check") == ["Check", "Mend", "Serve", "Done"]


def test_a_way_is_named_after_the_errors_that_take_it() -> None:
    catch = [
        {"ErrorEquals": ["A", "B"], "Next": "X"},
        {"ErrorEquals": ["States.ALL"], "Next": "Y"},
    ]
    errors = [arrow.error for arrow in arrows({"Next": "Z", "Catch": catch})]
    assert errors == ["", "A or B", "any other error"]


def test_of_ways_to_ends_of_their_own_the_story_goes_the_longest() -> None:
    states: dict[str, dict[str, Any]] = {
        "Ask": {"Type": "Choice", "Choices": [{"Next": "Nothing"}], "Default": "Work"},
        "Nothing": {"Type": "Succeed"},
        "Work": {"Type": "Task", "Next": "Done"},
        "Done": {"Type": "Succeed"},
    }
    assert story(states, "Ask") == ["Ask", "Work", "Done"]
