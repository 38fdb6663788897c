"""The operations on tuning jobs; what a tuning job does is in tuning."""

from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.background import background
from local.sagemaker import ranges, training_api
from local.sagemaker.records import LOCK, TUNING_JOB, Operations, invalid
from local.sagemaker.tuning import OBJECTIVE, TuningJob, value
from local.service import AwsError


class TuningJobs(Operations):
    def create_hyper_parameter_tuning_job(self) -> ActionResult:
        request = self.request("Tags")
        name, definition = request["HyperParameterTuningJobName"], request["TrainingJobDefinition"]
        arn = TUNING_JOB.arn(name)
        _check(request)
        training_api.check(definition)
        credentials = training_api.check_access(definition, arn)
        job = TuningJob(_description(request, arn), self.get("Tags", []))
        with LOCK:
            answer = self.add_job(TUNING_JOB, name, job)
            job.enter("InProgress")
        background(job.run, credentials)
        return answer

    def describe_hyper_parameter_tuning_job(self) -> ActionResult:
        return ActionResult(self._tuning_job().snapshot())

    def list_hyper_parameter_tuning_jobs(self) -> ActionResult:
        return self.listed(
            TUNING_JOB,
            "HyperParameterTuningJobSummaries",
            order="Ascending",
            by="Name",
            also=(
                *("HyperParameterTuningEndTime", "Strategy", "ResourceLimits"),
                *("TrainingJobStatusCounters", "ObjectiveStatusCounters"),
            ),
        )

    def list_training_jobs_for_hyper_parameter_tuning_job(self) -> ActionResult:
        rows, status = self._tuning_job().summaries(), self.get("StatusEquals")
        by = self.get("SortBy", "Name")
        if status:
            rows = [row for row in rows if row["TrainingJobStatus"] == status]
        if by == "FinalObjectiveMetricValue":  # those without it "are not listed"
            rows = [row for row in rows if "FinalHyperParameterTuningJobObjectiveMetric" in row]
            rows.sort(key=value)
        else:
            field = by if by == "CreationTime" else f"TrainingJob{by}"
            rows.sort(key=lambda row: row[field])
        if self.get("SortOrder") == "Descending":
            rows.reverse()
        return self.page("TrainingJobSummaries", rows)

    def stop_hyper_parameter_tuning_job(self) -> ActionResult:
        job = self._tuning_job()
        if not job.stop():
            raise invalid(
                "The request was rejected because the hyperparameter tuning job is in status "
                f"{job.status}."
            )
        return EmptyResult()

    def _tuning_job(self) -> TuningJob:
        """Words and code as AWS's own operator for Kubernetes knows them
        (github.com/aws/amazon-sagemaker-operator-for-k8s, sagemaker_client_wrapper.go)."""
        name = self.get("HyperParameterTuningJobName")
        job = TUNING_JOB.records().get(name)
        if job is None:
            text = f"Amazon SageMaker can't find a tuning job with the name {name}."
            raise AwsError("ResourceNotFound", text)
        return job


def _description(request: dict[str, Any], arn: str) -> dict[str, Any]:
    """What the service adds to the hyperparameters is told too (sagemaker-python-sdk, tuner.py,
    which takes it away again)."""
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    objective = {OBJECTIVE: config["HyperParameterTuningJobObjective"]["MetricName"]}
    static = definition.get("StaticHyperParameters", {}) | objective
    return {
        **request,
        "TrainingJobDefinition": {**definition, "StaticHyperParameters": static},
        "HyperParameterTuningJobArn": arn,
        "HyperParameterTuningJobStatus": "InProgress",
        "CreationTime": datetime.now(UTC),
    }


def _check(request: dict[str, Any]) -> None:
    """The first message as seen in public (github.com/aws/amazon-sagemaker-examples, issue
    1207)."""
    config, definition = request["HyperParameterTuningJobConfig"], request["TrainingJobDefinition"]
    defined = definition["AlgorithmSpecification"].get("MetricDefinitions", [])
    objective = config["HyperParameterTuningJobObjective"]["MetricName"]
    if objective not in [each["Name"] for each in defined]:
        raise invalid(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric "
            "in the metric definitions."
        )
    static = definition.get("StaticHyperParameters", {})
    for fault in ranges.faults(config["ParameterRanges"], static):
        raise invalid(fault)
