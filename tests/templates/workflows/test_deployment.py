from typing import Any

import pytest

from tests.templates.workflows.machines import definitions, reached

Template = dict[str, Any]
DEPLOYMENT = "DeploymentWorkflow"


def test_a_rolled_back_update_is_a_failure_although_the_endpoint_is_in_service(
    template: Template,
) -> None:
    verify = definitions(template)[DEPLOYMENT]["States"]["Verify"]
    serves, in_service = verify["Choices"][:2]
    compared = {"Variable": "$.endpoint.EndpointConfigName", "StringEqualsPath": "$.name"}
    assert compared in serves["And"]
    assert in_service["StringEquals"] == "InService"
    assert in_service["Next"] == "EndpointRolledBack"


@pytest.mark.parametrize("choice", ["ChooseAction", "Verify"])
def test_a_wait_for_the_endpoint_ends(template: Template, choice: str) -> None:
    rules = definitions(template)[DEPLOYMENT]["States"][choice]["Choices"]
    waiting = [rule for rule in rules if rule["Next"].startswith("WaitFor")]
    assert waiting
    for rule in waiting:
        assert {"Variable": "$.attempt.number", "NumericLessThanEquals": 60} in rule["And"]


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
