"""Deployments that come together, are broken off, fail or come late: what is served, what is told
and what is left."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from local.tests.aws import wait
from local.tests.remote import Remote
from tests.system.deployments import KEPT, Deployments, made

pytestmark = pytest.mark.slow  # models are served by processes


@pytest.fixture
def project(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployments:
    return made(aws, tmp_path, monkeypatch)


def test_deployments_that_come_together_are_done_one_after_another(project: Deployments) -> None:
    together = [project.start(project.input(each)) for each in "abcd"]
    told = [project.ended(each) for each in together]
    assert {each["status"] for each in told} == {"SUCCEEDED"}, told
    assert project.told() == []
    outputs = [json.loads(each["output"]) for each in told]
    assert all(each["serves"] == each["name"] for each in outputs)
    times = sorted(project.span(each) for each in together)
    for (_, end, _), (begin, _, _) in pairwise(times):
        assert end <= begin
    order = [version for _, _, version in times]
    assert project.serving() == order[-1]
    assert project.versions() == set(order[-KEPT:])


def test_who_comes_first_is_first(project: Deployments) -> None:
    first = project.start(project.input("a", "slow"))
    wait(lambda: "TakeTurn" in project.states(first))
    others = []
    for name in "bc":
        others.append(project.start(project.input(name)))
        wait(lambda: "WaitForTurn" in project.states(others[-1]))
    for each in (first, *others):
        assert project.ended(each)["status"] == "SUCCEEDED"
    assert [version for *_, version in sorted(map(project.span, (first, *others)))] == [*"abc"]


def test_one_that_is_broken_off_blocks_nobody(project: Deployments) -> None:
    """In the middle of its update, which SageMaker carries on with."""
    project.deploy(project.input("a"))
    broken_off = project.start(project.input("b", "slow"))
    wait(lambda: "TakeTurn" in project.states(broken_off))
    waiting = project.start(project.input("c"))
    wait(lambda: "WaitForVersion" in project.states(broken_off))
    wait(lambda: "WaitForTurn" in project.states(waiting))
    project.stop(broken_off)
    assert project.ended(waiting)["status"] == "SUCCEEDED"
    assert project.serving() == "c"
    assert project.versions() == {"b", "c"}  # b has served, though nobody waited for it


def test_an_older_training_waits_for_an_update_that_was_broken_off_and_gives_way_to_it(
    project: Deployments,
) -> None:
    project.deploy(project.trained("a", "2026-03-02T10:00:00.000Z"))
    newer = project.trained("newer", "2026-03-02T12:00:00.000Z", "slow")
    broken_off = project.start(newer)
    wait(lambda: "TakeTurn" in project.states(broken_off))
    older = project.start(project.trained("older", "2026-03-02T11:00:00.000Z"))
    wait(lambda: "WaitForVersion" in project.states(broken_off))
    wait(lambda: "WaitForTurn" in project.states(older))
    project.stop(broken_off)
    told = project.ended(older)
    assert (told["status"], json.loads(told["output"])["serves"]) == ("SUCCEEDED", newer["name"])
    assert project.serving() == "newer"
    assert project.versions() == {"a", "newer"}
    # It counts as one that has served, and stays when the next one tidies up
    assert project.deploy(project.trained("next", "2026-03-02T13:00:00.000Z"))["status"] == (
        "SUCCEEDED"
    )
    assert project.versions() == {"newer", "next"}


def test_one_that_fails_gives_way_to_the_next_and_takes_what_it_made_with_it(
    project: Deployments,
) -> None:
    project.deploy(project.input("a"))
    failing = project.start(project.input("b", "broken"))
    wait(lambda: "TakeTurn" in project.states(failing))
    following = project.start(project.input("c"))
    told = project.ended(failing)
    assert (told["status"], told["error"]) == ("FAILED", "EndpointRolledBack")
    assert project.ended(following)["status"] == "SUCCEEDED"
    assert project.serving() == "c"
    assert project.versions() == {"a", "c"}
    (notice,) = project.mailbox.read(1)
    assert "EndpointRolledBack" in notice


def test_failed_versions_push_out_none_that_has_served(project: Deployments) -> None:
    for name, image in (("a", "good"), *((f"bad{n}", "broken") for n in range(KEPT + 1))):
        project.deploy(project.input(name, image))
        assert project.serving() == "a"
        assert project.versions() == {"a"}
    assert project.deploy(project.input("b"))["status"] == "SUCCEEDED"
    assert project.versions() == {"a", "b"}


def test_a_first_version_that_fails_leaves_nothing_but_a_failed_endpoint(
    project: Deployments,
) -> None:
    told = project.deploy(project.input("a", "broken"))
    assert told["error"] == "EndpointFailed"
    assert project.endpoint()["EndpointStatus"] == "Failed"
    assert project.versions() == set()
    assert project.deploy(project.input("b"))["status"] == "SUCCEEDED"


def test_a_name_that_is_taken_costs_the_version_that_has_it_nothing(project: Deployments) -> None:
    project.deploy(project.input("a"))
    assert project.deploy(project.input("a"))["status"] == "FAILED"
    assert project.serving() == "a"
    assert project.versions() == {"a"}


def test_an_older_training_does_not_replace_a_newer_one_and_says_so(project: Deployments) -> None:
    newer = project.trained("newer", "2026-03-02T12:00:00.000Z")
    project.deploy(newer)
    told = project.deploy(project.trained("older", "2026-03-02T11:00:00.000Z"))
    assert told["status"] == "SUCCEEDED"
    assert json.loads(told["output"])["serves"] == newer["name"]
    assert project.serving() == "newer"
    assert project.versions() == {"newer"}
    (notice,) = project.mailbox.read(1)
    assert f"{project.name}-older was not deployed" in notice
    assert newer["name"] in notice


def test_a_person_goes_back_to_an_older_version_by_another_name(project: Deployments) -> None:
    old = project.trained("old", "2026-03-02T11:00:00.000Z")
    project.deploy(old)
    project.deploy(project.trained("new", "2026-03-02T12:00:00.000Z"))
    assert project.deploy({**old, "name": f"{old['name']}-back"})["status"] == "SUCCEEDED"
    assert project.serving() == "old-back"
    assert project.told() == []
    # What was trained before the person decided does not undo it
    project.deploy(project.trained("late", "2026-03-02T13:00:00.000Z"))
    assert project.serving() == "old-back"


def test_what_a_deployment_left_that_was_broken_off_is_removed_by_the_next(
    project: Deployments,
) -> None:
    """A model, to which there is no configuration yet."""
    sagemaker = project.aws.client("sagemaker")
    project.deploy(project.input("a"))
    role = sagemaker.describe_model(ModelName=f"{project.name}-a")["ExecutionRoleArn"]
    sagemaker.create_model(
        ModelName=f"{project.name}-left",
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": project.images["good"]},
        Tags=[{"Key": "served", "Value": "no"}],
    )
    assert project.deploy(project.input("b"))["status"] == "SUCCEEDED"
    assert project.versions() == {"a", "b"}
