"""Training jobs: which belong to a run, what they run on, and what became of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from scripts.lib.session import Clients

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        DescribeTrainingJobResponseTypeDef,
        TrainingJobSummaryTypeDef,
    )


def recent(clients: Clients, prefix: str) -> "list[TrainingJobSummaryTypeDef]":
    """The project's last training jobs, newest first."""
    found = clients.sagemaker.list_training_jobs(
        NameContains=prefix, SortBy="CreationTime", SortOrder="Descending", MaxResults=20
    )["TrainingJobSummaries"]
    return [one for one in found if one["TrainingJobName"].startswith(f"{prefix}-")]


def created(
    found: "Iterable[TrainingJobSummaryTypeDef]", start: datetime, end: datetime | None
) -> list[str]:
    """Names of the jobs that were created in a span of time, which may not have ended yet."""
    return [
        one["TrainingJobName"]
        for one in found
        if start <= one["CreationTime"] and (end is None or one["CreationTime"] <= end)
    ]


def fell_back(name: str, others: Iterable[str]) -> bool:
    """Whether a job on demand took the place of a spot job: VERSION-0 that of VERSION-spot-0."""
    version = name.rpartition("-")[0]
    return any(other.startswith(f"{version}-spot-") for other in others)


def doing(clients: Clients, arn: str) -> str:
    """What a running job is at, and what it runs on where that is worth a word."""
    job = clients.sagemaker.describe_training_job(TrainingJobName=arn.rpartition("/")[2])
    at = job["SecondaryStatus"].lower()
    if at == "interrupted":
        at += ", waiting for spot capacity"
    words = ", ".join(capacity(job))
    return f"{at} ({words})" if words else at


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
