"""What AWS's refusals, and settings that no call can be made with, mean in a person's words."""

import json
import os
import re

from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    ProxyConnectionError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as HTTPConnectionError
from botocore.parsers import ResponseParserError

from scripts.lib.problems import error_code, in_the_system, overridden

DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
BAD_KEYS = (
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidAccessKeyId",
)
EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired")
USUAL = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
)
LOCAL = "`make local` in another terminal and `source .local/env`"


def explain(error: Exception, where: str = "") -> str:
    """One line for what came of a call to AWS: what was refused, to whom, and the way out."""
    if isinstance(error, ResponseParserError):
        return f"what answers{where} is not AWS: check {_set('ENDPOINT_URL') or 'the proxy'}"
    if isinstance(error, ProxyConnectionError):
        return f"the proxy does not answer{where}: check {_set('PROXY')}"
    if isinstance(error, SSLError):
        known = _set("AWS_CA_BUNDLE", "ENDPOINT_URL", "PROXY") or "the proxy"
        return f"the certificate of what answers{where} is not trusted: check {known}"
    if isinstance(error, EndpointConnectionError | HTTPConnectionError):
        endpoint, proxy = overridden(), _set("PROXY")
        hint = f"is the network up{f', and {proxy} right' if proxy else ''}?"
        if endpoint:
            hint = f"is the local endpoint running at {endpoint}? If not, {LOCAL}"
        return f"AWS cannot be reached{where}: {hint}"
    if not isinstance(error, ClientError):
        return _unusable(error, where)
    code = error_code(error)
    message = " ".join(error.response["Error"].get("Message", "").split())
    if code in EXPIRED:
        return "the AWS credentials have expired: log in again (`aws sso login`), then repeat"
    if code in BAD_KEYS:
        other = "keys work in one partition only: pass PROFILE=<name>, or a REGION of theirs"
        hint = message if overridden() else other
        return f"these AWS credentials are not valid{where}: {hint}"
    if code in DENIED:
        return f"access denied: {denied(error.operation_name, message)}"
    return f"AWS refused {error.operation_name}: {message or code}"


def _unusable(error: Exception, where: str) -> str:
    """Before a call: an address, a file, a program or a number among the settings is wrong.

    botocore lets through whatever the parts that it is made of raise at a value that they cannot
    read, so the kinds cannot be listed; the settings that are there can.
    """
    if isinstance(error, SSOError | TokenRetrievalError):
        return f"this login{where} is over or was never made: log in (`aws sso login`), then repeat"
    if isinstance(error, EOFError):
        reason = "the code of an MFA device is asked for, and there is no terminal to type it in"
    elif isinstance(error, json.JSONDecodeError):
        reason = "a file or a program that they name does not give JSON"
    elif isinstance(error, OSError):
        reason = in_the_system(error)
    else:
        reason = " ".join(str(error).split()).rstrip(".")
    files = os.environ.get("AWS_CONFIG_FILE", "~/.aws/config")
    places = [*filter(None, [_set("AWS_", "PROXY")]), files]
    return f"the AWS settings{where} cannot be used: {reason}; check {' and '.join(places)}"


def _set(*parts: str) -> str:
    """The environment's variables with one of the parts in their name, without those that every
    call has; what they hold may be secret, but for the endpoint's address."""
    found = [
        name
        for name in sorted(os.environ)
        if any(part in name.upper() for part in parts) and name not in USUAL
    ]
    return ", ".join(
        f"{name}={os.environ[name]}" if "ENDPOINT_URL" in name else name for name in found
    )


def denied(operation: str, message: str) -> str:
    """Action and role of an access-denied message, in the order a person needs them."""
    sentence = r"User: (\S+) is not authorized to perform: (\S+)(?: on resource: (\S+))?"
    found = re.search(sentence, message)
    if not found:
        return f"{operation}: {message}"
    who, action, resource = found.groups()
    return f"{who} may not {action}" + (f" on {resource}" if resource else "")
