"""The gate, with what it reads laid before it: the template's own states, run by the interpreter.

Every outcome of a comparison, with figures on either side of each limit, and forced or not.
"""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.workflows import part

NOBODY = {"reason": "", "by": ""}
SOMEBODY = {"reason": "the picture of the year is new", "by": "arn:aws:iam::111122223333:user/me"}
ALONE, COMPARED = "98.1 % of 360 held-out examples", "98.1 % against 98.6 % of mlops-1"


def found(**changed: Any) -> dict[str, Any]:
    """What an evaluation has found, a little less good than what serves."""
    comparison = {"outcome": "compared", "difference": -0.0056, "words": COMPARED}
    whole = {"engine": "onnxruntime", "accuracy": 0.981, "words": ALONE, "comparison": comparison}
    for name, value in changed.items():
        place = comparison if name in ("outcome", "difference") else whole
        place[name] = value
    return {**whole, "comparison": {k: v for k, v in comparison.items() if v != "absent"}}


ACCEPTED: list[tuple[dict[str, Any], str]] = [
    ({"engine": "onnxruntime"}, COMPARED),
    ({"difference": 0.3}, "0.01"),
    ({"difference": -0.01}, "0.01"),
    ({"difference": 0}, COMPARED),
    ({"accuracy": 0.6}, COMPARED),
    ({"accuracy": 1}, COMPARED),
    ({"outcome": "none", "difference": None}, "0.6"),
    ({"outcome": "unscorable", "difference": "absent"}, ALONE),
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"difference": -0.0101}, "0.01"),
    ({"difference": -1}, COMPARED),
    ({"difference": None}, COMPARED),
    ({"difference": "0.5"}, COMPARED),
    ({"difference": "absent"}, COMPARED),
    ({"accuracy": 0.5999}, "0.6"),
    ({"accuracy": 1.0001}, "0.6"),
    ({"accuracy": -0.9}, "0.6"),
    ({"accuracy": None}, "no accuracy was measured"),
    ({"accuracy": "0.9"}, "no accuracy was measured"),
    ({"accuracy": True}, "no accuracy was measured"),
    ({"accuracy": 0.59, "outcome": "none"}, "0.6"),
    ({"accuracy": 0.59, "outcome": "unscorable"}, "0.6"),
    ({"accuracy": 0.59, "difference": 0.4}, "0.6"),
    ({"outcome": "other-inputs", "difference": None}, "another task"),
    ({"outcome": "other-classes", "difference": 0.5}, "another task"),
    ({"outcome": "better", "difference": 0.5}, COMPARED),
    # There is a champion, whatever the program says
    ({"outcome": "none", "champion": "mlops-1"}, COMPARED),
    ({"outcome": "", "difference": 0.5}, COMPARED),
]


Judge: TypeAlias = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def judged(aws: Remote) -> Judge:
    """What becomes of an evaluation; all that is asked for here is judged by one execution."""
    gate = part("TrainingWorkflow", "LayLimit", "IsOverridden", AccuracyTolerance="0.01")
    inside = {"ProcessorConfig": {"Mode": "INLINE"}, **gate}
    every = {"Type": "Map", "ItemProcessor": inside, "End": True}
    given = [given_to_the_gate(*case) for case in CASES]
    machine = create(aws, aws.role("states"), {"StartAt": "Each", "States": {"Each": every}})
    told = ended(aws, start(aws, machine, given))
    assert told["status"] == "SUCCEEDED", told
    # By text: to Python, true is 1
    verdicts = dict(zip(map(json.dumps, CASES), json.loads(told["output"]), strict=True))

    def judge(evaluation: dict[str, Any], force: dict[str, Any] = NOBODY) -> dict[str, Any]:
        return dict(verdicts[json.dumps((evaluation, force))])

    return judge


def given_to_the_gate(evaluation: dict[str, Any], force: dict[str, Any]) -> dict[str, Any]:
    images = {"servingImage": "slim", "trainingImage": "whole"}
    settings = {"minimumAccuracy": 0.6, "accuracyTolerance": 0.01, "approval": "Automatic"}
    nobody = evaluation["comparison"]["outcome"] == "none"
    champion = {"name": evaluation.get("champion", "none" if nobody else "mlops-1")}
    back = {"back": {"from": [evaluation["back"]]}} if "back" in evaluation else {}
    return {
        **{"evaluation": evaluation, "force": force, "settings": settings},
        **{"champion": champion, **images, **back},
    }


AFTER_ROLLBACK = [{**found(**changed), "back": "mlops-2"} for changed in ({}, {"difference": -1})]
LONG = {**found(words="w" * 300, outcome="other-inputs"), "back": "b" * 63}
LONG["comparison"]["words"] = "c" * 300
LONG["champion"] = "n" * 63
LONG_FORCE = {"reason": "r" * 200, "by": "b" * 200}
UNMEASURED = found(accuracy=None)
NO_REASONS = [{"reason": reason, "by": "x"} for reason in (None, 1, True, ["x"], {"x": "y"})]
ENGINES = [found(engine=engine) for engine in ("onnxruntime", "tensorflow", "unknown")]
CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *((found(**changed), f) for changed, _ in ACCEPTED + REFUSED for f in (NOBODY, SOMEBODY)),
    *((UNMEASURED, force) for force in NO_REASONS),
    *((evaluation, NOBODY) for evaluation in (*ENGINES, *AFTER_ROLLBACK)),
    (LONG, LONG_FORCE),
]


@pytest.mark.parametrize(("changed", "words"), ACCEPTED)
def test_what_is_good_enough_is_accepted_and_who_wants_it_changes_nothing(
    judged: Judge, changed: dict[str, Any], words: str
) -> None:
    for force in (NOBODY, SOMEBODY):
        verdict = judged(found(**changed), force)["verdict"]
        assert (verdict["status"], verdict["approval"]) == ("accepted", "Approved")
        assert words in verdict["words"]


@pytest.mark.parametrize(("changed", "words"), REFUSED)
def test_what_is_not_is_refused_unless_somebody_gives_a_reason(
    judged: Judge, changed: dict[str, Any], words: str
) -> None:
    verdict = judged(found(**changed))["verdict"]
    assert (verdict["status"], verdict["approval"]) == ("refused", "Rejected")
    assert words in verdict["words"]
    forced = judged(found(**changed), SOMEBODY)["verdict"]
    assert (forced["status"], forced["approval"]) == ("forced", "Approved")
    for said in (verdict["words"], SOMEBODY["reason"], SOMEBODY["by"]):
        assert said in forced["words"]


@pytest.mark.parametrize("force", NO_REASONS)
def test_a_reason_that_is_no_text_is_none(judged: Judge, force: dict[str, Any]) -> None:
    assert judged(UNMEASURED, force)["verdict"]["status"] == "refused"


@pytest.mark.parametrize("evaluation", AFTER_ROLLBACK)
def test_that_an_older_version_serves_again_is_told_and_decides_nothing(
    judged: Judge, evaluation: dict[str, Any]
) -> None:
    verdict = judged(evaluation)["verdict"]
    plain = judged(found(difference=evaluation["comparison"]["difference"]))["verdict"]
    words = ". The endpoint serves mlops-1, to which it was taken back from mlops-2"
    assert verdict == {**plain, "words": plain["words"] + words}


def test_the_image_that_serves_has_what_answered_in_the_evaluation(judged: Judge) -> None:
    assert [judged(each)["image"] for each in ENGINES] == ["slim", "whole", "whole"]


def test_the_longest_verdict_fits_into_the_registry(judged: Judge) -> None:
    """ModelPackageDescription has 1024 characters at most (CreateModelPackage)."""
    assert len(judged(LONG, LONG_FORCE)["verdict"]["words"]) <= 1024
