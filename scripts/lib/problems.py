"""How a mistake is told: one sentence that names the fix, and an exit status."""

import os
import re
import sys
import textwrap
from collections.abc import Callable

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    UnknownRegionError,
)
from botocore.exceptions import ConnectionError as HTTPConnectionError
from botocore.parsers import ResponseParserError

USAGE, FAILED, INTERRUPTED = 2, 1, 130
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
BAD_KEYS = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidAccessKeyId",
)
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
LOCAL = "`make local` in another terminal and `source .local/env`"


class Problem(Exception):
    """Something the person can fix, in one sentence; `code` is the exit status."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def guarded(work: Callable[[], int], interrupted: str) -> int:
    """Run a script's work; mistakes, refusals and Ctrl-C become a sentence and an exit status."""
    try:
        return work()
    except KeyboardInterrupt:
        print(f"\nStopped looking. {interrupted}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except Problem as problem:
        print(wrapped(f"Error: {problem}"), file=sys.stderr)
        return problem.code
    except (ClientError, BotoCoreError, ResponseParserError, UnknownRegionError) as error:
        print(wrapped(f"Error: {explain(error)}"), file=sys.stderr)
        return FAILED


def wrapped(text: str) -> str:
    """The text in lines of at most 80 columns; words that do not fit, as addresses, stay whole."""
    return textwrap.fill(text, 80, break_long_words=False, break_on_hyphens=False)


def explain(error: Exception, where: str = "") -> str:
    """One line for an AWS error: what was refused, to whom, and the way out."""
    endpoint = overridden()
    if isinstance(error, ResponseParserError):
        cause = f"AWS_ENDPOINT_URL={endpoint}" if endpoint else "the proxy"
        return f"what answers{where} is not AWS: check {cause}"
    if isinstance(error, EndpointConnectionError | HTTPConnectionError):
        hint = "is the network up?"
        if endpoint:
            hint = f"is the local endpoint running at {endpoint}? If not, {LOCAL}"
        return f"AWS cannot be reached{where}: {hint}"
    if not isinstance(error, ClientError):
        return " ".join(str(error).split())
    code = error_code(error)
    message = " ".join(error.response["Error"].get("Message", "").split())
    if code in EXPIRED:
        return "the AWS credentials have expired: log in again (`aws sso login`), then repeat"
    if code in BAD_KEYS:
        other = "keys work in one partition only: pass PROFILE=<name>, or a REGION of theirs"
        hint = message if endpoint else other
        return f"these AWS credentials are not valid{where}: {hint}"
    if code in DENIED:
        return f"access denied: {denied(error.operation_name, message)}"
    return f"AWS refused {error.operation_name}: {message or code}"


def denied(operation: str, message: str) -> str:
    """Action and role of an access-denied message, in the order a person needs them."""
    sentence = r"User: (\S+) is not authorized to perform: (\S+)(?: on resource: (\S+))?"
    found = re.search(sentence, message)
    if not found:
        return f"{operation}: {message}"
    who, action, resource = found.groups()
    return f"{who} may not {action}" + (f" on {resource}" if resource else "")


def error_code(error: ClientError) -> str:
    """The code AWS gives its error, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", ""))


def overridden() -> str:
    """The address that stands in for AWS, about which the console has no pages; or empty."""
    return os.environ.get("AWS_ENDPOINT_URL", "")
