"""A transform job at work: the model's server is started, asked object by object, and ended.

Sources: SageMaker Developer Guide, "Custom Inference Code with Batch Transform", "Use batch
transform to get inferences from large datasets"; API reference, CreateTransformJob.
"""

import http.client
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from local.credentials import Credentials
from local.logs import LogStream
from local.sagemaker import container
from local.sagemaker.jobs import Job, JobFailed
from local.sagemaker.model_server import PING_SECONDS, ModelServer, StartFailed, Unreachable
from local.sagemaker.models import ModelRecord
from local.sagemaker.records import LOCK, TRANSFORM_JOB

GROUP = "/aws/sagemaker/TransformJobs"
MIB = 1024**2
CHOICES = ("MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB")
DEFAULTS = {"MaxConcurrentTransforms": 1, "BatchStrategy": "MultiRecord", "MaxPayloadInMB": 6}
STRATEGIES = {"SINGLE_RECORD": "SingleRecord", "MULTI_RECORD": "MultiRecord"}


@dataclass(frozen=True)
class _Bad(Exception):
    """An object that gets no answer: who is to blame, and what the log of the data says of it."""

    blamed: str
    lines: tuple[str, ...]


class TransformServer(ModelServer):
    """The model's server for a job: what it gets beside is in its environment."""

    def __init__(self, job: dict[str, Any], model: ModelRecord, folder: Path) -> None:
        given = {name: job[name] for name in CHOICES if name in job}
        environment = {
            **model.container.get("Environment", {}),
            **job.get("Environment", {}),
            "SAGEMAKER_BATCH": "true",
            **{_variable(name): _spelt(value) for name, value in given.items()},
        }
        declared = {**model.container, "Environment": environment}
        super().__init__(job["TransformJobName"], "AllTraffic", replace(model, container=declared))
        self.log_group = GROUP
        instance = self.log_stream.rpartition("/")[2]
        self.log_stream = f"{job['TransformJobName']}/{instance}-{int(time.time() * 1000)}"
        self._folder = folder / "server"

    def parameters(self) -> dict[str, Any]:
        """What the container would have where the job leaves it open: GET /execution-parameters,
        which it need not know."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PING_SECONDS)
        try:
            connection.request("GET", "/execution-parameters")
            answer = connection.getresponse()
            told = json.loads(answer.read()) if answer.status == 200 else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()
        if not isinstance(told, dict):
            return {}
        found = {name: told[name] for name in CHOICES if name in told}
        if "BatchStrategy" in found:
            found["BatchStrategy"] = STRATEGIES.get(str(found["BatchStrategy"]), "MultiRecord")
        return found


class TransformJob(Job):
    kind = TRANSFORM_JOB
    home = "transform"

    def __init__(
        self, description: dict[str, Any], tags: list[dict[str, str]], model: ModelRecord
    ) -> None:
        super().__init__(description, tags, {})
        self._model, self._modified = model, datetime.now(UTC)

    def work(self, credentials: Credentials) -> str:
        """ "When your dataset has multiple input files, a transform job continues to process input
        files even if it fails to process one" (Developer Guide)."""
        job, s3 = self.description, credentials.client("s3")
        source = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        if not container.keys(s3, source):
            # As in public reports of batch transform and processing (processing_container.py)
            raise JobFailed(
                f"ClientError: Data download failed: S3 key: {source} matched no files on s3"
            )
        server = TransformServer(job, self._model, self.folder)
        try:
            server.start()
        except StartFailed as error:
            raise JobFailed(f"AlgorithmError: {error}") from error
        try:
            self.update(TransformStartTime=datetime.now(UTC))
            chosen = {**DEFAULTS, **server.parameters()}
            chosen |= {name: job[name] for name in CHOICES if name in job}
            with LogStream(credentials, GROUP, f"{server.log_stream}/data-log") as log:
                log.write(_line(", ".join(f"{name}={chosen[name]}" for name in CHOICES)))
                blamed = self._transform(s3, server, log, chosen)
        finally:
            server.stop()
        if self.watch.stopped:
            return "Stopped"
        if blamed:
            raise JobFailed(f"{blamed}: See job logs for more information")
        return "Completed"

    def summary(self) -> dict[str, Any]:
        """Its description has no time of the last change (API reference)."""
        return {**self.snapshot(), "LastModifiedTime": self._modified}

    def enter_stopping(self) -> None:
        with LOCK:
            if self.status == "InProgress":
                self.enter("Stopping")

    def enter(self, status: str, **fields: Any) -> None:
        self._modified = datetime.now(UTC)
        self.update(TransformJobStatus=status, **fields)
        self.kind.announce(self.snapshot())

    def end(self, how: str, **fields: Any) -> None:
        self.enter(how, TransformEndTime=datetime.now(UTC), **fields)

    def _transform(
        self, s3: Any, server: TransformServer, log: LogStream, chosen: dict[str, Any]
    ) -> str:
        """Every object; the first to be blamed for one without an answer, or ""."""
        source = self.description["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        bucket, prefix = container.split(source)
        self.folder.mkdir(parents=True, exist_ok=True)
        one = partial(self._object, s3, server, log, chosen, bucket, prefix)
        with ThreadPoolExecutor(int(chosen["MaxConcurrentTransforms"])) as pool:
            verdicts = list(pool.map(one, enumerate(container.keys(s3, source))))
        return next(filter(None, verdicts), "")

    def _object(
        self,
        s3: Any,
        server: TransformServer,
        log: LogStream,
        chosen: dict[str, Any],
        bucket: str,
        prefix: str,
        numbered: tuple[int, str],
    ) -> str:
        """ "If an input file contains a bad record, the transform job doesn't create an output file
        for that input file" (Developer Guide). Who is to blame, or ""."""
        number, key = numbered
        if self.watch.stopped:
            return ""
        local = self.folder / f"{number}.in"
        answers = self.folder / f"{number}.out"
        target = self.description["TransformOutput"]
        try:
            s3.download_file(bucket, key, str(local))
            with answers.open("wb") as out:
                for payload in self._payloads(local, chosen):
                    if self.watch.stopped:
                        return ""
                    out.write(self._ask(server, payload))
                    if target.get("AssembleWith") == "Line":
                        out.write(b"\n")
            place, name = container.split(
                container.join(target["S3OutputPath"], f"{_relative(key, prefix)}.out")
            )
            extra = container.encryption(target.get("KmsKeyId"))
            s3.upload_file(str(answers), place, name, ExtraArgs=extra)
        except _Bad as bad:
            for line in bad.lines:
                log.write(_line(f"{bucket}/{key}: {line}"))
            return bad.blamed
        finally:
            local.unlink(missing_ok=True)
            answers.unlink(missing_ok=True)
        return ""

    def _payloads(self, file: Path, chosen: dict[str, Any]) -> Iterator[bytes]:
        """The bodies of an object's requests. Raises _Bad for one that is too large."""
        most = int(chosen["MaxPayloadInMB"]) * MIB
        too_much = _Bad("ClientError", ("Too much data for max payload size",))
        if self.description["TransformInput"].get("SplitType", "None") == "None":
            if file.stat().st_size > most:
                raise too_much
            yield file.read_bytes()
            return
        single = chosen["BatchStrategy"] == "SingleRecord"
        with file.open("rb") as lines:
            for payload in _gathered(lines, 1 if single else most, most):
                if len(payload) > most:
                    raise too_much
                yield payload

    def _ask(self, server: TransformServer, payload: bytes) -> bytes:
        """The model's answer. Raises _Bad, with lines as in public reports
        (github.com/aws/amazon-sagemaker-examples, issue 1620)."""
        given = {
            "Content-Type": self.description["TransformInput"].get("ContentType"),
            "Accept": self.description["TransformOutput"].get("Accept"),
        }
        server.enter()
        try:
            answer = server.invoke(payload, {name: text for name, text in given.items() if text})
        except Unreachable as error:
            line = f"Unable to get response from algorithm: {error}"
            raise _Bad("AlgorithmError", (line,)) from error
        if not 200 <= answer.status < 300:
            blamed = "ClientError" if 400 <= answer.status < 500 else "AlgorithmError"
            body = answer.body.decode(errors="replace")
            raise _Bad(blamed, (f"{blamed}: {answer.status}", "", "Message:", body))
        return answer.body


def _gathered(lines: Iterable[bytes], enough: int, most: int) -> Iterator[bytes]:
    """Lines together, as many as have `enough` bytes and do not pass `most`."""
    payload = b""
    for line in lines:
        if payload and (len(payload) >= enough or len(payload) + len(line) > most):
            yield payload
            payload = b""
        payload += line
    if payload:
        yield payload


def _relative(key: str, prefix: str) -> str:
    """Under the place of the output the object is called as under its prefix (API reference,
    TransformOutput, S3OutputPath); one that is named itself has its own name."""
    folder = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
    if key.startswith(folder):
        return key.removeprefix(folder)
    return key.removeprefix(prefix.rpartition("/")[0]).lstrip("/")


def _line(text: str) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").partition("+")[0]
    return f"{now}:[sagemaker logs]: {text}"


def _variable(name: str) -> str:
    return {
        "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
        "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
        "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    }[name]


def _spelt(value: Any) -> str:
    spelt = {ours: theirs for theirs, ours in STRATEGIES.items()}
    return spelt.get(value, str(value))
