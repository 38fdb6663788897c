"""Who is asking, where, and how a mistake is told: one sentence that names the fix."""

import argparse
import difflib
import os
import re
import sys
import textwrap
from collections.abc import Callable

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    UnknownRegionError,
)
from botocore.exceptions import ConnectionError as HTTPConnectionError
from botocore.parsers import ResponseParserError

from scripts.clients import Clients

USAGE, FAILED, INTERRUPTED = 2, 1, 130
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
BAD_KEYS = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidAccessKeyId",
)
LOCAL = "`make local` in another terminal and `source .local/env`"
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")


class Problem(Exception):
    """Something the person can fix, in one sentence; `code` is the exit status."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def add_session_arguments(parser: argparse.ArgumentParser) -> None:
    """The three arguments that every script shares."""
    parser.add_argument("--stack", default="mlops", type=stack_name, help="stack name (mlops)")
    parser.add_argument("--region", help="AWS region (default: the environment's or the profile's)")
    parser.add_argument("--profile", help="profile in ~/.aws/config (default: the environment's)")


def stack_name(text: str) -> str:
    """A stack name that leaves room for `-bootstrap` (AWS: CreateChangeSet, StackName)."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,117}", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no stack name: a letter first, then letters, digits or hyphens, "
            "at most 118 characters"
        )
    return text


def connect(region: str | None, profile: str | None) -> Clients:
    """Clients that are known to work: region, partition, credentials and endpoint are checked."""
    try:
        # boto3 by itself reads only AWS_DEFAULT_REGION; the CLI and the other SDKs read this one
        asked = region or os.environ.get("AWS_REGION")
        session = boto3.Session(profile_name=profile or None, region_name=asked or None)
    except ProfileNotFound:
        raise Problem(f"profile {profile!r} is not in ~/.aws/config: pass PROFILE=<name>") from None
    chosen = session.region_name
    if not chosen:
        raise Problem(without_region(session))
    check_region(session, chosen)
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=60
    )
    clients = Clients(session, chosen, config)
    try:
        clients.sts.get_caller_identity()
    except (NoCredentialsError, PartialCredentialsError):
        raise Problem(
            "no AWS credentials: run `aws configure` or `aws sso login`, or pass PROFILE=<name>; "
            f"or, for the local endpoint, {LOCAL}"
        ) from None
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise Problem(explain(error, clients)) from None
    return clients


def without_region(session: boto3.Session) -> str:
    """What to do without a region, and without credentials where these lack too."""
    if session.get_credentials():
        lacking = "no region: pass REGION=<region> or set AWS_REGION"
    else:
        lacking = (
            "no region and no AWS credentials: run `aws configure`, or pass REGION=<region> and "
            "PROFILE=<name>"
        )
    return f"{lacking}; or, for the local endpoint, {LOCAL}"


def overridden() -> str:
    """The address that stands in for AWS, about which the console has no pages; or empty."""
    return os.environ.get("AWS_ENDPOINT_URL", "")


def check_region(session: boto3.Session, region: str) -> None:
    """Refuse a region that AWS does not have before anything tries to reach it."""
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("cloudformation", partition)
    ]
    if region not in known:
        near = difflib.get_close_matches(region, known, 3)
        hint = f": did you mean {' or '.join(near)}?" if near else ""
        raise Problem(f"region {region!r} is unknown{hint}")


def explain(error: Exception, clients: Clients | None = None) -> str:
    """One line for an AWS error: what was refused, to whom, and the way out."""
    where = f" in {clients.region} (partition {clients.partition})" if clients else ""
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
        hint = message if endpoint else "keys work in one partition only"
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


def error_code(error: ClientError) -> str:
    """The code AWS gives its error, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", ""))
