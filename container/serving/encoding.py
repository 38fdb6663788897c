"""Predictions to the body of an answer, of a type that the client accepts."""

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from serving.answers import JSON
from serving.engines import Prediction

ROWS = 256  # written at once: no other thread runs meanwhile


def to_json(found: Prediction) -> bytes:
    """{"predictions": [{"classes": 7, "probabilities": [...]}, ...]}, as TensorFlow Serving."""
    if len(found.classes) <= ROWS:  # as most are, which need not be put together
        return _dumps({"predictions": _objects(found)})
    places = (slice(at, at + ROWS) for at in range(0, len(found.classes), ROWS))
    parts = (_dumps(_objects(found, some))[1:-1] for some in places)
    return b'{"predictions":[%b]}' % b",".join(parts)


def _objects(found: Prediction, some: slice = slice(None)) -> list[dict[str, Any]]:
    rows = zip(found.classes[some].tolist(), found.probabilities[some], strict=True)
    return [{"classes": one, "probabilities": row} for one, row in rows]


def _dumps(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def to_npy(found: Prediction) -> bytes:
    """The probabilities as an array [n, classes]."""
    file = io.BytesIO()
    np.save(file, found.probabilities, allow_pickle=False)
    return file.getvalue()


ENCODERS: dict[str, Callable[[Prediction], bytes]] = {JSON: to_json, "application/x-npy": to_npy}


@lru_cache(64)
def negotiate(accept: str) -> str | None:
    """The type that an Accept header prefers, JSON if it does not care; None if it takes none.

    (RFC 9110, section 12.5.1)
    """
    qualities = dict(map(_range, accept.lower().split(",")))

    def quality(media: str) -> float:
        ranges = (media, "application/*", "*/*")
        return next((qualities[one] for one in ranges if one in qualities), 0)

    best = max(ENCODERS, key=quality)
    return best if quality(best) > 0 else None


def _range(text: str) -> tuple[str, float]:
    media, *parameters = (part.strip() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media, float(parameter[2:])
            except ValueError:
                return media, 0
    return media, 1
