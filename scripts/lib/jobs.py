"""SageMaker's jobs: which belong to a run, what they run on, and what became of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from scripts.lib.session import Clients

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import DescribeTrainingJobResponseTypeDef

NEWEST = 20


def digits(prefix: str) -> str:
    """The stack's digits, which end the prefix of all versions: `<ProjectName>-<8 digits>`."""
    return prefix.rpartition("-")[2]


@dataclass(frozen=True)
class BegunJob:
    """A job by its name; `kind` is in the name of its log group."""

    kind: str
    name: str
    created: datetime


def trainings(clients: Clients, prefix: str) -> list[BegunJob]:
    """The last training jobs whose names begin so, newest first: with a version's prefix, or with
    its digits alone, where a tuning job has begun them (templates/kit/names.py)."""
    found = clients.sagemaker.list_training_jobs(
        NameContains=prefix, SortBy="CreationTime", SortOrder="Descending", MaxResults=NEWEST
    )["TrainingJobSummaries"]
    listed = [BegunJob("Training", one["TrainingJobName"], one["CreationTime"]) for one in found]
    return [one for one in listed if one.name.startswith(f"{prefix}-")]


def processings(clients: Clients, prefix: str) -> list[BegunJob]:
    """The project's last processing jobs, which prepare and evaluate, newest first."""
    found = clients.sagemaker.list_processing_jobs(
        NameContains=prefix, SortBy="CreationTime", SortOrder="Descending", MaxResults=NEWEST
    )["ProcessingJobSummaries"]
    listed = [
        BegunJob("Processing", one["ProcessingJobName"], one["CreationTime"]) for one in found
    ]
    return [one for one in listed if one.name.startswith(f"{prefix}-")]


def created(found: Iterable[BegunJob], start: datetime, end: datetime | None) -> list[BegunJob]:
    """The jobs that were created in a span of time, which may not have ended yet."""
    return [one for one in found if start <= one.created and (end is None or one.created <= end)]


def fell_back(name: str, others: Iterable[str]) -> bool:
    """Whether a job on demand took the place of a spot job: VERSION-0 that of VERSION-spot-0."""
    version = name.rpartition("-")[0]
    return any(other.startswith(f"{version}-spot-") for other in others)


def doing(clients: Clients, arn: str) -> str:
    """What a running job is at, and what it runs on where that is worth a word."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind == "processing-job":
        return processing(clients, name)
    if kind == "transform-job":
        found = clients.sagemaker.describe_transform_job(TransformJobName=name)
        return "answering" if found.get("TransformStartTime") else "starting"
    if kind == "hyper-parameter-tuning-job":
        return tuning(clients, name)
    job = clients.sagemaker.describe_training_job(TrainingJobName=name)
    at = job["SecondaryStatus"].lower()
    if at == "interrupted":
        at += ", waiting for spot capacity"
    words = ", ".join(capacity(job))
    return f"{at} ({words})" if words else at


def processing(clients: Clients, name: str) -> str:
    """Whether a processing job computes yet: it has a start only once its container runs."""
    job = clients.sagemaker.describe_processing_job(ProcessingJobName=name)
    if job["ProcessingJobStatus"] != "InProgress":
        return job["ProcessingJobStatus"].lower()
    return "computing" if job.get("ProcessingStartTime") else "starting"


def tuning(clients: Clients, name: str) -> str:
    """How many trainings of a tuning job have ended, and the best one's score."""
    job = clients.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    counts = job["TrainingJobStatusCounters"]
    limits = job["HyperParameterTuningJobConfig"]["ResourceLimits"]
    failed = counts.get("NonRetryableError", 0)
    words = [
        f"{counts.get('Completed', 0)} of {limits.get('MaxNumberOfTrainingJobs', 0)} trainings",
        *([f"{counts['InProgress']} running"] if counts.get("InProgress") else []),
        *([f"{failed} failed"] if failed else []),
    ]
    best = job.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    if best:
        words.append(f"best {best['MetricName']} {best['Value']:.4g}")
    return ", ".join(words)


def capacity(job: "DescribeTrainingJobResponseTypeDef") -> list[str]:
    """Several instances, spot, interruptions: words for what is not one instance on demand."""
    count = job["ResourceConfig"].get("InstanceCount", 1)
    statuses = [one["Status"] for one in job.get("SecondaryStatusTransitions", [])]
    times = statuses.count("Interrupted")
    return [
        *([f"{count} instances"] if count > 1 else []),
        *(["spot"] if job.get("EnableManagedSpotTraining") else []),
        *([f"interrupted {times} times" if times > 1 else "interrupted once"] if times else []),
    ]


def metrics(job: "DescribeTrainingJobResponseTypeDef") -> dict[str, float]:
    """What a job measured, each metric's last value."""
    return {one["MetricName"]: one["Value"] for one in job.get("FinalMetricDataList", [])}
