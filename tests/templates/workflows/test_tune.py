"""Many trainings in the place of one, if that is wanted."""

from typing import Any

from templates.workflows.job import TUNING
from tests.templates.workflows.machines import definitions, reached, tasks

Template = dict[str, Any]
TRAINING = "TrainingWorkflow"


def states(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = definitions(template)[TRAINING]["States"]
    return found


def tuning_jobs(template: Template) -> list[dict[str, Any]]:
    """The state that starts the job, and the one that does so after an error that may pass."""
    found = [t for t in tasks(template) if t.integration.startswith("sagemaker:createHyper")]
    assert [task.name for task in found] == ["Tune", "TuneAgain"]
    return [task.state for task in found]


def test_one_job_is_trained_or_many_and_never_both(template: Template) -> None:
    definition = definitions(template)[TRAINING]
    (wanted,) = definition["States"]["IsTuned"]["Choices"]
    assert wanted["Variable"] == "$.settings.tuningJobs"
    assert "Train" not in reached({**definition, "StartAt": wanted["Next"]})
    alone = definition["States"]["IsTuned"]["Default"]
    assert "Tune" not in reached({**definition, "StartAt": alone})


def test_the_best_job_goes_on_as_if_it_had_been_trained_alone(template: Template) -> None:
    best, verdict = states(template)["TakeBest"], states(template)["HasVerdict"]
    assert best["ResultPath"] == states(template)["Train"]["ResultPath"]
    assert {"Variable": "$.training.TrainingJobStatus", "StringEquals": "Completed"} in [
        {key: value for key, value in way.items() if key != "Next"} for way in verdict["Choices"]
    ]
    assert best["Next"] == verdict["Choices"][0]["Next"]


def test_the_name_of_a_tuning_job_fits(template: Template) -> None:
    """HyperParameterTuningJobName has 32 characters at most (CreateHyperParameterTuningJob)."""
    _, again = tuning_jobs(template)
    (retries,) = again["Retry"]
    assert len(f"12345678-12345678-{10 + retries['MaxAttempts']}") <= 32


def test_a_tuning_job_trains_as_one_job_is_trained_but_for_checkpoints(template: Template) -> None:
    """Whether its jobs would share a folder of checkpoints is not documented."""
    alone = states(template)["Train"]["Parameters"]
    tuned = tuning_jobs(template)[0]["Parameters"]["TrainingJobDefinition"]
    own = {
        "HyperParameters.$",
        "CheckpointConfig.$",
        "TrainingJobName.$",
        "OutputDataConfig",
        "Tags",
    }
    assert {key: alone[key] for key in alone.keys() - own} == {
        key: tuned[key] for key in tuned.keys() - {"StaticHyperParameters.$", "OutputDataConfig"}
    }
    assert tuned["OutputDataConfig"] == {
        "S3OutputPath.$": "States.Format('${ModelsUri}{}/', $.name)",
        "KmsKeyId": "${Key}",
    }


def test_there_are_never_more_jobs_at_once_than_there_are_jobs(template: Template) -> None:
    """A stack that tunes by one job would else be refused at each run, for a default that nobody
    looked at."""
    found = states(template)
    (fewer,) = found["LimitTuning"]["Choices"]
    assert fewer["NumericLessThanPath"] == "$.settings.tuningParallelJobs"
    assert set(found[fewer["Next"]]["Parameters"].values()) == {"$.settings.tuningJobs"}


def test_a_pipeline_waits_longer_than_a_tuning_job_may_take(template: Template) -> None:
    """A week (Step Functions action reference, CodePipeline User Guide)."""
    for state in tuning_jobs(template):
        assert 24 * 3600 < state["TimeoutSeconds"] < 6 * 24 * 3600


def test_tuning_is_found_by_its_own_name_when_it_has_to_be_stopped(template: Template) -> None:
    found = states(template)
    asked = found["ListTuningJobs"]["Parameters"]["NameContains.$"]
    assert asked in tuning_jobs(template)[0]["Parameters"][f"{TUNING.field('Name')}.$"]
    assert "StackDigits" in str(found["NameTuning"]["Parameters"])
