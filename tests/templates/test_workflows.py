import re
from pathlib import Path
from typing import Any

import pytest

from templates.workflow_capacity import LOST_WORKER
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
        (TRAINING, "NameCheckpoints", "Train"),
        (TRAINING, "MayFallBack", "FallBack"),
        (TRAINING, "ChooseImage", "UseServingImage"),
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


def test_only_a_model_that_was_converted_is_served_without_tensorflow(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    (rule,) = states["ChooseImage"]["Choices"]
    assert rule["Next"] == "UseServingImage"
    assert rule["And"] == [
        {"Variable": "$.metric.onnx[0]", "IsPresent": True},
        {"Variable": "$.metric.onnx[0]", "NumericEquals": 1},
    ]
    assert states["ChooseImage"]["Default"] == "UseTrainingImage"


def test_every_metric_that_decides_is_read_from_the_log(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    algorithm = states["Train"]["Parameters"]["AlgorithmSpecification"]
    read = re.findall(r"MetricName == '([^']+)'", str(states["ReadMetric"]))
    assert set(read) == {"eval:accuracy", "export:onnx"}
    assert set(read) <= {each["Name"] for each in algorithm["MetricDefinitions"]}
    assert len(algorithm["MetricDefinitions"]) <= 40  # AlgorithmSpecification


def test_the_search_for_data_ends(template: Template) -> None:
    choices = definitions(template)[TRAINING]["States"]["HasData"]["Choices"]
    assert {"Variable": "$.seeded", "IsPresent": True, "Next": "DataVanished"} in choices


def test_checkpoints_are_found_again_by_commit_hyperparameters_and_data(
    template: Template,
) -> None:
    states = definitions(template)[TRAINING]["States"]
    folder = states["NameCheckpoints"]["Parameters"]["S3Uri.$"]
    assert set(re.findall(r"\$\.[\w.]+", folder)) == {
        "$.commit",
        "$.hyperparameters",
        "$.data.identity",
    }
    identities = {
        name: states[name]["Parameters"]["identity.$"] for name in ("IdentifyData", "DataIsLarge")
    }
    # What the listing does not show could change unseen: such a run shares with no other
    assert identities == {
        "IdentifyData": "$.data.Contents[*].ETag",
        "DataIsLarge": "States.Array($.name)",
    }


def test_only_the_deployment_workflow_touches_an_endpoint(template: Template) -> None:
    touching = {task.machine for task in tasks(template) if "Endpoint" in task.integration}
    assert touching == {DEPLOYMENT}


def test_every_task_is_bounded_in_time(template: Template) -> None:
    for task in tasks(template):
        limits = task.state.keys() & {"TimeoutSeconds", "TimeoutSecondsPath"}
        assert len(limits) == 1, task.name


@pytest.mark.parametrize(
    ("capacity", "limit"),
    [
        ("UseOnDemand", "MaxRuntimeInSeconds.$"),
        ("FallBack", "MaxRuntimeInSeconds.$"),
        ("UseSpot", "MaxWaitTimeInSeconds.$"),
    ],
)
def test_the_wait_for_a_job_is_longer_than_the_job_may_take(
    template: Template, capacity: str, limit: str
) -> None:
    states = definitions(template)[TRAINING]["States"]
    chosen = states[capacity]["Parameters"]
    assert states["Train"]["TimeoutSecondsPath"] == "$.capacity.timeoutSeconds"
    longest = re.escape(chosen["stopping"][limit])
    added = re.fullmatch(rf"States\.MathAdd\({longest}, (\d+)\)", chosen["timeoutSeconds.$"])
    assert added and int(added[1]) >= 600


def test_spot_may_take_longer_than_a_run_whatever_was_chosen(template: Template) -> None:
    """MaxWaitTimeInSeconds below MaxRuntimeInSeconds would be refused at every start."""
    stopping = definitions(template)[TRAINING]["States"]["UseSpot"]["Parameters"]["stopping"]
    run, wait = "$.settings.maxRuntimeSeconds", "$.settings.spotWaitSeconds"
    assert stopping["MaxWaitTimeInSeconds.$"] == f"States.MathAdd({run}, {wait})"
    assert template["Parameters"]["TrainingSpotWaitSeconds"]["MinValue"] > 0


def test_only_a_spot_job_falls_back_and_only_once(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    (allowed,) = [rule for rule in states["MayFallBack"]["Choices"] if rule["Next"] == "FallBack"]
    assert {"Variable": "$.capacity.spot", "BooleanEquals": True} in allowed["And"]
    assert [name for name, state in states.items() if state.get("Next") == "Train"] == [
        "UseSpot",
        "UseOnDemand",
        "FallBack",
    ]
    assert states["FallBack"]["Parameters"]["spot"] is False


def test_a_job_that_a_person_stopped_does_not_fall_back(template: Template) -> None:
    """Its SecondaryStatus is Stopped."""
    choice = definitions(template)[TRAINING]["States"]["MayFallBack"]
    statuses = re.findall(r"SecondaryStatus', 'StringEquals': '(\w+)'", str(choice))
    assert statuses == ["MaxWaitTimeExceeded"]
    assert re.findall(r"'StringMatches': '([^']+)'", str(choice)) == [
        "CapacityError*",
        f"*{LOST_WORKER}*",
    ]
    assert "TrainingJobStatus" not in str(choice)
    program = Path(__file__).parents[2] / "container/training/job.py"
    assert LOST_WORKER in program.read_text()


def test_a_failed_job_leads_to_the_endpoint_only_through_another_job(template: Template) -> None:
    definition = definitions(template)[TRAINING]
    after = reached({"StartAt": "IsJobDescription", "States": definition["States"]}, "Train")
    assert "FallBack" in after
    assert not after & {"FindMetric", "ChooseImage", "Deploy"}


def test_a_job_on_demand_has_another_name_than_the_spot_job_before_it(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    names = {name: states[name]["Parameters"]["job.$"] for name in ("UseSpot", "FallBack")}
    assert names == {"UseSpot": "States.Format('{}-spot', $.name)", "FallBack": "$.name"}


def test_the_name_of_a_job_fits(template: Template) -> None:
    """TrainingJobName has 63 characters at most (CreateTrainingJob)."""
    longest = template["Parameters"]["ProjectName"]["MaxLength"] + len("-12345678-")
    longest += len("0123456789ab-12345678") + len("-spot")
    (train,) = [t for t in tasks(template) if t.integration.startswith("sagemaker:createTraining")]
    (retries,) = train.state["Retry"]
    assert longest + len(f"-{retries['MaxAttempts']}") <= 63


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
    name = train.state["Parameters"]["TrainingJobName.$"]
    assert name == "States.Format('{}-{}', $.capacity.job, $$.State.RetryCount)"


def test_a_job_has_no_network_and_encrypted_output(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    job = states["Train"]["Parameters"]
    assert job["EnableNetworkIsolation"] is True
    assert job["EnableInterContainerTrafficEncryption"] is True
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
    after = reached({"StartAt": "ExplainDeployment", "States": states})
    assert after == {"ExplainDeployment", "Failed"}


def test_a_deployment_that_was_stopped_has_told_nobody(template: Template) -> None:
    own = definitions(template)[TRAINING]["States"]["HasOwnError"]
    (rule,) = own["Choices"]
    failed = {"Variable": "$.deployment.description.Status", "StringEquals": "FAILED"}
    assert failed in rule["And"]
    assert own["Default"] == "HasCause"


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
