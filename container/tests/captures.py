"""Folders as the drift program finds them: a baseline, and files of captured requests."""

import base64
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from evaluation.baseline import Distribution
from serving import encoding
from serving.engines import Prediction

JSON, NPY, PNG, JPEG = "application/json", "application/x-npy", "image/png", "image/jpeg"
Floats = np.ndarray


def answers(count: int, classes: int = 3, seed: int = 0) -> Floats:
    """Probabilities of every kind."""
    raw = np.random.default_rng(seed).random((count, classes)) ** 4
    return (raw / raw.sum(1, keepdims=True)).astype(np.float32)


def spread(inputs: Floats, probabilities: Floats) -> Distribution:
    found = Distribution(inputs.shape[1:], [f"class {n}" for n in range(probabilities.shape[1])])
    found.add(inputs, probabilities)
    return found


def baseline(processing: Path, inputs: Floats, probabilities: Floats) -> Path:
    file = processing / "input/baseline/baseline.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(spread(inputs, probabilities).document()))
    return file


def record(
    inputs: Floats,
    probabilities: Floats,
    media: str = JSON,
    accept: str = JSON,
    time: str = "2026-11-28T10:00:00Z",
    **about: Any,
) -> dict[str, Any]:
    """A request and its answer, as SageMaker captures them."""
    answer = encoding.ENCODERS[accept](Prediction(probabilities.argmax(1), probabilities))
    return {
        "captureData": {
            "endpointInput": _content(media, "INPUT", _body(media, inputs)),
            "endpointOutput": _content(accept, "OUTPUT", answer),
        },
        "eventMetadata": {"eventId": "0a1b", "inferenceTime": time, **about},
        "eventVersion": "0",
    }


def capture(processing: Path, records: Iterable[dict[str, Any] | bytes], hour: str = "10") -> Path:
    """A file of lines: records, or bytes as they are."""
    folder = processing / "input/captured/mlops/AllTraffic/2026/11/28" / hour
    folder.mkdir(parents=True, exist_ok=True)
    lines = (one if isinstance(one, bytes) else json.dumps(one).encode() for one in records)
    file = folder / f"{len(list(folder.iterdir())):02}-00-0a1b.jsonl"
    file.write_bytes(b"".join(line + b"\n" for line in lines))
    return file


def _body(media: str, inputs: Floats) -> bytes:
    if media == JSON:
        return json.dumps({"instances": inputs.tolist()}).encode()
    file = io.BytesIO()
    if media == NPY:
        np.save(file, inputs)
    else:
        kind = media.removeprefix("image/")
        Image.fromarray(inputs[0].astype(np.uint8).squeeze()).save(file, kind, quality=95)
    return file.getvalue()


def _content(media: str, mode: str, body: bytes) -> dict[str, str]:
    """What is not said to be JSON or CSV is captured as base64."""
    plain = media == JSON
    data = body.decode() if plain else base64.b64encode(body).decode()
    encoded = "JSON" if plain else "BASE64"
    return {"observedContentType": media, "mode": mode, "data": data, "encoding": encoded}
