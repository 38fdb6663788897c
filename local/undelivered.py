"""What becomes of an event that its target does not take: it is tried again, or it goes to a queue
of dead letters.

Sources: EventBridge User Guide, "Using dead-letter queues to process undelivered events" (the
attributes and codes; what lacks a permission or a resource is not tried again), "How EventBridge
retries delivering events".
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from local.cloudwatch.metrics import record
from local.context import current
from local.credentials import Credentials, NotAuthorized, administrator

UNDELIVERED = (NotAuthorized, ClientError, BotoCoreError, ValueError)
_RETRIED = {"THROTTLING", "INTERNAL_ERROR", "CONNECTION_FAILURE"}
_SLOWEST = 60.0  # seconds between two attempts
_CODES = (
    (r"AccessDenied|AuthorizationError|Unauthorized", "NO_PERMISSIONS"),
    (r"DoesNotExist|NotFound|NoSuch|NonExistent", "NO_RESOURCE"),
    (r"Throttl|TooManyRequests|SlowDown|LimitExceeded", "THROTTLING"),
    (r"AlreadyExists", "RESOURCE_ALREADY_EXISTS"),
    (r"Invalid|Validation", "INVALID_PARAMETER"),
    (r"Internal|Unavailable", "INTERNAL_ERROR"),
)


@dataclass(frozen=True)
class Undelivery:
    code: str
    message: str
    retries: int
    exhausted: str = ""

    def attributes(self) -> dict[str, str]:
        return {
            "ERROR_CODE": self.code,
            "ERROR_MESSAGE": self.message,
            "RETRY_ATTEMPTS": str(self.retries),
            **({"EXHAUSTED_RETRY_CONDITION": self.exhausted} if self.exhausted else {}),
        }


def attempt(start: Callable[[int], None], policy: Mapping[str, int]) -> Undelivery | None:
    """Call `start` with the number of the attempt, as often as the policy allows; None when it is
    done."""
    most = policy.get("MaximumRetryAttempts", 185)
    until = time.monotonic() + policy.get("MaximumEventAgeInSeconds", 86400)
    for retries in count():
        try:
            start(retries + 1)
            return None
        except UNDELIVERED as error:
            failure = Undelivery(_code(error), str(error), retries)
        if failure.code not in _RETRIED:
            return failure
        pause = min(2.0**retries, _SLOWEST)
        if retries >= most:
            return Undelivery(failure.code, failure.message, retries, "MaximumRetryAttempts")
        if time.monotonic() + pause > until:
            return Undelivery(failure.code, failure.message, retries, "MaximumEventAgeInSeconds")
        time.sleep(pause)
    return None


def _code(error: Exception) -> str:
    match error:
        case NotAuthorized():
            return "FAILED_TO_ASSUME_ROLE"
        case ValueError():
            return "INVALID_JSON"
        case ClientError():
            said = error.response["Error"]["Code"]
            found = (code for words, code in _CODES if re.search(words, said))
            return next(found, "SDK_CLIENT_ERROR")
        case HTTPClientError():
            return "CONNECTION_FAILURE"
    return "INVALID_PARAMETER"


def send(who: Credentials, queue: str, body: str, attributes: Mapping[str, str]) -> None:
    """Leave what was not delivered in the queue of this ARN. Raises one of UNDELIVERED."""
    name = queue.rpartition(":")[2]
    who.client("sqs").send_message(
        QueueUrl=f"{current().url}/{current().account}/{name}",
        MessageBody=body,
        MessageAttributes={
            key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()
        },
    )
    told = (
        administrator()
        .client("sqs")
        .get_queue_attributes(
            QueueUrl=f"{current().url}/{current().account}/{name}",
            AttributeNames=["ApproximateNumberOfMessages"],
        )
    )
    visible = float(told["Attributes"]["ApproximateNumberOfMessages"])
    record("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name}, visible, "Count")
