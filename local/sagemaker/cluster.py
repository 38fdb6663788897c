"""The instances of one attempt at a training job: started together, ended together."""

import threading
import time
from pathlib import Path
from typing import Any

from local import images, processes
from local.credentials import Credentials
from local.logs import LogStream
from local.sagemaker import container
from local.sagemaker.instance import Instance
from local.sagemaker.volume import JobFailed

GROUP = "/aws/sagemaker/TrainingJobs"
REASON_LENGTH = 1024  # FailureReason, API reference, DescribeTrainingJob


class Cluster:
    """Instances named as SageMaker names them; `changed` is notified when one has ended."""

    def __init__(self, count: int, folder: Path, changed: threading.Condition) -> None:
        self.instances = [Instance(f"algo-{number}", folder) for number in range(1, count + 1)]
        self._changed = changed
        self._ended: list[Instance] = []

    @property
    def verdict(self) -> str | None:
        """Completed once all have ended well, Failed once one has not; until then None."""
        if any(each.status for each in self._ended):
            return "Failed"
        return "Completed" if len(self._ended) == len(self.instances) else None

    @property
    def reason(self) -> str:
        """FailureReason: of the first to fail that wrote why, or else of the first to fail."""
        failed = [each for each in self._ended if each.status]
        teller = next((each for each in failed if each.failure), failed[0])
        start, end = "AlgorithmError: ", f", exit code: {teller.status}"
        return f"{start}{teller.failure[: REASON_LENGTH - len(start + end)]}{end}"

    def start(
        self,
        job: dict[str, Any],
        credentials: Credentials,
        ports: list[int],
        read: processes.LineHandler,
    ) -> None:
        """Run the image's `train` on every instance. Raises JobFailed, OSError.

        Log streams are named as in Developer Guide, "CloudWatch Logs for Amazon SageMaker AI".
        TRAINING_ADDRESSES is this endpoint's: where each instance can listen although all are one
        machine, in the order of their numbers. On SageMaker each has a name and all ports.
        """
        uri = job["AlgorithmSpecification"]["TrainingImage"]
        try:
            image = images.resolve(uri)
        except images.ImageNotFound as error:
            raise JobFailed(f"ClientError: Cannot find the requested image: {uri}") from error
        argv = container.command(image, "train")
        if argv is None:
            raise JobFailed(
                "AlgorithmError: CannotStartContainerError. Please make sure the container can be "
                "run with 'docker run <image> train'."
            )
        variables = {
            "TRAINING_JOB_NAME": job["TrainingJobName"],
            "TRAINING_JOB_ARN": job["TrainingJobArn"],
        }
        if len(ports) > 1:
            variables["TRAINING_ADDRESSES"] = ",".join(f"127.0.0.1:{port}" for port in ports)
        if not job["EnableNetworkIsolation"]:
            variables |= credentials.environment()
        requested, cwd = job.get("Environment", {}), image.locate(image.workdir)
        for instance in self.instances:
            environment = container.environment(image, requested, instance.ml) | variables
            stream = f"{job['TrainingJobName']}/{instance.name}-{int(time.time())}"
            log = LogStream(credentials, GROUP, stream)
            instance.start(argv, cwd, environment, log, read, self._note)

    def terminate(self, grace: float) -> None:
        """SIGTERM to all that run, SIGKILL after `grace` seconds; returns when none is left."""
        started = [each for each in self.instances if each.process]
        processes.terminate([each.process for each in started if each.process], grace)
        with self._changed:
            self._changed.wait_for(lambda: len(self._ended) == len(started))

    def _note(self, instance: Instance) -> None:
        with self._changed:
            self._ended.append(instance)
            self._changed.notify_all()
