"""A job from its record to its end, whatever its kind and whatever becomes of it."""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from local.authorization import keys
from local.authorization.ask import Ask
from local.authorization.hold import require
from local.context import current
from local.credentials import Credentials
from local.images import ImageNotAllowed, ImageNotFound, check_pull
from local.sagemaker import container
from local.sagemaker.instances import JobWatch
from local.sagemaker.records import LOCK, Record, ResourceKind

REASON_LENGTH = 1024  # FailureReason, API reference, DescribeTrainingJob, DescribeProcessingJob
FAILED_SECONDS = 10.0  # for instances that end because another has failed; AWS gives no number


def require_key(credentials: Credentials, key: str | None) -> None:
    """ "If you specify a KMS key in the output configuration …: kms:Encrypt" (Developer Guide,
    "SageMaker execution roles", CreateTrainingJob, CreateProcessingJob). Raises ClientError."""
    if key:
        require(credentials, "Encrypt", Ask("kms:Encrypt", keys.arn(key)))


class JobFailed(Exception):
    """The text is the job's FailureReason."""


class Job(Record):
    """A job that runs programs. Its kind says what it does (`work`) and how its end is told."""

    kind: ClassVar[ResourceKind]
    home: ClassVar[str]  # the folder in the endpoint's home that has one for each job

    def __init__(
        self, description: dict[str, Any], tags: list[dict[str, str]], limits: Mapping[str, float]
    ) -> None:
        super().__init__(description, tags)
        self.name: str = description[f"{self.kind.name}Name"]
        self.watch = JobWatch(limits)
        self.folder = current().home / self.home / self.name

    @property
    def status(self) -> str:
        return str(self.description[f"{self.kind.name}Status"])

    def run(self, credentials: Credentials) -> None:
        """Everything after the job's creation was answered; returns when the job has ended."""
        try:
            self.end(self.work(credentials))
        except JobFailed as error:
            self._fail(str(error))
        except (ClientError, BotoCoreError, OSError, ValueError) as error:
            self._fail(f"ClientError: {error}")
        except BaseException as error:
            self._fail(f"InternalServerError: {error}")
            raise
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def stop(self) -> bool:
        """Begin to stop; False if the job has ended."""
        with LOCK:
            self.enter_stopping()
            self.watch.stop()
            return self.status == "Stopping"

    def work(self, credentials: Credentials) -> str:
        """Do the job; how it ended. Raises JobFailed."""
        raise NotImplementedError

    def enter_stopping(self) -> None:
        """Go on to Stopping, unless the job has ended or stops already."""
        raise NotImplementedError

    def end(self, how: str, **fields: Any) -> None:
        raise NotImplementedError

    def program(
        self, uri: str, arguments: Sequence[str], entrypoint: Sequence[str] = ()
    ) -> container.Program:
        """The image's program, pulled with the job's role. Raises JobFailed."""
        try:
            check_pull(uri, self.description["RoleArn"])
            return container.program(uri, arguments, entrypoint)
        except ImageNotFound as error:
            raise JobFailed(f"ClientError: Cannot find the requested image: {uri}") from error
        except ImageNotAllowed as error:
            raise JobFailed(f"ClientError: {error}") from error
        except container.NoProgram as error:
            raise JobFailed(
                "AlgorithmError: CannotStartContainerError. Please make sure the container can be "
                f"run with '{error}'."
            ) from error

    def _fail(self, reason: str) -> None:
        self.end("Failed", FailureReason=reason[:REASON_LENGTH])
