"""Data capture: a share of the requests to an endpoint and its answers, as files in S3.

Layout and records: Developer Guide, "Capture data from real-time endpoint". They are written with
the model's execution role, as on AWS ("Model Monitor prerequisites"). Nothing of this is waited for
by a request, and no request fails by it: what cannot be kept or written is dropped, and the
endpoint's own log says so.
"""

import base64
import json
import random
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local.background import background
from local.credentials import NotAuthorized, assume
from local.sagemaker import container
from local.sagemaker.records import SERVICE, invalid

FLUSH_SECONDS = 2.0  # AWS: "can require a couple of minutes"
FILE_BYTES = 4 * 1024**2  # a file is written as soon as it has so many
MOST_BYTES = 64 * 1024**2  # kept in memory for S3; what comes beyond is dropped


@dataclass(frozen=True)
class Content:
    """A body as it went to the model, or came from it."""

    type: str
    body: bytes


def check(config: Mapping[str, Any]) -> None:
    """DataCaptureConfig of an endpoint configuration. Raises AwsError."""
    try:
        container.split(config["DestinationS3Uri"])
    except ValueError as error:
        raise invalid(f"DataCaptureConfig.DestinationS3Uri: {error}") from error


@dataclass(frozen=True)
class Invocation:
    """A request and its answer, with what the request says of itself."""

    asked: Content
    answered: Content
    inference_id: str | None
    attributes: str | None
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __len__(self) -> int:
        return len(self.asked.body) + len(self.answered.body)


class Capture:
    """What one fleet captures, with the role of its model."""

    def __init__(self, endpoint: str, config: Mapping[str, Any], model: Mapping[str, Any]) -> None:
        (variant,) = config["ProductionVariants"]
        self._config = config.get("DataCaptureConfig") or {"EnableCapture": False}
        self._model = model
        self._place = f"{endpoint}/{variant['VariantName']}"
        self._taken: list[Invocation] = []
        self._bytes = 0
        self._change = threading.Condition()
        self._writer: threading.Thread | None = None
        self._ended = False

    def take(self, invocation: Invocation) -> None:
        """Keep a request and its answer for S3, if chance takes it."""
        if not self._config["EnableCapture"]:
            return
        percent = self._config["InitialSamplingPercentage"]
        if random.random() * 100 >= percent:  # noqa: S311 - no secret depends on it
            return
        with self._change:
            if self._bytes + len(invocation) > MOST_BYTES:
                return _say(f"{self._place}: a request was not captured, too many wait for S3")
            self._taken.append(invocation)
            self._bytes += len(invocation)
            if self._writer is None:
                self._writer = background(self._write)
            self._change.notify()

    def stop(self) -> None:
        """What was taken so far is in S3 when this returns."""
        with self._change:
            self._ended, writer = True, self._writer
            self._change.notify()
        if writer:
            writer.join()

    def _write(self) -> None:
        """Bring to S3 what was taken, until nothing was for a while."""
        while True:
            until = time.monotonic() + FLUSH_SECONDS
            with self._change:
                while not self._ended and self._bytes < FILE_BYTES:
                    if not self._change.wait(max(0.0, until - time.monotonic())):
                        break
                taken, self._taken = self._taken, []
                if not taken:
                    self._writer = None
                    return
            by_hour: dict[str, list[Invocation]] = {}
            for each in taken:
                by_hour.setdefault(f"{each.time:%Y/%m/%d/%H}", []).append(each)
            for hour, invocations in by_hour.items():
                self._put(hour, invocations)
            with self._change:
                self._bytes -= sum(map(len, taken))

    def _put(self, hour: str, invocations: Sequence[Invocation]) -> None:
        bucket, prefix = container.split(self._config["DestinationS3Uri"])
        now = datetime.now(UTC)
        name = f"{now:%M-%S}-{now.microsecond // 1000:03}-{uuid.uuid4()}.jsonl"
        key = "/".join([*filter(None, [prefix.rstrip("/")]), self._place, hour, name])
        encryption = {}
        if kms := self._config.get("KmsKeyId"):
            encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms}
        role, arn = self._model["ExecutionRoleArn"], self._model["ModelArn"]
        try:
            body = b"".join(map(self._record, invocations))
            s3 = assume(role, SERVICE, "SageMaker", arn).client("s3")
            s3.put_object(Bucket=bucket, Key=key, Body=body, **encryption)
        except Exception as error:  # whatever it is, the endpoint goes on
            reason = error if isinstance(error, NotAuthorized) else f"with the role {role}: {error}"
            _say(f"{self._place}: captured data was not written to s3://{bucket}/{key}: {reason}")

    def _record(self, one: Invocation) -> bytes:
        """A line. That `customAttributes` is a list is only known from what reads it."""
        options = {each["CaptureMode"] for each in self._config["CaptureOptions"]}
        data = {}
        if "Input" in options:
            data["endpointInput"] = self._content(one.asked, "INPUT")
        if "Output" in options:
            data["endpointOutput"] = self._content(one.answered, "OUTPUT")
        about: dict[str, Any] = {"eventId": str(uuid.uuid4())}
        if one.inference_id:
            about["inferenceId"] = one.inference_id
        if one.attributes:
            about["customAttributes"] = [one.attributes]
        about["inferenceTime"] = f"{one.time:%Y-%m-%dT%H:%M:%SZ}"
        record = {"captureData": data, "eventMetadata": about, "eventVersion": "0"}
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"

    def _content(self, content: Content, mode: str) -> dict[str, str]:
        encoding = self._encoding(content.type)
        try:
            data = content.body.decode() if encoding != "BASE64" else ""
        except UnicodeDecodeError:
            encoding = "BASE64"
        if encoding == "BASE64":
            data = base64.b64encode(content.body).decode()
        return {
            "observedContentType": content.type,
            "mode": mode,
            "data": data,
            "encoding": encoding,
        }

    def _encoding(self, content_type: str) -> str:
        """ "If no headers are specified SageMaker AI will by default base64 encode when capturing
        the data" (DataCaptureConfig, SageMaker API Reference)."""
        headers = self._config.get("CaptureContentTypeHeader", {})
        kind = content_type.partition(";")[0].strip().lower()
        for encoding, listed in (("CSV", "CsvContentTypes"), ("JSON", "JsonContentTypes")):
            if kind in [each.lower() for each in headers.get(listed, [])]:
                return encoding
        return "BASE64"


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
