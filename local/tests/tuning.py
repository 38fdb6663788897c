"""Tuning jobs for tests: what they ask for, and how they end."""

from typing import Any

from local.tests import training
from local.tests.aws import Aws, settled, unique

SEARCH = """
cd $SAGEMAKER_BASE_DIR/input/config
rate=$(grep -o '"rate": "[^"]*' hyperparameters.json | cut -d'"' -f4)
cat hyperparameters.json; echo
echo "eval:accuracy=$rate"; echo w > $SAGEMAKER_BASE_DIR/model/w
"""
RANGES: dict[str, list[dict[str, Any]]] = {
    "IntegerParameterRanges": [{"Name": "epochs", "MinValue": "1", "MaxValue": "9"}],
    "ContinuousParameterRanges": [
        {"Name": "rate", "MinValue": "0.1", "MaxValue": "0.9", "ScalingType": "Linear"}
    ],
    "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["adam", "sgd"]}],
}


def request(aws: Aws, image: str, jobs: int = 3, **config: Any) -> dict[str, Any]:
    """What the training jobs are to be is what a training job of tests is."""
    definition = training.request(aws, image)
    del definition["TrainingJobName"], definition["Tags"]
    definition["StaticHyperParameters"] = {"batch": "32"}
    del definition["HyperParameters"]
    return {
        "HyperParameterTuningJobName": unique("tuning"),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {
                "Type": "Maximize",
                "MetricName": "eval:accuracy",
            },
            "ResourceLimits": {"MaxNumberOfTrainingJobs": jobs, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": RANGES,
            **config,
        },
        "TrainingJobDefinition": definition,
        "Tags": [{"Key": "project", "Value": "p"}],
    }


def start(aws: Aws, job: dict[str, Any]) -> str:
    aws.client("sagemaker").create_hyper_parameter_tuning_job(**job)
    return str(job["HyperParameterTuningJobName"])


def ended(aws: Aws, name: str) -> dict[str, Any]:
    ask = aws.client("sagemaker").describe_hyper_parameter_tuning_job
    return dict(
        settled(
            lambda: ask(HyperParameterTuningJobName=name),
            "HyperParameterTuningJobStatus",
            *("InProgress", "Stopping"),
        )
    )


def trials(aws: Aws, name: str, **asked: Any) -> list[dict[str, Any]]:
    listed = aws.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job
    return list(listed(HyperParameterTuningJobName=name, **asked)["TrainingJobSummaries"])
