"""A model server: one process that answers requests, kept alive."""

import contextlib
import http.client
import math
import secrets
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import processes
from local.context import current
from local.credentials import Credentials, NotAuthorized, assume
from local.images import ImageNotAllowed, ImageNotFound, check_pull
from local.logs import LogStream
from local.sagemaker import container
from local.sagemaker.models import ModelRecord
from local.sagemaker.records import SERVICE

START_SECONDS = 120.0  # SageMaker waits some minutes; a process has no instance to boot
PING_SECONDS = 2.0  # "Custom Inference Code with Hosting Services", health checks
STOP_SECONDS = 30.0  # the same page: SIGTERM, then SIGKILL after 30 seconds
RESTART_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
INVOKE_SECONDS = 60.0  # "… must respond to requests within 60 seconds", the same page


class StartFailed(Exception):
    """The text is the endpoint's FailureReason."""


class Unreachable(Exception):
    """The server gave no answer: it is down, or took too long."""


@dataclass(frozen=True)
class ModelAnswer:
    status: int
    headers: dict[str, str]
    body: bytes


class ModelServer:
    """An instance of a production variant, from its model archive to its process's end."""

    def __init__(
        self, endpoint: str, variant: str, model: ModelRecord, patience: float = START_SECONDS
    ) -> None:
        self._endpoint, self.variant, self._model = endpoint, variant, model
        self.log_group = f"/aws/sagemaker/Endpoints/{endpoint}"
        self.log_stream = f"{variant}/i-{secrets.token_hex(9)[:17]}"
        instance = self.log_stream.rpartition("/")[2]
        self._folder = current().home / "endpoints" / endpoint / instance
        self._lock, self._patience = threading.Lock(), patience
        self._idle = threading.Condition()
        self.requests = 0  # that it answers now
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._process: processes.Child | None = None
        self._log: LogStream | None = None
        self._port = 0

    @property
    def ready(self) -> bool:
        """Whether it has passed its ping since it was last started, and has not ended."""
        return self._ready.is_set()

    def start(self) -> None:
        """Bring the server up to its first healthy ping. Raises StartFailed."""
        try:
            model = self._model.description
            role, arn = model["ExecutionRoleArn"], model["ModelArn"]
            credentials = assume(role, SERVICE, "SageMaker", arn)
            self._launch = self._prepare(credentials)
            self._log = LogStream(credentials, self.log_group, self.log_stream)
            self._run()
            self._await_ping(self._patience)
        except (NotAuthorized, ClientError, BotoCoreError, OSError) as error:
            self.stop()
            raise StartFailed(f"Failed to start the model container: {error}") from error
        except StartFailed:
            self.stop()
            raise
        threading.Thread(target=self._keep_alive, daemon=True, name=self._endpoint).start()

    def enter(self) -> None:
        """A request is coming; `invoke` is its end."""
        with self._idle:
            self.requests += 1

    def stop(self) -> None:
        """Let the requests that have entered finish, end the process; returns when it is gone."""
        self._stopping.set()
        with self._idle:
            self._idle.wait_for(lambda: self.requests == 0, INVOKE_SECONDS)
        with self._lock:
            process = self._process
        if process:
            process.terminate(STOP_SECONDS)
        if self._log:
            self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def invoke(self, body: bytes, headers: dict[str, str]) -> ModelAnswer:
        """POST /invocations, after `enter`. Raises Unreachable."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=INVOKE_SECONDS)
        try:
            connection.request("POST", "/invocations", body, headers)
            response = connection.getresponse()
            return ModelAnswer(response.status, dict(response.getheaders()), response.read())
        except TimeoutError as error:
            raise Unreachable(
                "Your invocation timed out while waiting for a response from container "
                f"{self.variant}. Review the latency metrics for each container in Amazon "
                "CloudWatch, resolve the issue, and try again."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"the model server does not answer: {error}") from error
        finally:
            connection.close()
            with self._idle:
                self.requests -= 1
                self._idle.notify_all()

    def _prepare(self, credentials: Credentials) -> tuple[list[str], Path, dict[str, str]]:
        declared = self._model.container
        try:
            check_pull(declared["Image"], self._model.description["ExecutionRoleArn"])
            program = container.program(declared["Image"], ["serve"])
        except (ImageNotFound, ImageNotAllowed) as error:
            raise StartFailed(str(error)) from error
        except container.NoProgram as error:
            raise StartFailed(
                "CannotStartContainerError. Please ensure the model container for variant "
                f"{self.variant} starts correctly when invoked with 'docker run <image> serve'."
            ) from error
        ml = self._folder / "opt" / "ml"
        (ml / "model").mkdir(parents=True)
        if declared.get("ModelDataUrl"):
            self._fetch(credentials.client("s3"), declared["ModelDataUrl"], ml / "model")
        environment = program.environment(declared.get("Environment", {}), ml)
        if not self._model.description["EnableNetworkIsolation"]:
            environment |= credentials.environment()
        return program.argv, program.folder, environment

    def _fetch(self, s3: Any, uri: str, folder: Path) -> None:
        archive = self._folder / "model.tar.gz"
        bucket, key = container.split(uri)
        try:
            s3.download_file(bucket, key, str(archive))
            container.unpack(archive, folder)
        except ClientError as error:
            raise StartFailed(
                f'Failed to download model data for container "container_1" from URL: "{uri}". '
                "Please ensure that there is an object located at the URL and that the role passed "
                f"to CreateModel has permissions to download the object. ({error})"
            ) from error
        except ValueError as error:
            raise StartFailed(
                f'Failed to extract model data archive for container "container_1" from URL "{uri}"'
                ". Please ensure that the object located at the URL is a valid tar.gz archive. "
                f"({error})"
            ) from error
        archive.unlink()

    def _run(self) -> None:
        argv, cwd, environment = self._launch
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        where = {"SAGEMAKER_BIND_TO_PORT": str(port), "SERVE_HOST": "127.0.0.1"}
        assert self._log is not None
        with self._lock:
            if self._stopping.is_set():
                return
            self._process = processes.start(argv, cwd, environment | where, self._log.write)
            self._port = port

    def _await_ping(self, patience: float) -> None:
        deadline = time.monotonic() + patience
        while not self._stopping.is_set() and time.monotonic() < deadline:
            if self._healthy():
                self._ready.set()
                return
            if self._process and self._process.returncode is not None:
                break
            time.sleep(0.02)
        raise StartFailed(
            f"The primary container for production variant {self.variant} did not pass the ping "
            "health check. Please check CloudWatch logs for this endpoint."
        )

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PING_SECONDS)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _keep_alive(self) -> None:
        """Start an ended server again, at growing intervals while it keeps ending."""
        attempt = 0
        while self._process is not None:
            began = time.monotonic()
            self._process.wait()
            self._ready.clear()
            if time.monotonic() - began > RESTART_SECONDS[-1]:
                attempt = 0
            if self._stopping.wait(RESTART_SECONDS[min(attempt, len(RESTART_SECONDS) - 1)]):
                return
            if not _accepts(current().port):  # the whole endpoint is ending, its children with it
                return
            attempt += 1
            with contextlib.suppress(OSError, StartFailed):
                self._run()
                self._await_ping(math.inf)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(PING_SECONDS)
        return probe.connect_ex(("127.0.0.1", port)) == 0
