"""Training jobs: which belong to a run, what they run on, and what became of them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from scripts.clients import Clients

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
