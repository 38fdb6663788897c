"""One training job at work: download, run, watch, upload, tell; anew when it was interrupted."""

import math
import shutil
import time
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.context import current
from local.credentials import Credentials
from local.sagemaker import checkpoints, ports, volume
from local.sagemaker.cluster import GROUP, REASON_LENGTH, Cluster
from local.sagemaker.course import Course
from local.sagemaker.metrics import Metrics
from local.sagemaker.records import LOCK
from local.sagemaker.volume import JobFailed
from local.sagemaker.watch import Watch

STOP_SECONDS = 120.0  # "delays job termination for 120 seconds" (API reference, StopTrainingJob)
FAILED_SECONDS = 10.0  # for instances that end because another has failed; AWS gives no number


class NotReclaimable(Exception):
    """The text says why this job's instances cannot be taken away."""


class TrainingJob(Course):
    """A job from its record to its end; `description` is what DescribeTrainingJob answers."""

    def __init__(self, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
        super().__init__(description, tags)
        self.arn = description["TrainingJobArn"]
        self._name = description["TrainingJobName"]
        self._metrics = Metrics(description["AlgorithmSpecification"].get("MetricDefinitions", []))
        self._watch = Watch(description["StoppingCondition"])
        self._folder = current().home / "training" / self._name
        self._seconds = 0.0

    def run(self, credentials: Credentials) -> None:
        """Everything after CreateTrainingJob has answered; returns when the job has ended."""
        try:
            self.end(self._work(credentials))
        except JobFailed as error:
            self._fail(str(error))
        except (ClientError, BotoCoreError, OSError, ValueError) as error:
            self._fail(f"ClientError: {error}")
        except BaseException as error:
            self._fail(f"InternalServerError: {error}")
            raise
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def stop(self) -> bool:
        """Begin to stop; False if the job has ended."""
        with LOCK:
            self._enter_stopping()
            self._watch.stop()
            return self.description["TrainingJobStatus"] == "Stopping"

    def reclaim(self, seconds: float) -> None:
        """Take the spot instances away, until `seconds` after their end. Raises NotReclaimable."""
        with LOCK:
            if not self.description["EnableManagedSpotTraining"]:
                raise NotReclaimable(f"{self._name} does not run on spot instances")
            secondary = self.description["SecondaryStatus"]
            if secondary != "Training":
                raise NotReclaimable(
                    f"{self._name} is at {secondary}; instances are reclaimed at Training"
                )
            if not self._watch.reclaim(seconds):
                raise NotReclaimable(f"{self._name} is being interrupted already")

    def _work(self, credentials: Credentials) -> str:
        """Attempt after attempt; the job's last secondary status. Raises JobFailed."""
        while (end := self._attempt(credentials)) == "Interrupted":
            self._proceed("Interrupted")
            end = self._watch.capacity()
            if end != "Starting":
                self._enter_stopping()
                break
            self._proceed("Starting")
        return end

    def _attempt(self, credentials: Credentials) -> str:
        """One run of all instances from empty folders; how it ended. Raises JobFailed."""
        shutil.rmtree(self._folder, ignore_errors=True)
        job, s3 = self.description, credentials.client("s3")
        cluster = Cluster(
            job["ResourceConfig"].get("InstanceCount", 1), self._folder, self._watch.news
        )
        if not self._proceed("Downloading"):
            return "Stopped"
        volume.fill(s3, job, cluster.instances)
        folders = [instance.ml / "checkpoints" for instance in cluster.instances]
        with checkpoints.synced(s3, job.get("CheckpointConfig", {}).get("S3Uri"), folders):
            began = job.get("TrainingStartTime", datetime.now(UTC))
            if not self._proceed("Training", TrainingStartTime=began):
                return "Stopped"
            end = self._train(cluster, credentials)
        if end == "Interrupted":
            return end
        self.enter("Uploading")
        volume.upload(s3, job, cluster.instances, model=end != "Failed")
        if end == "Failed":
            raise JobFailed(cluster.reason)
        return end

    def _train(self, cluster: Cluster, credentials: Credentials) -> str:
        """From the first process to the end of the last; how it ended."""
        began, end = time.monotonic(), "Failed"
        with ports.lend(len(cluster.instances)) as free:
            try:
                cluster.start(self.description, credentials, free, self._metrics.read)
                end = self._watch.attempt(cluster)
                if end.endswith("Exceeded"):
                    self._enter_stopping()
            finally:
                cluster.terminate(FAILED_SECONDS if end == "Failed" else STOP_SECONDS)
        self._seconds += time.monotonic() - began
        self._tell_results(credentials)
        return "Stopped" if end == "Interrupted" and self._watch.stopped else end

    def _tell_results(self, credentials: Credentials) -> None:
        """All that was trained is billed: here are no spot prices that would make it less."""
        seconds = math.ceil(self._seconds)
        self.update(
            TrainingTimeInSeconds=seconds,
            BillableTimeInSeconds=seconds,
            FinalMetricDataList=self._metrics.final() or None,
        )
        self._metrics.publish(credentials, GROUP, self._name)

    def _proceed(self, secondary: str, **fields: Any) -> bool:
        """Enter the status, unless the job has been stopped."""
        with LOCK:
            if not self._watch.stopped:
                self.enter(secondary, **fields)
            return not self._watch.stopped

    def _enter_stopping(self) -> None:
        with LOCK:
            if self.description["TrainingJobStatus"] == "InProgress":
                self.enter("Stopping", TrainingJobStatus="Stopping")

    def _fail(self, reason: str) -> None:
        self.end("Failed", FailureReason=reason[:REASON_LENGTH])
