import re
from pathlib import Path
from typing import Any

import pytest

from templates.workflows.training.train import LOST_WORKER
from tests.templates.workflows.machines import definitions, reached, tasks

Template = dict[str, Any]
TRAINING = "TrainingWorkflow"


LOST = (
    *("TrainingIncomplete", "TrainingFailed", "EvaluationIncomplete", "EvaluationFailed"),
    *("EvaluationFailedWithFailureReason", "EvaluationTookTooLong", "RejectModel"),
)


def test_a_rejected_model_never_reaches_the_endpoint(template: Template) -> None:
    """From a rejection a run can only tell and fail."""
    states = definitions(template)[TRAINING]["States"]
    for end in LOST:
        after = reached({"StartAt": end, "States": states})
        assert after == {end, "Notify", "MayNotifyPass", "NotifyAgain", "SayNotTold", "Failed"}


def test_a_model_is_registered_once_however_often_it_is_tried(template: Template) -> None:
    """By a token that was laid before the call: one made in it would be another at each try."""
    states = definitions(template)[TRAINING]["States"]
    assert states["FillCard"]["Parameters"]["ClientToken.$"] == "States.UUID()"
    for name in ("Register", "RegisterAgain"):
        assert states[name]["Parameters"]["ClientToken.$"] == "$.card.ClientToken"


def test_a_job_has_no_more_metrics_than_sagemaker_takes(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    algorithm = states["Train"]["Parameters"]["AlgorithmSpecification"]
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
        "$.data.sha256",
    }
    identities = {
        name: states[name]["Parameters"]["sha256.$"] for name in ("IdentifyData", "DataIsLarge")
    }
    hashed = "States.Hash(States.JsonToString({}), 'SHA-256')"
    # What the listing does not show could change unseen: such a run shares with no other
    assert identities == {
        "IdentifyData": hashed.format("$.data.Contents[*].ETag"),
        "DataIsLarge": hashed.format("States.Array($.name)"),
    }


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
    assert not re.fullmatch(
        template["Parameters"]["TrainingSpotWaitSeconds"]["AllowedPattern"], "0"
    )


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
    program = Path(__file__).parents[3] / "container/training/job.py"
    assert LOST_WORKER in program.read_text()


def test_a_failed_job_leads_to_the_endpoint_only_through_another_job(template: Template) -> None:
    definition = definitions(template)[TRAINING]
    after = reached({"StartAt": "IsJobDescription", "States": definition["States"]}, "Train")
    assert "FallBack" in after
    assert not after & {"Evaluate", "ChooseImage", "Deploy"}


def test_a_job_on_demand_has_another_name_than_the_spot_job_before_it(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    names = {name: states[name]["Parameters"]["job.$"] for name in ("UseSpot", "FallBack")}
    assert names == {"UseSpot": "States.Format('{}-spot', $.name)", "FallBack": "$.name"}


def training_jobs(template: Template) -> list[dict[str, Any]]:
    """The state that starts the job, and the one that does so after an error that may pass."""
    found = [t for t in tasks(template) if t.integration.startswith("sagemaker:createTraining")]
    assert [task.name for task in found] == ["Train", "TrainAgain"]
    return [task.state for task in found]


def test_the_name_of_a_job_fits(template: Template) -> None:
    """TrainingJobName has 63 characters at most (CreateTrainingJob)."""
    longest = template["Parameters"]["ProjectName"]["MaxLength"] + len("-12345678-")
    longest += len("0123456789ab-12345678") + len("-spot")
    _, again = training_jobs(template)
    (retries,) = again["Retry"]
    assert longest + len(f"-{10 + retries['MaxAttempts']}") <= 63


def test_a_job_has_another_name_at_each_try(template: Template) -> None:
    first, again = (each["Parameters"]["TrainingJobName.$"] for each in training_jobs(template))
    assert first == "States.Format('{}-{}', $.capacity.job, $$.State.RetryCount)"
    # The first state counts to 6 at most
    assert again == first.replace("$$.State.RetryCount", "States.MathAdd($$.State.RetryCount, 10)")


def test_a_job_has_no_network_and_encrypted_output(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    job = states["Train"]["Parameters"]
    assert job["EnableNetworkIsolation"] is True
    assert job["EnableInterContainerTrafficEncryption"] is True
    assert job["OutputDataConfig"]["KmsKeyId"] == "${Key}"
    assert states["UseKey"]["Parameters"]["VolumeKmsKeyId"] == "${Key}"


def test_a_failed_deployment_is_told_once(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    after = reached({"StartAt": "ExplainDeployment", "States": states})
    assert after == {"ExplainDeployment", "Failed"}


def test_a_deployment_that_was_stopped_or_broke_has_told_nobody(template: Template) -> None:
    """What a story fails with has no name that begins with `States.`, and what nothing catches
    does; and one whose notice failed says so by its error."""
    states = definitions(template)[TRAINING]["States"]
    own, broken = states["HasOwnError"]["Choices"]
    failed = {"Variable": "$.deployment.description.Status", "StringEquals": "FAILED"}
    error = "$.deployment.description.Error"
    reserved = {"Variable": error, "StringMatches": "States.*"}
    untold = {"Variable": error, "StringEquals": "NotTold"}
    assert failed in own["And"]
    assert {"Not": {"Or": [reserved, untold]}} in own["And"]
    for name in (broken["Next"], states["HasOwnError"]["Default"]):
        assert states[name]["Next"] == "Notify"


def test_a_deployment_that_nobody_waits_for_is_stopped(template: Template) -> None:
    states = definitions(template)[TRAINING]["States"]
    for name in ("Deploy", "DeployAgain"):
        (late,) = [e for e in states[name]["Catch"] if e["ErrorEquals"] == ["States.Timeout"]]
        assert late["Next"] == "StopDeployment"
    stop = states["StopDeployment"]
    assert stop["Parameters"]["ExecutionArn.$"] == "States.Format('${Deployments}{}', $.name)"
    assert states["Deploy"]["Parameters"]["Name.$"] == "$.name"
    assert stop["Next"] == stop["Catch"][-1]["Next"] == "DeploymentTookTooLong"
