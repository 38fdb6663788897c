"""A training job at work: download, run, watch, upload, tell; anew when it was interrupted."""

import contextlib
import math
import re
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local.credentials import Credentials
from local.logs import LogStream
from local.sagemaker import checkpoints, container
from local.sagemaker.instances import Instances, lent_ports
from local.sagemaker.jobs import FAILED_SECONDS, REASON_LENGTH, Job, JobFailed, require_key
from local.sagemaker.records import LOCK, TRAINING_JOB

GROUP = "/aws/sagemaker/TrainingJobs"
STOP_SECONDS = 120.0  # "delays job termination for 120 seconds" (API reference, StopTrainingJob)
METRICS_BATCH = 1000  # PutMetricData, CloudWatch API reference
MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The managed spot training instances were interrupted",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}


class NotReclaimable(Exception):
    """The text says why this job's instances cannot be taken away."""


class TrainingRecord(Job):
    """What DescribeTrainingJob tells: a status, a secondary status and their history."""

    kind = TRAINING_JOB
    home = "training"

    def enter(self, secondary: str, **fields: Any) -> None:
        """Go on to another secondary status, with these fields of the description changed."""
        now = datetime.now(UTC)
        with LOCK:
            transitions = self.description.setdefault("SecondaryStatusTransitions", [])
            if transitions:
                transitions[-1]["EndTime"] = now
            message = MESSAGES[secondary]
            transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
            self.update(SecondaryStatus=secondary, LastModifiedTime=now, **fields)
        TRAINING_JOB.announce(self.snapshot())

    def end(self, how: str, **fields: Any) -> None:
        """The last status, which stands under Stopped where it tells which limit was reached."""
        status = "Stopped" if how.endswith("Exceeded") else how
        now = datetime.now(UTC)
        with LOCK:
            self.enter(how, TrainingJobStatus=status, TrainingEndTime=now, **fields)
            self.description["SecondaryStatusTransitions"][-1]["EndTime"] = now

    def enter_stopping(self) -> None:
        with LOCK:
            if self.status == "InProgress":
                self.enter("Stopping", TrainingJobStatus="Stopping")


class TrainingJob(TrainingRecord):
    """A training job at work."""

    def __init__(self, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
        super().__init__(description, tags, description["StoppingCondition"])
        self._metrics = Metrics(description["AlgorithmSpecification"].get("MetricDefinitions", []))
        self._seconds = 0.0

    def reclaim(self, seconds: float) -> None:
        """Take the spot instances away, until `seconds` after their end. Raises NotReclaimable."""
        with LOCK:
            if not self.description["EnableManagedSpotTraining"]:
                raise NotReclaimable(f"{self.name} does not run on spot instances")
            secondary = self.description["SecondaryStatus"]
            if secondary != "Training":
                raise NotReclaimable(
                    f"{self.name} is at {secondary}; instances are reclaimed at Training"
                )
            if not self.watch.reclaim(seconds):
                raise NotReclaimable(f"{self.name} is being interrupted already")

    def work(self, credentials: Credentials) -> str:
        """Attempt after attempt; the job's last secondary status. Raises JobFailed."""
        while (end := self._attempt(credentials)) == "Interrupted":
            self._proceed("Interrupted")
            end = self.watch.wait_for_capacity()
            if end != "Starting":
                self.enter_stopping()
                break
            self._proceed("Starting")
        return end

    def _attempt(self, credentials: Credentials) -> str:
        """One run of all instances from empty folders; how it ended. Raises JobFailed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        job, s3 = self.description, credentials.client("s3")
        count = job["ResourceConfig"].get("InstanceCount", 1)
        instances = Instances(count, self.folder, self.watch.news)
        if not self._proceed("Downloading"):
            return "Stopped"
        container.fill(s3, job, instances.volumes)
        folders = [ml / "checkpoints" for ml in instances.volumes.values()]
        with checkpoints.synced(s3, job.get("CheckpointConfig", {}).get("S3Uri"), folders):
            began = job.get("TrainingStartTime", datetime.now(UTC))
            if not self._proceed("Training", TrainingStartTime=began):
                return "Stopped"
            end = self._train(instances, credentials)
        if end == "Interrupted":
            return end
        self.enter("Uploading")
        require_key(credentials, job["OutputDataConfig"].get("KmsKeyId"))
        container.upload(s3, job, instances.volumes, model=end != "Failed")
        if end == "Failed":
            start, stop = "AlgorithmError: ", f", exit code: {instances.failed.status}"
            said = instances.failed.failure[: REASON_LENGTH - len(start + stop)]
            raise JobFailed(f"{start}{said}{stop}")
        return end

    def _train(self, instances: Instances, credentials: Credentials) -> str:
        """From the first process to the end of the last; how it ended."""
        began, end = time.monotonic(), "Failed"
        with lent_ports(len(instances.volumes)) as ports:
            try:
                self._start(instances, ports, credentials)
                end = self.watch.wait_for_end(instances)
                if end.endswith("Exceeded"):
                    self.enter_stopping()
            finally:
                instances.terminate(FAILED_SECONDS if end == "Failed" else STOP_SECONDS)
        self._seconds += time.monotonic() - began
        self._tell_results(credentials)
        return "Stopped" if end == "Interrupted" and self.watch.stopped else end

    def _start(self, instances: Instances, ports: list[int], credentials: Credentials) -> None:
        """Run the image's `train` on every instance. Raises JobFailed, OSError.

        Log streams are named as in Developer Guide, "CloudWatch Logs for Amazon SageMaker AI".
        TRAINING_ADDRESSES is this endpoint's: where each instance can listen although all are one
        machine, in the order of their numbers. On SageMaker each has a name and all ports.
        """
        job = self.description
        program = self.program(job["AlgorithmSpecification"]["TrainingImage"], ["train"])
        variables = {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": job["TrainingJobArn"]}
        if len(ports) > 1:
            variables["TRAINING_ADDRESSES"] = ",".join(f"127.0.0.1:{port}" for port in ports)
        if not job["EnableNetworkIsolation"]:
            variables |= credentials.environment()
        requested, now = job.get("Environment", {}), int(time.time())
        instances.start(
            program.argv,
            program.folder,
            lambda ml: program.environment(requested, ml) | variables,
            lambda name: LogStream(credentials, GROUP, f"{self.name}/{name}-{now}"),
            self._metrics.read,
        )

    def _tell_results(self, credentials: Credentials) -> None:
        """All that was trained is billed: here are no spot prices that would make it less."""
        seconds = math.ceil(self._seconds)
        self.update(
            TrainingTimeInSeconds=seconds,
            BillableTimeInSeconds=seconds,
            FinalMetricDataList=self._metrics.final() or None,
        )
        self._metrics.publish(credentials, GROUP, self.name)

    def _proceed(self, secondary: str, **fields: Any) -> bool:
        """Enter the status, unless the job has been stopped."""
        with LOCK:
            if not self.watch.stopped:
                self.enter(secondary, **fields)
            return not self.watch.stopped


class Metrics:
    """Every value that MetricDefinitions have found in the lines so far (Developer Guide, "Define
    training metrics")."""

    def __init__(self, definitions: Sequence[dict[str, str]]) -> None:
        self._patterns = [(each["Name"], re.compile(each["Regex"])) for each in definitions]
        self._values: list[dict[str, Any]] = []
        self._published = 0

    def read(self, line: str) -> None:
        """Capture a line's values; what is no finite number is not captured."""
        for name, pattern in self._patterns:
            for found in pattern.finditer(line):
                with contextlib.suppress(ValueError, IndexError, TypeError):
                    value = float(found.group(1))
                    if math.isfinite(value):
                        now = datetime.now(UTC)
                        self._values.append({"MetricName": name, "Value": value, "Timestamp": now})

    def final(self) -> list[dict[str, Any]]:
        """The last value of each metric."""
        return list({each["MetricName"]: each for each in self._values}.values())

    def publish(self, credentials: Credentials, namespace: str, job: str) -> None:
        """New values to CloudWatch; a role that may not has none there, as on AWS."""
        dimensions = [{"Name": "TrainingJobName", "Value": job}]
        data = [{**each, "Dimensions": dimensions} for each in self._values[self._published :]]
        self._published += len(data)
        client = credentials.client("cloudwatch")
        with contextlib.suppress(ClientError):
            for start in range(0, len(data), METRICS_BATCH):
                client.put_metric_data(
                    Namespace=namespace, MetricData=data[start : start + METRICS_BATCH]
                )
