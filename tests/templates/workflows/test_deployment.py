import re
from collections.abc import Iterable
from typing import Any

import pytest

from tests.templates.reading import of_type, walk
from tests.templates.workflows.machines import definitions, reached

Template = dict[str, Any]
DEPLOYMENT = "DeploymentWorkflow"
LOOKS = 255
EVENTS = 25_000  # that an execution may have (Quotas, Step Functions Developer Guide)
EVENTS_OF_A_LOOK = 20  # less than that


def flat(rule: dict[str, Any]) -> list[dict[str, Any]]:
    """The comparisons that all have to hold."""
    return [each for part in rule["And"] for each in flat(part)] if "And" in rule else [rule]


def test_a_rolled_back_update_is_a_failure_although_the_endpoint_is_in_service(
    template: Template,
) -> None:
    """Ours is what has the version's model, whatever the configuration is called."""
    states = definitions(template)[DEPLOYMENT]["States"]
    in_service = states["Verify"]["Choices"][0]
    assert (in_service["StringEquals"], in_service["Next"]) == ("InService", "LookBehind")
    model = {"name.$": "$.ProductionVariants[0].ModelName"}
    assert model.items() <= states["LookBehind"]["ResultSelector"].items()
    (ours,) = states["IsOurs"]["Choices"]
    assert (ours["Variable"], ours["StringEqualsPath"]) == ("$.now.name", "$.name")
    after = reached({"StartAt": states["IsOurs"]["Default"], "States": states})
    assert {"EndpointRolledBack", "RolledBackByAlarms"} <= after
    assert "Deployed" not in after


@pytest.mark.parametrize("choice", ["IsAnythingServed", "ChooseAction", "Verify"])
def test_a_wait_for_the_endpoint_ends(template: Template, choice: str) -> None:
    rules = definitions(template)[DEPLOYMENT]["States"][choice]["Choices"]
    waiting = [rule for rule in rules if rule["Next"].startswith("WaitFor")]
    assert waiting
    for rule in waiting:
        assert {"Variable": "$.attempt.number", "NumericLessThanEquals": LOOKS} in rule["And"]


def test_a_wait_for_the_endpoint_is_longer_than_an_update_may_take(template: Template) -> None:
    """SageMaker ends an update that takes too long, as one whose container never gets healthy
    does; so somebody has to be there still. An update is given longer than it waits by itself:
    with the smallest step, of a tenth, there are ten waits."""
    states = definitions(template)[DEPLOYMENT]["States"]
    plans = [each["Parameters"]["config"] for each in states.values() if _is_plan(each)]
    (most,) = {each["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] for each in plans}
    assert sum(range(1, LOOKS + 1)) > most
    assert LOOKS * EVENTS_OF_A_LOOK < EVENTS / 2
    assert most > 10 * max(_watches(template))


def _watches(template: Template) -> list[int]:
    """What RolloutBakeSeconds may be, but for 0."""
    rule = template["Parameters"]["RolloutBakeSeconds"]["AllowedPattern"]
    return [seconds for seconds in range(1, 9999) if re.fullmatch(rule, str(seconds))]


def _is_plan(state: dict[str, Any]) -> bool:
    return "config" in state.get("Parameters", {}) and state["ResultPath"] == "$.rollout"


def taking_back(template: Template) -> dict[str, Any]:
    """The alarms that take a version back: drift, and what no rule could deliver, are none's
    fault."""
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    others = ("DriftAlarm", "UndeliveredAlarm")
    return {name: alarm for name, alarm in alarms.items() if name not in others}


def test_every_update_that_is_watched_names_each_alarm_of_the_stack(template: Template) -> None:
    alarms = taking_back(template).values()
    names = {each["AlarmName"]["Fn::Sub"] for each in alarms}
    assert len(names) == 4
    states = definitions(template)[DEPLOYMENT]["States"]
    plans = {name: each["Parameters"]["config"] for name, each in states.items() if _is_plan(each)}
    assert len(plans) == 7
    for name, plan in plans.items():
        watched = plan["AutoRollbackConfiguration"]["Alarms"]
        assert {each["AlarmName"] for each in watched} == names, name
        assert plan["BlueGreenUpdatePolicy"]["TerminationWaitInSeconds.$"] == (
            "$.settings.bakeSeconds"
        ), f"{name}: all that watches an update all at once is its end"
    assert states["FindRinging"]["Parameters"]["AlarmNames"] == [*_in_order(alarms)]


def _in_order(alarms: Iterable[dict[str, Any]]) -> list[str]:
    return [each["AlarmName"]["Fn::Sub"] for each in alarms]


def test_an_alarm_can_ring_while_an_update_is_watched(template: Template) -> None:
    """Not: rings for one bad minute, of as many as fit into the shortest watch, with one minute
    until a metric is there; and nobody asking is no fault."""
    shortest = min(_watches(template))
    for name, alarm in taking_back(template).items():
        periods = [
            each["MetricStat"]["Period"]
            for each in alarm.get("Metrics", [])
            if "MetricStat" in each
        ]
        for period in [alarm["Period"]] if "Period" in alarm else periods:
            assert shortest >= period * alarm["EvaluationPeriods"] + 60, name
        assert alarm["DatapointsToAlarm"] == 1
        assert alarm["TreatMissingData"] == "notBreaching"
        assert "AlarmActions" not in alarm


def test_clients_mistakes_take_no_version_back(template: Template) -> None:
    """4XX is subtracted from the errors of containers, and is no alarm of its own."""
    alarms = of_type(template, "AWS::CloudWatch::Alarm")
    assert not any(each.get("MetricName") == "Invocation4XXErrors" for each in alarms.values())
    (math,) = (each["Metrics"] for each in alarms.values() if "Metrics" in each)
    (told,) = (each for each in math if each["ReturnData"])
    (client,) = (
        each["Id"]
        for each in math
        if each.get("MetricStat", {}).get("Metric", {}).get("MetricName") == "Invocation4XXErrors"
    )
    assert f"- FILL({client}, 0)" in told["Expression"]


def test_the_count_of_instances_is_kept_exactly_when_scaling_is_on(template: Template) -> None:
    """Else the parameter's count counts (UpdateEndpoint, SageMaker API Reference)."""
    states = definitions(template)[DEPLOYMENT]["States"]
    for name in ("Update", "UpdateAgain", "UpdateWatched", "UpdateWatchedAgain"):
        given = states[name]["Parameters"]
        assert given["RetainAllVariantProperties.$"] == "$.retain.instances"
        assert ("DeploymentConfig.$" in given) == ("Watched" in name)


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
    assert (serves["StringEquals"], serves["Next"]) == ("InService", "FindServingConfig")
    (something,) = states["HasServing"]["Choices"]
    assert something["Next"] == "ReadAge"
    assert waits["Next"] == "WaitForServing"
    assert [rule["StringEquals"] for rule in waits["And"][0]["Or"]] == [*BUSY]
    assert too_long["Next"] == "EndpointStayedBusy"


def test_an_endpoint_that_became_busy_before_its_update_is_waited_for(template: Template) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    for name in ("Update", "UpdateAgain", "UpdateWatched", "UpdateWatchedAgain"):
        assert states[name]["Catch"][-1]["Next"] == "IsBusyAgain"
    (busy,) = states["IsBusyAgain"]["Choices"]
    assert busy["Next"] == "WaitForEndpoint"
    cause = {"Variable": "$.error.Cause", "StringMatches": "*Cannot update in-progress*"}
    looks = {"Variable": "$.attempt.number", "NumericLessThanEquals": LOOKS}
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
    assert most * EVENTS_OF_A_LOOK < EVENTS / 2
    seconds = sum(range(1, most + 1))
    for_the_endpoint = 2 * sum(range(1, LOOKS + 1))
    assert seconds > for_the_endpoint / 2, "whoever is next waits as long as one update may take"
    deploy = machines["TrainingWorkflow"]["States"]["Deploy"]
    assert deploy["TimeoutSeconds"] > seconds + for_the_endpoint


def test_the_version_that_serves_is_never_removed(template: Template) -> None:
    removal = definitions(template)[DEPLOYMENT]["States"]["RemoveVersions"]
    assert removal["ItemSelector"]["serving.$"] == "$.name"
    inside = removal["ItemProcessor"]
    assert "DeleteConfig" not in reached(inside, "IsServing")
    assert removal["ItemSelector"]["before.$"] == "$.serving.name"
    (rule,) = inside["States"]["IsServing"]["Choices"]
    assert rule["Next"] == "Removed"
    serves, was = rule["Or"]
    assert serves == {"Variable": "$.name", "StringEqualsPath": "$.serving"}
    assert was["And"] == [
        {"Variable": "$.name", "StringEqualsPath": "$.before"},
        {"Variable": "$.isGood", "BooleanEquals": True},
        {"Not": {"Variable": "$.keep", "StringEquals": "1"}},
    ]


def test_a_deployment_stays_good_when_cleaning_up_fails(template: Template) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    after = reached({"StartAt": "ListVersions", "States": states})
    assert "WarnOfLeftovers" in after
    assert "Failed" not in after
