"""Captured requests as arrays: SageMaker's files of JSON lines, a request and its answer in each.

(SageMaker AI Developer Guide, "Capture data from real-time endpoint".) Anybody who may ask the
endpoint decides what is in them: a line that cannot be read is counted, and the next one is read.
"""

import base64
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray

from serving import arrays
from serving.decoding import DECODERS
from serving.examples import Examples, Shape

LINE_BYTES = 32 * 1024 * 1024  # a request and an answer of 6 MiB each take 16 MiB as base64
MOST_EXAMPLES = 200_000  # minutes of work
# Examples at once, and their bytes: a small JPEG may be a large picture
BATCH, BATCH_BYTES = 256, 64 * 1024 * 1024
SLACK = 1e-3  # of a probability: an engine's sums are not exact
GOLDEN = "golden-"  # how the inference ID of a deployment's own requests begins

Reason = Literal["golden", "broken", "other-types"]
Floats = NDArray[np.float32]


class Left(Exception):
    """A line that does not count, and why."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


@dataclass(frozen=True)
class CapturedRequest:
    inputs: Examples  # [n, *shape]; a missing number is not finite
    probabilities: Floats  # [n, classes]
    time: datetime


class Captured:
    """Reads a folder, and keeps count of what is left out and of the time that is spanned."""

    def __init__(self, folder: Path, shape: Shape, classes: int) -> None:
        self._shape, self._classes = shape, classes
        # Where there is too much to read it all, a part of each hour is read
        self._files = sorted(each for each in folder.rglob("*.jsonl") if each.is_file())
        random.Random(0).shuffle(self._files)  # noqa: S311 - no secret depends on it
        self.files, self.files_read, self.examples = len(self._files), 0, 0
        self.skipped: Counter[Reason] = Counter()
        self.first: datetime | None = None
        self.last: datetime | None = None

    def batches(self) -> Iterator[tuple[Examples, Floats]]:
        """Inputs and probabilities of many requests at once."""
        inputs: list[Examples] = []
        probabilities: list[Floats] = []
        examples = held = 0
        for one in self._requests():
            inputs.append(one.inputs)
            probabilities.append(one.probabilities)
            examples, held = examples + len(one.inputs), held + one.inputs.nbytes
            if examples >= BATCH or held >= BATCH_BYTES:
                yield np.concatenate(inputs), np.concatenate(probabilities)
                inputs, probabilities, examples, held = [], [], 0, 0
        if inputs:
            yield np.concatenate(inputs), np.concatenate(probabilities)

    def _requests(self) -> Iterator[CapturedRequest]:
        for file in self._files:
            if self.examples >= MOST_EXAMPLES:
                return
            self.files_read += 1
            for line in _lines(file):
                try:
                    found = request(line, self._shape, self._classes)
                except Left as left:
                    self.skipped[left.reason] += 1
                    continue
                self.examples += len(found.inputs)
                self.first = min(self.first or found.time, found.time)
                self.last = max(self.last or found.time, found.time)
                yield found


def _lines(file: Path) -> Iterator[bytes]:
    """What is longer than may be is passed over, and comes as a line that is no JSON."""
    with file.open("rb") as source:
        while line := source.readline(LINE_BYTES):
            if len(line) == LINE_BYTES and not line.endswith(b"\n"):
                while (rest := source.readline(LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
                yield b"too long"
            elif line.strip():
                yield line


def request(line: bytes, shape: Shape, classes: int) -> CapturedRequest:
    """Raises Left."""
    try:
        record = orjson.loads(line)
        about, data = record["eventMetadata"], record["captureData"]
        if str(about.get("inferenceId", "")).startswith(GOLDEN):
            raise Left("golden")
        asked, answered = data["endpointInput"], data["endpointOutput"]
        decode, answers = DECODERS.get(_media(asked)), ANSWERS.get(_media(answered))
        if not decode or not answers:
            raise Left("other-types")
        with np.errstate(over="ignore", invalid="ignore"):
            inputs, probabilities = decode(_body(asked), shape), answers(_body(answered), classes)
        if not 0 < len(inputs) == len(probabilities):
            raise Left("broken")
        if not ((probabilities >= -SLACK) & (probabilities <= 1 + SLACK)).all():
            raise Left("broken")
        return CapturedRequest(inputs, probabilities, _time(about["inferenceTime"]))
    except (Left, MemoryError):
        raise
    except Exception as error:  # a line can be wrong in any way, and none may end the job
        raise Left("broken") from error


def _media(content: dict[str, Any]) -> str:
    return str(content["observedContentType"]).partition(";")[0].strip().lower()


def _body(content: dict[str, Any]) -> bytes:
    """Text as it was, anything else from base64."""
    if content["encoding"] == "BASE64":
        return base64.b64decode(content["data"], validate=True)
    return str(content["data"]).encode()


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _json_answers(body: bytes, classes: int) -> Floats:
    rows = [one["probabilities"] for one in orjson.loads(body)["predictions"]]
    return np.array(rows, np.float32).reshape(len(rows), classes)


ANSWERS: dict[str, Callable[[bytes, int], Floats]] = {
    "application/json": _json_answers,
    "application/x-npy": lambda body, classes: arrays.read(body, (classes,)),
}
