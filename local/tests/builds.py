"""Builds and pipelines for tests: declared in a few words, run for real."""

import textwrap
from typing import Any

from local.tests.aws import SECONDS, Aws, settled, unique


def project(aws: Aws, buildspec: str, **more: Any) -> str:
    """A project without a source; `environment`, `source` … replace its parts."""
    name = unique("project")
    kind = more.pop("kind", "NO_SOURCE")
    environment = {
        "type": "LINUX_CONTAINER",
        "computeType": "BUILD_GENERAL1_SMALL",
        "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
        **more.pop("environment", {}),
    }
    parameters = {
        "name": name,
        "source": {"type": kind, "buildspec": textwrap.dedent(buildspec)},
        "artifacts": {"type": "NO_ARTIFACTS" if kind == "NO_SOURCE" else kind},
        "environment": environment,
        "serviceRole": aws.role("codebuild"),
    }
    aws.client("codebuild").create_project(**{**parameters, **more})
    return name


def start(aws: Aws, name: str, **more: Any) -> str:
    return str(aws.client("codebuild").start_build(projectName=name, **more)["build"]["id"])


def ended(aws: Aws, identifier: str, seconds: float = SECONDS) -> dict[str, Any]:
    """The build once it is complete."""
    ask = aws.client("codebuild").batch_get_builds
    return dict(
        settled(
            lambda: ask(ids=[identifier])["builds"][0],
            "buildStatus",
            "IN_PROGRESS",
            seconds=seconds,
        )
    )


def built(aws: Aws, buildspec: str, **more: Any) -> dict[str, Any]:
    return ended(aws, start(aws, project(aws, buildspec, **more)))


def log(aws: Aws, build: dict[str, Any]) -> list[str]:
    return aws.log(build["logs"]["groupName"], build["logs"]["streamName"])


def phase(build: dict[str, Any], name: str) -> dict[str, Any]:
    """A phase's record; its status is "skipped" if it was not reached."""
    found = [each for each in build["phases"] if each["phaseType"] == name]
    return dict(found[0]) if found else {"phaseStatus": "skipped"}
