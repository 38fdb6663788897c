from typing import Any

import pytest

from tests.templates.reading import walk
from tests.templates.workflows.machines import definitions, reached

Template = dict[str, Any]
DEPLOYMENT = "DeploymentWorkflow"


def flat(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """The comparisons that all have to hold."""
    return [each for part in rule["And"] for each in flat(part)] if "And" in rule else [rule]


def test_a_rolled_back_update_is_a_failure_although_the_endpoint_is_in_service(
    template: Template,
) -> None:
    verify = definitions(template)[DEPLOYMENT]["States"]["Verify"]
    serves, in_service = verify["Choices"][:2]
    compared = {"Variable": "$.endpoint.EndpointConfigName", "StringEqualsPath": "$.name"}
    assert compared in serves["And"]
    assert in_service["StringEquals"] == "InService"
    assert in_service["Next"] == "EndpointRolledBack"


@pytest.mark.parametrize("choice", ["IsAnythingServed", "ChooseAction", "Verify"])
def test_a_wait_for_the_endpoint_ends(template: Template, choice: str) -> None:
    rules = definitions(template)[DEPLOYMENT]["States"][choice]["Choices"]
    waiting = [rule for rule in rules if rule["Next"].startswith("WaitFor")]
    assert waiting
    for rule in waiting:
        assert {"Variable": "$.attempt.number", "NumericLessThanEquals": 60} in rule["And"]


def test_only_the_first_in_the_queue_has_its_turn_or_removes_what_failed(
    template: Template,
) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    first = {"Variable": "$.queue.line[0]", "StringEqualsPath": "$.queue.me"}
    for name in ("IsMyTurn", "IsAnythingMade"):
        assert first in flat(states[name]["Choices"][0]), name
    assert states["WriteQueue"]["Parameters"]["IfMatch.$"] == "$.queue.etag"
    assert states["OpenQueue"]["Parameters"]["IfNoneMatch"] == "*"


BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def test_a_configuration_stays_while_the_endpoint_changes(template: Template) -> None:
    """It may be the one that the endpoint comes to."""
    _, kept = definitions(template)[DEPLOYMENT]["States"]["IsInUse"]["Choices"]
    assert kept["Next"] == "Failed"
    asked = [rule for rule in walk(kept) if isinstance(rule, dict) and "StringEquals" in rule]
    assert [rule["StringEquals"] for rule in asked] == [*BUSY]
    assert {rule["Variable"] for rule in asked} == {"$.inUse.EndpointStatus"}


def test_the_age_of_what_serves_is_asked_when_the_endpoint_is_free(template: Template) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    serves, waits, too_long = states["IsAnythingServed"]["Choices"]
    assert (serves["StringEquals"], serves["Next"]) == ("InService", "MarkServing")
    assert waits["Next"] == "WaitForServing"
    assert [rule["StringEquals"] for rule in waits["And"][0]["Or"]] == [*BUSY]
    assert too_long["Next"] == "EndpointStayedBusy"


def test_an_endpoint_that_became_busy_before_its_update_is_waited_for(template: Template) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    for name in ("UpdateEndpoint", "UpdateEndpointAgain"):
        assert states[name]["Catch"][-1]["Next"] == "IsBusyAgain"
    (busy,) = states["IsBusyAgain"]["Choices"]
    assert busy["Next"] == "WaitForEndpoint"
    cause = {"Variable": "$.error.Cause", "StringMatches": "*Cannot update in-progress*"}
    looks = {"Variable": "$.attempt.number", "NumericLessThanEquals": 60}
    assert cause in busy["And"] and looks in busy["And"]
    assert states["IsBusyAgain"]["Default"] == "HasCause"


def test_a_tag_that_is_there_is_as_good_only_if_it_is_that_of_the_image(template: Template) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    for name in ("KeepImage", "KeepImageAgain"):
        ways = {each["ErrorEquals"][0]: each["Next"] for each in states[name]["Catch"]}
        assert ways["Ecr.ImageTagAlreadyExistsException"] == "FindTagged"
    (ours,) = states["IsTagOurs"]["Choices"]
    same = {"Variable": "$.tagged.digest[0]", "StringEqualsPath": "$.imageFound.digest[0]"}
    assert same in ours["And"]
    assert ours["Next"] == states["KeepImage"]["Next"]
    assert states["IsTagOurs"]["Default"] == "ImageTagTaken"


def test_the_wait_for_a_turn_ends_within_what_an_execution_may_be_and_its_parent_waits(
    template: Template,
) -> None:
    machines = definitions(template)
    states = machines[DEPLOYMENT]["States"]
    (rule,) = (r for r in states["IsFirstRunning"]["Choices"] if r["Next"] == "WaitForTurn")
    (most,) = (
        each["NumericLessThanEquals"]
        for each in rule["And"]
        if each.get("Variable") == "$.attempt.number"
    )
    events_a_look = 20
    assert most * events_a_look < 25_000 / 2
    seconds = sum(range(1, most + 1))
    for_the_endpoint = 2 * sum(range(1, 61))
    deploy = machines["TrainingWorkflow"]["States"]["Deploy"]
    assert deploy["TimeoutSeconds"] > seconds + for_the_endpoint


def test_the_version_that_serves_is_never_removed(template: Template) -> None:
    removal = definitions(template)[DEPLOYMENT]["States"]["RemoveVersions"]
    assert removal["ItemSelector"]["serving.$"] == "$.name"
    inside = removal["ItemProcessor"]
    assert "DeleteConfig" not in reached(inside, "IsServing")
    (rule,) = inside["States"]["IsServing"]["Choices"]
    assert rule == {"Variable": "$.name", "StringEqualsPath": "$.serving", "Next": "Removed"}


def test_a_deployment_stays_good_when_cleaning_up_fails(template: Template) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    after = reached({"StartAt": "ListVersions", "States": states})
    assert "WarnOfLeftovers" in after
    assert "Failed" not in after
