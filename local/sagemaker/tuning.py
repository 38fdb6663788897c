"""A tuning job at work: one training job after the other, each with other hyperparameters.

Which values come next AWS finds out by the strategy; here they are drawn at random, whatever the
strategy, and no more than AT_ONCE jobs run at once.
"""

import random
import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.background import background
from local.credentials import Credentials
from local.sagemaker import ranges
from local.sagemaker.records import LOCK, TRAINING_JOB, TUNING_JOB, Record
from local.sagemaker.training import TrainingJob

AT_ONCE = 2
OBJECTIVE = "_tuning_objective_metric"  # what the program is told of the search
ATTEMPTS = 5  # "No training job succeeded after 5 attempts", as seen in public
SUMMARY = (
    *("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime"),
    *("TrainingJobStatus", "FailureReason"),
)

COUNTED = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")


@dataclass(frozen=True)
class Trial:
    """One training job, and the values that were drawn for it."""

    job: TrainingJob
    tuned: dict[str, str]


class TuningJob(Record):
    """What it has found so far is told from its training jobs."""

    def __init__(self, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
        super().__init__(description, tags)
        self.name: str = description["HyperParameterTuningJobName"]
        self._config = description["HyperParameterTuningJobConfig"]
        self._objective = self._config["HyperParameterTuningJobObjective"]
        self._random = random.Random(self._config.get("RandomSeed"))  # noqa: S311 - no secret
        self._trials: list[Trial] = []

    @property
    def status(self) -> str:
        return str(self.description["HyperParameterTuningJobStatus"])

    def run(self, credentials: Credentials) -> None:
        """Everything after the job's creation was answered; returns when the job has ended."""
        limits = self._config["ResourceLimits"]
        count = min(AT_ONCE, limits["MaxParallelTrainingJobs"], limits["MaxNumberOfTrainingJobs"])
        print(
            f"local: {self.name} searches its ranges at random, whatever its Strategy, with "
            f"{count} training job{'s' * (count > 1)} at once",
            flush=True,
        )
        for worker in [background(self._search, credentials) for _ in range(count)]:
            worker.join()
        self._end()

    def stop(self) -> bool:
        """Begin to stop, with all training jobs; False if the job has ended."""
        with LOCK:
            if self.status == "InProgress":
                self.enter("Stopping")
            for trial in self._trials:
                trial.job.stop()
            return self.status == "Stopping"

    def enter(self, status: str, **fields: Any) -> None:
        """Go on to another status, with these fields of the description changed."""
        now = datetime.now(UTC)
        self.update(HyperParameterTuningJobStatus=status, LastModifiedTime=now, **fields)
        TUNING_JOB.announce(self.snapshot())

    def snapshot(self) -> dict[str, Any]:
        with LOCK:
            told, rows = super().snapshot(), self.summaries()
        statuses = Counter(map(_counted, rows))
        objectives = Counter(row["ObjectiveStatus"] for row in rows)
        best = self._best(rows)
        return {
            **told,
            "TrainingJobStatusCounters": {name: statuses[name] for name in COUNTED},
            "ObjectiveStatusCounters": {
                name: objectives[name] for name in ("Succeeded", "Pending", "Failed")
            },
            **({"BestTrainingJob": best} if best else {}),
        }

    def summary(self) -> dict[str, Any]:
        kept = ("Strategy", "ResourceLimits")
        return {**self.snapshot(), **{name: self._config[name] for name in kept}}

    def summaries(self) -> list[dict[str, Any]]:
        """Its training jobs in their order, as HyperParameterTrainingJobSummary has them."""
        with LOCK:
            return [self._summary(trial) for trial in self._trials]

    def _search(self, credentials: Credentials) -> None:
        while job := self._next():
            job.run(credentials)

    def _next(self) -> TrainingJob | None:
        """Another training job, already announced; None where there is to be none."""
        with LOCK:
            number = len(self._trials) + 1
            limit = self._config["ResourceLimits"]["MaxNumberOfTrainingJobs"]
            if self.status != "InProgress" or number > limit or self._hopeless():
                return None
            tuned = ranges.draw(self._config["ParameterRanges"], self._random)
            request = dict(self.description["TrainingJobDefinition"])
            request["HyperParameters"] = request.pop("StaticHyperParameters") | tuned
            request["TrainingJobName"] = f"{self.name}-{number:03}-{secrets.token_hex(4)}"
            arn = self.description["HyperParameterTuningJobArn"]
            job = TrainingJob.of(request, list(self.tags), TuningJobArn=arn)
            TRAINING_JOB.records()[job.name] = job
            self._trials.append(Trial(job, tuned))
            job.enter("Starting")
            return job

    def _hopeless(self) -> bool:
        """Whether so many have ended, and none well, that no more are tried."""
        rows = self.summaries()
        failed = [row for row in rows if row["ObjectiveStatus"] == "Failed"]
        return len(failed) >= ATTEMPTS and self._best(rows) is None

    def _end(self) -> None:
        """The words of the first failure are those of public reports (github.com/aws/
        amazon-sagemaker-examples, issues 2436 and 2437, and later ones); those of the second are
        in no documentation."""
        with LOCK:
            rows, now = self.summaries(), datetime.now(UTC)
            status, reason = "Completed", None
            if self.status == "Stopping":
                status = "Stopped"
            elif not any(row["TrainingJobStatus"] == "Completed" for row in rows):
                status = "Failed"
                reason = (
                    f"No training job succeeded after {len(rows)} attempts. For additional "
                    "details, please take a look at the training job failures by listing training "
                    "jobs for the hyperparameter tuning job."
                )
            elif self._best(rows) is None:
                status = "Failed"
                reason = (
                    f"No objective metrics found after running {len(rows)} training jobs. Please "
                    "ensure that the custom algorithm is emitting the objective metric as defined "
                    "by the regular expression provided."
                )
            self.enter(status, HyperParameterTuningEndTime=now, FailureReason=reason)

    def _summary(self, trial: Trial) -> dict[str, Any]:
        """Only a job that has completed, and told its objective, takes part in the search."""
        job = trial.job.snapshot()
        name = self._objective["MetricName"]
        values = [
            each["Value"]
            for each in job.get("FinalMetricDataList", [])
            if each["MetricName"] == name
        ]
        objective = "Pending"
        if job["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            completed = job["TrainingJobStatus"] == "Completed"
            objective = "Succeeded" if completed and values else "Failed"
        final = {"MetricName": name, "Value": values[-1]} if values else None
        return {
            **{each: job[each] for each in SUMMARY if each in job},
            "TunedHyperParameters": trial.tuned,
            "ObjectiveStatus": objective,
            **({"FinalHyperParameterTuningJobObjectiveMetric": final} if final else {}),
        }

    def _best(self, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The first of the best so far."""
        sign = 1 if self._objective["Type"] == "Maximize" else -1
        found = [row for row in rows if row["ObjectiveStatus"] == "Succeeded"]
        return max(found, key=lambda row: sign * value(row), default=None)


def value(row: dict[str, Any]) -> float:
    """The objective of a summary that has one."""
    return float(row["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def _counted(row: dict[str, Any]) -> str:
    """ "A failed training job can be retried only if it failed because an internal service error
    occurred" (API reference, TrainingJobStatusCounters)."""
    status = str(row["TrainingJobStatus"])
    if status == "Failed":
        internal = row["FailureReason"].startswith("InternalServerError")
        return "RetryableError" if internal else "NonRetryableError"
    return "InProgress" if status == "Stopping" else status
