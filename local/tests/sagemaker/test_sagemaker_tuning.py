"""Tuning jobs: real training jobs, each with other hyperparameters, and the best of them."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.sagemaker.ranges import draw
from local.tests import training
from local.tests.aws import Aws, unique, wait
from local.tests.tuning import RANGES, SEARCH, ended, request, start, trials


def refusal(aws: Aws, job: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as caught:
        start(aws, job)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), train=SEARCH)


@pytest.fixture(scope="module")
def job(aws: Aws, image: str) -> dict[str, Any]:
    return ended(aws, start(aws, request(aws, image, RandomSeed=7)))


@pytest.fixture(scope="module")
def children(aws: Aws, job: dict[str, Any]) -> list[dict[str, Any]]:
    return trials(aws, job["HyperParameterTuningJobName"])


def value(row: dict[str, Any]) -> float:
    return float(row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_each_training_job_is_a_real_one_with_values_of_its_own(
    aws: Aws, job: dict[str, Any], children: list[dict[str, Any]]
) -> None:
    name = job["HyperParameterTuningJobName"]
    assert [each["TrainingJobName"].rsplit("-", 1)[0] for each in children] == [
        f"{name}-00{number}" for number in (1, 2, 3)
    ]
    assert len({each["TunedHyperParameters"]["rate"] for each in children}) == 3
    for child in children:
        told = training.ended(aws, child["TrainingJobName"])
        assert told["TuningJobArn"] == job["HyperParameterTuningJobArn"]
        assert told["HyperParameters"] == {
            "batch": "32",
            "_tuning_objective_metric": "eval:accuracy",
            **child["TunedHyperParameters"],
        }
        log = aws.log(training.GROUP, child["TrainingJobName"])
        assert json.loads(log[0]) == told["HyperParameters"]
        assert training.archive(aws, told["ModelArtifacts"]["S3ModelArtifacts"]) == {"w": b"w\n"}


def test_the_best_is_told_and_everything_is_counted(
    job: dict[str, Any], children: list[dict[str, Any]]
) -> None:
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    best = job["BestTrainingJob"]
    assert best == max(children, key=value)
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == "eval:accuracy"
    assert (best["TrainingJobStatus"], best["ObjectiveStatus"]) == ("Completed", "Succeeded")
    assert job["TrainingJobStatusCounters"] == {
        **dict.fromkeys(("InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0),
        "Completed": 3,
    }
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 3, "Pending": 0, "Failed": 0}


def test_the_same_seed_searches_the_same_values_and_least_can_be_best(
    aws: Aws, image: str, children: list[dict[str, Any]]
) -> None:
    objective = {"Type": "Minimize", "MetricName": "eval:accuracy"}
    asked = request(aws, image, RandomSeed=7, HyperParameterTuningJobObjective=objective)
    again = ended(aws, start(aws, asked))
    rows = trials(aws, again["HyperParameterTuningJobName"])
    assert [each["TunedHyperParameters"] for each in rows] == [
        each["TunedHyperParameters"] for each in children
    ]
    assert rows[0]["TunedHyperParameters"] == draw(RANGES, random.Random(7))
    assert again["BestTrainingJob"] == min(rows, key=value)


def test_its_tags_are_those_of_its_training_jobs_too(
    aws: Aws, job: dict[str, Any], children: list[dict[str, Any]]
) -> None:
    arns = [job["HyperParameterTuningJobArn"], children[0]["TrainingJobArn"]]
    for arn in arns:
        tags = aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
        assert tags == [{"Key": "project", "Value": "p"}]


def test_training_jobs_are_listed_by_value_and_by_status(
    aws: Aws, job: dict[str, Any], children: list[dict[str, Any]]
) -> None:
    name = job["HyperParameterTuningJobName"]
    by = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": "Descending"}
    first = trials(aws, name, MaxResults=2, **by)
    assert first == sorted(children, key=value, reverse=True)[:2]
    assert trials(aws, name, StatusEquals="Failed") == []


def test_of_ten_at_most_two_train_at_once(aws: Aws, tmp_path: Path) -> None:
    """Each holds a place in a folder while it runs, and tells how many it saw there at last."""
    program = f"""
    mkdir -p {tmp_path}/running; cd {tmp_path}/running; touch $$
    for time in {{1..40}}; do [ $(ls | wc -l) -gt 1 ] && break; sleep 0.05; done; sleep 0.2
    echo "eval:accuracy=$(ls | wc -l)"; rm $$
    """
    asked = request(aws, aws.image(tmp_path, train=program), jobs=4)
    limits = {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": 10}
    asked["HyperParameterTuningJobConfig"]["ResourceLimits"] = limits
    told = ended(aws, start(aws, asked))
    assert value(told["BestTrainingJob"]) == 2
    assert told["TrainingJobStatusCounters"]["Completed"] == 4


def test_a_training_job_that_fails_is_counted_and_the_others_go_on(
    aws: Aws, tmp_path: Path
) -> None:
    program = """
    case $TRAINING_JOB_NAME in *-002-*) exit 3;; esac
    echo eval:accuracy=0.5
    """
    told = ended(aws, start(aws, request(aws, aws.image(tmp_path, train=program))))
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["TrainingJobStatusCounters"]["NonRetryableError"] == 1
    assert told["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 1}
    failed = trials(aws, told["HyperParameterTuningJobName"])[1]
    assert failed["FailureReason"] == "AlgorithmError: , exit code: 3"
    assert failed["ObjectiveStatus"] == "Failed"


def test_it_gives_up_after_five_that_failed(aws: Aws, tmp_path: Path) -> None:
    asked = request(aws, aws.image(tmp_path, train="exit 1"), jobs=9)
    asked["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxParallelTrainingJobs"] = 1
    told = ended(aws, start(aws, asked))
    assert told["HyperParameterTuningJobStatus"] == "Failed"
    assert told["FailureReason"].startswith("No training job succeeded after 5 attempts. ")
    assert told["TrainingJobStatusCounters"]["NonRetryableError"] == 5
    assert "BestTrainingJob" not in told


def test_training_jobs_that_never_tell_the_objective_are_no_success(
    aws: Aws, tmp_path: Path
) -> None:
    image = aws.image(tmp_path, train="echo eval:accuracy=nan")
    told = ended(aws, start(aws, request(aws, image, jobs=1)))
    assert told["HyperParameterTuningJobStatus"] == "Failed"
    assert told["FailureReason"].startswith("No objective metrics found after running 1 training")
    assert told["ObjectiveStatusCounters"]["Failed"] == 1


def test_stop_ends_its_training_jobs_and_keeps_the_best_so_far(aws: Aws, tmp_path: Path) -> None:
    program = """
    echo eval:accuracy=0.5
    case $TRAINING_JOB_NAME in *-001-*) exit 0;; esac
    exec sleep 600
    """
    sagemaker = aws.client("sagemaker")
    name = start(aws, request(aws, aws.image(tmp_path, train=program)))

    def both_hang() -> bool:
        return [each["TrainingJobStatus"] for each in trials(aws, name)[1:]] == ["InProgress"] * 2

    wait(both_hang)
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    told = ended(aws, name)
    assert told["HyperParameterTuningJobStatus"] == "Stopped"
    assert told["TrainingJobStatusCounters"]["Stopped"] == 2
    assert told["BestTrainingJob"]["TrainingJobName"].startswith(f"{name}-001-")
    assert "FailureReason" not in told
    with pytest.raises(ClientError, match="tuning job is in status Stopped"):
        sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def changed(aws: Aws, image: str, *path: str, value: Any) -> dict[str, Any]:
    job: Any = json.loads(json.dumps(request(aws, image)))
    inner = job
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return dict(job)


CONFIG, DEFINITION = "HyperParameterTuningJobConfig", "TrainingJobDefinition"
RANGE = {"IntegerParameterRanges": [{"Name": "x", "MinValue": "2", "MaxValue": "1"}]}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("HyperParameterTuningJobName",), "x" * 33, "less than or equal to 32"),
        ((CONFIG, "Strategy"), "Hyperband", "Strategy Hyperband is not supported"),
        ((CONFIG, "TrainingJobEarlyStoppingType"), "Auto", "Auto is not supported"),
        ((CONFIG, "ParameterRanges"), RANGE, "must not be more than its MaxValue"),
        (
            (CONFIG, "HyperParameterTuningJobObjective", "MetricName"),
            "f1",
            "A metric is required for this hyperparameter tuning job objective.",
        ),
        ((DEFINITION, "RoleArn"), "arn:aws:iam::111122223333:role/none", "Could not assume role"),
        ((DEFINITION, "StoppingCondition", "MaxWaitTimeInSeconds"), 99, "MaxWaitTimeInSeconds"),
        ((DEFINITION, "CheckpointConfig"), {"S3Uri": "s3://b/c"}, "CheckpointConfig is not"),
        ((DEFINITION, "AlgorithmSpecification", "TrainingImage"), "none", "Cannot find the req"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    aws: Aws, image: str, path: tuple[str, ...], value: Any, words: str
) -> None:
    said = refusal(aws, changed(aws, image, *path, value=value))
    assert said.startswith("ValidationException")
    assert words in said


def test_a_name_is_never_free_again_and_a_missing_job_is_not_found(
    aws: Aws, image: str, job: dict[str, Any]
) -> None:
    again = changed(
        aws, image, "HyperParameterTuningJobName", value=job["HyperParameterTuningJobName"]
    )
    assert "ResourceInUse: Hyperparameter tuning job names must be unique" in refusal(aws, again)
    describe = aws.client("sagemaker").describe_hyper_parameter_tuning_job
    with pytest.raises(ClientError, match="Amazon SageMaker can't find a tuning job") as caught:
        describe(HyperParameterTuningJobName="none")
    assert caught.value.response["Error"]["Code"] == "ResourceNotFound"


def test_tuning_jobs_are_listed(aws: Aws, job: dict[str, Any]) -> None:
    sagemaker, name = aws.client("sagemaker"), job["HyperParameterTuningJobName"]
    (listed,) = sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)[
        "HyperParameterTuningJobSummaries"
    ]
    assert listed["Strategy"] == "Bayesian"
    assert listed["TrainingJobStatusCounters"]["Completed"] == 3
    assert listed["ResourceLimits"]["MaxNumberOfTrainingJobs"] == 3
    assert listed["HyperParameterTuningEndTime"] == job["HyperParameterTuningEndTime"]


def test_a_job_announces_its_states(aws: Aws, image: str) -> None:
    """Delivered to SNS, whose messages moto keeps."""
    events, mailbox, rule = aws.client("events"), aws.mailbox(), unique("rule")
    asked = request(aws, image, jobs=1)
    pattern = {
        "detail-type": ["SageMaker HyperParameter Tuning Job State Change"],
        "detail": {"HyperParameterTuningJobName": [asked["HyperParameterTuningJobName"]]},
    }
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "t", "Arn": mailbox.topic}])
    start(aws, asked)
    told = [json.loads(each)["detail"] for each in mailbox.read(2)]
    statuses = {each["HyperParameterTuningJobStatus"] for each in told}
    assert statuses == {"InProgress", "Completed"}
