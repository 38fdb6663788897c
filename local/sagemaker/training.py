"""One training job at work: download, run, watch, upload, tell."""

import json
import math
import shutil
import threading
import time
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import images, processes
from local.context import current
from local.credentials import Credentials
from local.events import emit
from local.logs import LogStream
from local.sagemaker import container as sagemaker_container
from local.sagemaker import volume
from local.sagemaker.metrics import Metrics
from local.sagemaker.records import LOCK, Record
from local.sagemaker.volume import JobFailed
from local.stepfunctions.shapes import epoch_ms

GROUP = "/aws/sagemaker/TrainingJobs"
STOP_SECONDS = 120.0  # "delays job termination for 120 seconds" (API reference, StopTrainingJob)
REASON_LENGTH = 1024  # FailureReason, API reference, DescribeTrainingJob
ENDED = {
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


class TrainingJob(Record):
    """A job from its record to its end; `description` is what DescribeTrainingJob answers."""

    def __init__(self, description: dict[str, Any], tags: list[dict[str, str]]) -> None:
        super().__init__(description, tags)
        self.arn = description["TrainingJobArn"]
        self._stopping = threading.Event()
        self._process: processes.Process | None = None
        definitions = description["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._metrics = Metrics(definitions)
        folder = current().home / "training" / description["TrainingJobName"]
        self._ml = folder / "opt" / "ml"

    def run(self, credentials: Credentials) -> None:
        """Everything after CreateTrainingJob has answered; returns when the job has ended."""
        self._announce()
        try:
            end = self._work(credentials)
        except JobFailed as error:
            self._fail(str(error))
        except (ClientError, BotoCoreError, OSError, ValueError) as error:
            self._fail(f"ClientError: {error}")
        except BaseException as error:
            self._fail(f"InternalServerError: {error}")
            raise
        else:
            self._end("Stopped" if end == "MaxRuntimeExceeded" else end, end)
        finally:
            for used in ("input/data", "model", "output"):
                shutil.rmtree(self._ml / used, ignore_errors=True)

    def stop(self) -> bool:
        """Begin to stop; False if the job has ended."""
        with LOCK:
            if self.description["TrainingJobStatus"] not in ("InProgress", "Stopping"):
                return False
            already, process = self._stopping.is_set(), self._process
            self._stopping.set()
            if not already:
                self._phase("Stopping", "Stopping the training job", TrainingJobStatus="Stopping")
        if process and not already:
            threading.Thread(target=process.terminate, args=(STOP_SECONDS,), daemon=True).start()
        return True

    def _work(self, credentials: Credentials) -> str:
        s3 = credentials.client("s3")
        self._phase("Downloading", "Downloading input data")
        volume.fill(s3, self.description, self._ml)
        if self._stopping.is_set():
            return "Stopped"
        began = time.monotonic()
        self._phase(
            "Training",
            "Training image download completed. Training in progress.",
            TrainingStartTime=datetime.now(UTC),
        )
        status, exceeded = self._train(credentials)
        self._conclude(math.ceil(time.monotonic() - began), credentials)
        stopped = self._stopping.is_set() or exceeded
        if not self._stopping.is_set():
            self._phase("Uploading", "Uploading generated training model")
        volume.drain(s3, self.description, self._ml, model=stopped or status == 0)
        if stopped:
            return "MaxRuntimeExceeded" if exceeded else "Stopped"
        if status:
            failure = self._ml / "output" / "failure"
            said = failure.read_text(errors="replace") if failure.is_file() else ""
            ending = f", exit code: {status}"
            room = REASON_LENGTH - len("AlgorithmError: ") - len(ending)
            raise JobFailed(f"AlgorithmError: {said[:room].strip()}{ending}")
        return "Completed"

    def _train(self, credentials: Credentials) -> tuple[int, bool]:
        """Exit status of the training program, and whether MaxRuntimeInSeconds ended it."""
        name = self.description["TrainingJobName"]
        uri = self.description["AlgorithmSpecification"]["TrainingImage"]
        try:
            image = images.resolve(uri)
        except images.ImageNotFound as error:
            raise JobFailed(f"ClientError: Cannot find the requested image: {uri}") from error
        argv = sagemaker_container.command(image, "train")
        if argv is None:
            raise JobFailed(
                "AlgorithmError: CannotStartContainerError. Please make sure the container can be "
                "run with 'docker run <image> train'."
            )
        environment = sagemaker_container.environment(
            image, self.description.get("Environment", {}), self._ml
        )
        environment |= {"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": self.arn}
        if not self.description["EnableNetworkIsolation"]:
            environment |= credentials.environment()
        limit = self.description["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400)
        with LogStream(credentials, GROUP, f"{name}/algo-1-{int(time.time())}") as log:

            def line(text: str) -> None:
                log.write(text)
                self._metrics.read(text)

            with LOCK:
                if self._stopping.is_set():
                    return 0, False
                cwd = image.locate(image.workdir)
                process = self._process = processes.start(argv, cwd, environment, line)
            status = process.wait(limit)
            exceeded = status is None and not self._stopping.is_set()
            if status is None:
                process.terminate(STOP_SECONDS)
                status = process.wait()
        return int(status or 0), exceeded

    def _conclude(self, seconds: int, credentials: Credentials) -> None:
        self.update(
            TrainingEndTime=datetime.now(UTC),
            TrainingTimeInSeconds=seconds,
            BillableTimeInSeconds=seconds,
            FinalMetricDataList=self._metrics.final() or None,
        )
        self._metrics.publish(credentials, GROUP, self.description["TrainingJobName"])

    def _fail(self, reason: str) -> None:
        self._end("Failed", "Failed", FailureReason=reason[:REASON_LENGTH])

    def _end(self, status: str, secondary: str, **fields: Any) -> None:
        now = datetime.now(UTC)
        with LOCK:
            self._phase(secondary, ENDED[secondary], TrainingJobStatus=status, **fields)
            self.description["SecondaryStatusTransitions"][-1]["EndTime"] = now
            self.description.setdefault("TrainingEndTime", now)

    def _phase(self, secondary: str, message: str, **fields: Any) -> None:
        now = datetime.now(UTC)
        with LOCK:
            if self._stopping.is_set() and secondary in ("Downloading", "Training"):
                return
            transitions = self.description["SecondaryStatusTransitions"]
            transitions[-1]["EndTime"] = now
            transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
            self.update(SecondaryStatus=secondary, LastModifiedTime=now, **fields)
        self._announce()

    def _announce(self) -> None:
        """The event of Developer Guide, "Events that SageMaker AI sends to EventBridge"."""
        detail = json.loads(json.dumps(self.snapshot(), default=epoch_ms))
        emit("aws.sagemaker", "SageMaker Training Job State Change", [self.arn], detail)
