import re
from typing import Any

import pytest

from tests.templates.machines import definitions, following, levels, reached, tasks
from tests.templates.reading import of_type

Template = dict[str, Any]
TRAINING, DEPLOYMENT = "TrainingWorkflow", "DeploymentWorkflow"


def test_every_state_exists_and_is_reached(template: Template) -> None:
    for definition in definitions(template).values():
        for level in levels(definition):
            assert reached(level) == level["States"].keys()


def test_every_state_ends_or_goes_on(template: Template) -> None:
    for definition in definitions(template).values():
        for level in levels(definition):
            for name, state in level["States"].items():
                assert bool(following(state)) != (state["Type"] in ("Succeed", "Fail")), name


@pytest.mark.parametrize(
    ("machine", "guard", "guarded"),
    [
        (TRAINING, "CheckInput", "Configure"),
        (TRAINING, "CheckQuality", "Deploy"),
        (TRAINING, "HasVerdict", "Deploy"),
        (TRAINING, "ReadMetric", "Deploy"),
        (TRAINING, "Deploy", "Deployed"),
        (DEPLOYMENT, "FindEndpoint", "CreateEndpoint"),
        (DEPLOYMENT, "ChooseAction", "UpdateEndpoint"),
        (DEPLOYMENT, "Verify", "Deployed"),
        (DEPLOYMENT, "Verify", "RemoveVersions"),
    ],
)
def test_nothing_goes_round_its_guard(
    template: Template, machine: str, guard: str, guarded: str
) -> None:
    definition = definitions(template)[machine]
    assert guarded in reached(definition)
    assert guarded not in reached(definition, without=guard)


def test_a_rejected_model_never_reaches_the_endpoint(template: Template) -> None:
    """From a rejection a run can only tell and fail."""
    states = definitions(template)[TRAINING]["States"]
    for rejection in ("Reject", "RejectUnmeasured", "TrainingIncomplete", "TrainingFailed"):
        after = reached({"StartAt": rejection, "States": states})
        assert after == {rejection, "Notify", "Failed"}


def test_what_is_no_number_is_rejected(template: Template) -> None:
    check = definitions(template)[TRAINING]["States"]["CheckQuality"]
    (accepted,) = check["Choices"]
    assert check["Default"] == "Reject"
    assert {"Variable": "$.metric.accuracy[0]", "IsNumeric": True} in accepted["And"]


def test_only_the_deployment_workflow_touches_an_endpoint(template: Template) -> None:
    touching = {task.machine for task in tasks(template) if "Endpoint" in task.integration}
    assert touching == {DEPLOYMENT}


def test_every_task_is_bounded_in_time(template: Template) -> None:
    for task in tasks(template):
        limits = task.state.keys() & {"TimeoutSeconds", "TimeoutSecondsPath"}
        assert len(limits) == 1, task.name


def test_the_wait_for_a_job_is_longer_than_the_job_may_run(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    settings = states["Configure"]["Parameters"]["settings"]
    assert states["Train"]["TimeoutSecondsPath"] == "$.settings.timeoutSeconds"
    runtime = settings["maxRuntimeSeconds.$"]
    added = re.fullmatch(
        rf"States\.MathAdd\({re.escape(runtime)}, (\d+)\)", settings["timeoutSeconds.$"]
    )
    assert added and int(added[1]) >= 600


def test_every_task_retries_what_may_pass_and_nothing_else(template: Template) -> None:
    for task in tasks(template):
        (rule,) = task.state["Retry"]
        assert rule["MaxAttempts"] >= 5
        assert rule["BackoffRate"] == 2.0
        assert rule["MaxDelaySeconds"] <= 120
        assert rule["JitterStrategy"] == "FULL"
        # States.ALL or States.TaskFailed would run a failed training job again
        assert not [error for error in rule["ErrorEquals"] if error.startswith("States.")]


def test_a_job_has_another_name_at_each_try(template: Template) -> None:
    (train,) = [t for t in tasks(template) if t.integration.startswith("sagemaker:createTraining")]
    assert "$$.State.RetryCount" in train.state["Parameters"]["TrainingJobName.$"]


def test_a_job_has_no_network_and_encrypted_output(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    job = states["Train"]["Parameters"]
    assert job["EnableNetworkIsolation"] is True
    assert job["OutputDataConfig"]["KmsKeyId"] == "${Key}"
    assert states["UseKey"]["Parameters"]["VolumeKmsKeyId"] == "${Key}"


def test_every_error_is_caught_and_kept(template: Template) -> None:
    for task in tasks(template):
        assert task.state["Catch"][-1]["ErrorEquals"] == ["States.ALL"], task.name
        assert all(rule["ResultPath"] for rule in task.state["Catch"])


def test_a_failed_message_does_not_hide_the_error(template: Template) -> None:
    for task in tasks(template):
        if task.integration == "sns:publish":
            (rule,) = task.state["Catch"]
            assert task.state["ResultPath"] == rule["ResultPath"] == "$.notification"
            assert rule["Next"] == task.state["Next"]


def test_a_failed_run_shows_the_error_it_caught(template: Template) -> None:
    for definition in definitions(template).values():
        for level in levels(definition):
            for state in level["States"].values():
                if state["Type"] == "Fail":
                    assert state["ErrorPath"] == "$.error.Error"
                    assert state["CausePath"] == "$.error.Cause"


def test_a_failed_deployment_is_told_once(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    after = reached({"StartAt": "ReadDeployment", "States": states})
    assert after == {"ReadDeployment", "ExplainDeployment", "Failed"}


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
    assert "DeleteConfig" not in reached(inside, without="IsServing")
    (rule,) = inside["States"]["IsServing"]["Choices"]
    assert rule == {"Variable": "$.name", "StringEqualsPath": "$.serving", "Next": "Removed"}


def test_a_deployment_stays_good_when_cleaning_up_fails(template: Template) -> None:
    states = definitions(template)[DEPLOYMENT]["States"]
    after = reached({"StartAt": "ListVersions", "States": states})
    assert "WarnOfLeftovers" in after
    assert "Failed" not in after


def test_no_path_meets_a_known_fault_of_the_local_interpreter(template: Template) -> None:
    """There `$.a[0].b` is a list in a Choice."""
    for definition in definitions(template).values():
        for level in levels(definition):
            for state in level["States"].values():
                assert not re.search(r"\[\d+\]\.", str(state.get("Choices", "")))


def test_every_workflow_logs_everything_encrypted(template: Template) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    for name, machine in of_type(template, "AWS::StepFunctions::StateMachine").items():
        logging = machine["LoggingConfiguration"]
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ALL", True)
        (destination,) = logging["Destinations"]
        group, _ = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"]
        assert groups[group]["KmsKeyId"], name
        assert groups[group]["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")
