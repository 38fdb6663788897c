"""A processing job at work: download, run, watch, upload, tell."""

import signal
import time
from datetime import UTC, datetime
from typing import Any

from local.credentials import Credentials
from local.logs import LogStream
from local.sagemaker import processing_container
from local.sagemaker.instances import Instances
from local.sagemaker.jobs import Job, JobFailed, require_key
from local.sagemaker.records import LOCK, PROCESSING_JOB

GROUP = "/aws/sagemaker/ProcessingJobs"
# "… receive SIGINT and SIGKILL signals, which Processing uses to stop processing jobs" (Developer
# Guide, "How Amazon SageMaker Processing Runs Your Processing Container Image"). How long lies
# between them AWS does not say; this is Docker's own time
STOP_SECONDS = 10.0


class ProcessingJob(Job):
    """What DescribeProcessingJob tells has one status, and what the program itself says."""

    kind = PROCESSING_JOB
    home = "processing"

    def __init__(self, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
        super().__init__(description, tags, description["StoppingCondition"])

    def work(self, credentials: Credentials) -> str:
        job, s3 = self.description, credentials.client("s3")
        instances = Instances(1, self.folder, self.watch.news)
        ((host, ml),) = instances.volumes.items()
        processing_container.fill(s3, job, ml, host)
        if self.watch.stopped:
            return "Stopped"
        end = self._process(instances, credentials)
        try:
            self.update(ExitMessage=processing_container.message(ml))
        except UnicodeDecodeError as error:
            raise JobFailed(f"ClientError: /opt/ml/output/message is not UTF-8: {error}") from error
        if end == "Failed":
            raise JobFailed(f"AlgorithmError: , exit code: {instances.failed.status}")
        if end == "Completed":  # what one that is stopped has written stays behind
            require_key(credentials, job.get("ProcessingOutputConfig", {}).get("KmsKeyId"))
            processing_container.upload(s3, job, ml)
        return end

    def enter_stopping(self) -> None:
        with LOCK:
            if self.status == "InProgress":
                self.enter("Stopping")

    def enter(self, status: str, **fields: Any) -> None:
        """Go on to another status, with these fields of the description changed."""
        self.update(ProcessingJobStatus=status, LastModifiedTime=datetime.now(UTC), **fields)
        self.kind.announce(self.snapshot())

    def end(self, how: str, **fields: Any) -> None:
        """A limit that is reached stops the job: "After the condition is met, the processing job is
        stopped" (API reference, ProcessingStoppingCondition)."""
        status = "Stopped" if how.endswith("Exceeded") else how
        self.enter(status, ProcessingEndTime=datetime.now(UTC), **fields)

    def _process(self, instances: Instances, credentials: Credentials) -> str:
        """From the start of the program to its end; how it ended. Raises JobFailed, OSError."""
        job, now = self.description, int(time.time())
        app = job["AppSpecification"]
        program = self.program(
            app["ImageUri"], app.get("ContainerArguments", []), app.get("ContainerEntrypoint", [])
        )
        isolated = job.get("NetworkConfig", {}).get("EnableNetworkIsolation", False)
        variables = {} if isolated else credentials.environment()
        try:
            self.update(ProcessingStartTime=datetime.now(UTC))
            instances.start(
                program.argv,
                program.folder,
                lambda ml: program.environment(job.get("Environment", {}), ml) | variables,
                lambda name: LogStream(credentials, GROUP, f"{self.name}/{name}-{now}"),
                lambda line: None,
            )
            end = self.watch.wait_for_end(instances)
            if end.endswith("Exceeded"):
                self.enter_stopping()
            return end
        finally:
            instances.terminate(STOP_SECONDS, signal.SIGINT)
