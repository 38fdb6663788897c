"""What a CodeBuild project may be on the local endpoint; pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.refusals import unsupported
from local.service import AwsError

_KNOWN = {
    "name",
    "description",
    "source",
    "artifacts",
    "environment",
    "serviceRole",
    "cache",
    "timeoutInMinutes",
    "queuedTimeoutInMinutes",
    "encryptionKey",
    "tags",
    "logsConfig",
    "concurrentBuildLimit",
    "badgeEnabled",
}
_KINDS = {"CODEPIPELINE": "CODEPIPELINE", "NO_SOURCE": "NO_ARTIFACTS"}
_TIMEOUT, _QUEUED_TIMEOUT = 60, 480  # minutes; API_CreateProject's defaults


def project(parameters: Mapping[str, Any], arn: str, default_key: str) -> dict[str, Any]:
    """A project's record from CreateProject's parameters.

    Raises AwsError InvalidInputException for what CodeBuild, or this endpoint, does not take.
    """
    given = {key: value for key, value in parameters.items() if value is not None}
    unknown = sorted(given.keys() - _KNOWN)
    if unknown:
        raise _invalid(unsupported(unknown[0]))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{1,149}", given["name"]):
        raise _invalid(
            f"Project name '{given['name']}' must be 2 to 150 of A-Z a-z 0-9 - _ and begin with a "
            "letter or digit"
        )
    _check_source(given["source"], given["artifacts"])
    _check_environment(given["environment"])
    if given.get("logsConfig", {}).get("s3Logs", {}).get("status") == "ENABLED":
        raise _invalid(unsupported("logsConfig.s3Logs"))
    if not 5 <= given.get("timeoutInMinutes", _TIMEOUT) <= 2160:
        raise _invalid("timeoutInMinutes must be 5 to 2160")
    if not 5 <= given.get("queuedTimeoutInMinutes", _QUEUED_TIMEOUT) <= 480:
        raise _invalid("queuedTimeoutInMinutes must be 5 to 480")
    now = datetime.now(UTC)
    defaults = {
        "timeoutInMinutes": _TIMEOUT,
        "queuedTimeoutInMinutes": _QUEUED_TIMEOUT,
        "encryptionKey": default_key,
        "cache": {"type": "NO_CACHE"},
        "tags": [],
        "created": now,
    }
    return defaults | given | {"arn": arn, "lastModified": now}


def _check_source(source: Mapping[str, Any], artifacts: Mapping[str, Any]) -> None:
    kind = source["type"]
    if kind not in _KINDS:
        raise _invalid(unsupported(f"source type {kind}", *_KINDS))
    if artifacts["type"] != _KINDS[kind]:
        raise _invalid(
            f"Invalid artifacts: with source type {kind} the artifact type must be {_KINDS[kind]}"
        )
    if kind == "NO_SOURCE" and "\n" not in source.get("buildspec", ""):
        raise _invalid("Invalid project source: with type NO_SOURCE buildspec must be inline")


def _check_environment(environment: Mapping[str, Any]) -> None:
    if environment["type"] != "LINUX_CONTAINER":
        raise _invalid(unsupported(f"environment type {environment['type']}", "LINUX_CONTAINER"))
    check_variables(environment.get("environmentVariables", []))


def check_variables(variables: list[dict[str, str]]) -> None:
    """Raises AwsError for a variable that the endpoint cannot resolve."""
    for each in variables:
        if each.get("type") == "SECRETS_MANAGER":
            name = each["name"]
            raise _invalid(unsupported(f"environment variable {name}: type SECRETS_MANAGER"))
        if each["name"].startswith("CODEBUILD_"):
            raise _invalid(
                f"environment variable {each['name']}: the prefix CODEBUILD_ is reserved"
            )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)
