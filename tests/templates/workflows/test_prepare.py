"""What a commit makes of the data, before anything is trained."""

from typing import Any

from tests.templates.workflows.machines import definitions, reached, tasks

Template = dict[str, Any]
TRAINING = "TrainingWorkflow"


def states(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = definitions(template)[TRAINING]["States"]
    return found


def test_data_is_prepared_only_where_the_commit_has_a_program_for_it(template: Template) -> None:
    definition = definitions(template)[TRAINING]
    ask = definition["States"]["NeedsPreparation"]
    (wanted,) = ask["Choices"]
    assert (wanted["Variable"], wanted["BooleanEquals"]) == ("$.prepare", True)
    assert "Prepare" not in reached({**definition, "StartAt": ask["Default"]})


def test_what_was_prepared_is_the_data_of_all_that_follows(template: Template) -> None:
    found = states(template)
    prepared = found["IdentifyPrepared"]
    assert prepared["ResultPath"] == found["IdentifyData"]["ResultPath"] == "$.data"
    assert prepared["Parameters"]["uri.$"] == "$.preparation.uri"
    assert prepared["Next"] == "NameCheckpoints"


def test_the_same_data_prepared_by_the_same_image_is_the_same_data(template: Template) -> None:
    """What is written anew has other ETags, although it holds the same."""
    known_by = states(template)["IdentifyPrepared"]["Parameters"]["sha256.$"]
    both = "States.Format('{} {}', $.data.sha256, $.trainingImage)"
    assert known_by == f"States.Hash({both}, 'SHA-256')"


def test_the_name_of_a_preparation_job_fits(template: Template) -> None:
    """ProcessingJobName has 63 characters at most (CreateProcessingJob)."""
    longest = template["Parameters"]["ProjectName"]["MaxLength"] + len("-12345678-")
    longest += len("0123456789ab-12345678") + len("-prepare")
    (_, again) = [task.state for task in tasks(template) if task.name.startswith("Prepare")]
    (retries,) = again["Retry"]
    assert longest + len(f"-{10 + retries['MaxAttempts']}") <= 63


def test_a_preparation_writes_where_it_is_looked_for(template: Template) -> None:
    found = states(template)
    (output,) = found["Prepare"]["Parameters"]["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri.$"] == "$.preparation.uri"
    place = found["PlanPreparation"]["Parameters"]["uri.$"]
    assert place == "States.Format('s3://${ArtifactBucket}/prepared/{}/', $.name)"
    listed = found["FindPrepared"]["Parameters"]
    assert listed["Prefix.$"] == "States.Format('prepared/{}/', $.name)"
