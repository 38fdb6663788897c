"""Calls that come too fast are refused, as AWS refuses them, where somebody asked for it."""

import json
import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local.context import SERVED
from local.refusals import TurnedAway, unsupported

# What is said of too many calls, and by which code: S3 (Error responses, Amazon S3 API Reference),
# SNS (Publish, Amazon SNS API Reference), else as most services do (Common Error Types)
_WORDS = {
    "s3": ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
    "sns": ("429 Too Many Requests", "Throttled", "Rate exceeded"),
}
_USUAL = ("400 Bad Request", "ThrottlingException", "Rate exceeded")
# Their requests name the operation in the body, or only by method and path
_UNNAMED = {"cloudformation", "iam", "s3", "sns", "sts"}


@dataclass
class _Bucket:
    """Tokens that come back at a rate; a call takes one (API request throttling)."""

    rate: float
    tokens: float = 0.0
    filled: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.tokens = min(max(1.0, self.rate), self.tokens + (now - self.filled) * self.rate)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


_buckets: dict[str, _Bucket] = {}
_lock = threading.Lock()


def hold_back(environ: dict[str, Any], service: str) -> None:
    """Raises TurnedAway for a call that comes too fast for its service or its operation."""
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    operation = target or environ["PATH_INFO"].rpartition("/operation/")[2]
    with _lock:
        found = [_buckets.get(name) for name in (service, f"{service}:{operation}")]
        refused = not all(bucket.take() for bucket in found if bucket)
    if refused:
        raise TurnedAway(*_WORDS.get(service, _USUAL))


def throttle(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """POST /_local/throttle: {"Calls": a service or service:Operation, "Rate": calls each second,
    or null for no limit}; answers {}. Raises TurnedAway."""
    try:
        asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        calls = str(asked["Calls"])
        rate = None if asked["Rate"] is None else float(asked["Rate"])
    except (ValueError, KeyError, TypeError) as error:
        raise TurnedAway("400 Bad Request", "SerializationException", str(error)) from None
    service, _, operation = calls.partition(":")
    if service not in SERVED:
        raise _invalid(unsupported(f"to throttle the service {service}", *sorted(SERVED)))
    if operation and service in _UNNAMED:
        raise _invalid(unsupported(f"to throttle one operation of {service}", service))
    if rate is not None and not 0 <= rate < math.inf:
        raise _invalid("Rate must be from 0 on")
    with _lock:
        _buckets.pop(calls, None)
        if rate is not None:
            _buckets[calls] = _Bucket(rate)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")])
    return [b"{}"]


def _invalid(message: str) -> TurnedAway:
    return TurnedAway("400 Bad Request", "ValidationException", message)
