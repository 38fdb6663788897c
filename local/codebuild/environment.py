"""What a build finds: environment variables, a Python of its own, docker on PATH."""

import os
import shlex
import sys
import sysconfig
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local import context, processes
from local.credentials import Credentials

NO_DAEMON = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
    "Is the docker daemon running?"
)


def python_overlay(folder: Path) -> Path:
    """A virtual environment in `folder` that sees this interpreter's packages; its bin folder.

    What a build installs lands in the overlay and hides the endpoint's version; what is already
    here in the wanted version is not installed again.
    """
    venv.EnvBuilder(symlinks=True).create(folder)
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(folder)}))
    packages = sysconfig.get_path("purelib")
    (site / "endpoint.pth").write_text(f"import site; site.addsitedir({packages!r})\n")
    for name in ("pip", "pip3"):
        _program(folder / "bin" / name, 'exec "$(dirname "$0")/python3" -m pip "$@"')
    return folder / "bin"


def docker(folder: Path, *, privileged: bool) -> Path:
    """A folder with the `docker` of a build; without privileged mode there is no daemon
    (CodeBuild User Guide, "Cannot connect to the Docker daemon when running a build")."""
    folder.mkdir(parents=True)
    here = context.current()
    variables = {
        "LOCAL_DOCKER_STORE": folder / "store",
        "LOCAL_DOCKER_IMAGES": here.home / "images",
        "PYTHONPATH": Path(__file__).parents[2],
    }
    lines = [f"export {name}={shlex.quote(str(value))}" for name, value in variables.items()]
    lines.append(f'exec {shlex.quote(sys.executable)} -m local.docker "$@"')
    refusal = f"echo {shlex.quote(NO_DAEMON)} >&2; exit 1"
    _program(folder / "docker", "\n".join(lines) if privileged else refusal)
    return folder


def environment(
    record: Mapping[str, Any],
    credentials: Credentials,
    home: Path,
    search: Sequence[Path],
) -> dict[str, str]:
    """The variables of "Environment variables in build environments", without the source's.

    record: the build as BatchGetBuilds gives it; search: folders in front of PATH.
    """
    base = processes.base_environment()
    path = os.pathsep.join([*map(str, search), base["PATH"]])
    return (
        base
        | credentials.environment()
        | {
            "PATH": path,
            "HOME": str(home),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "CODEBUILD_CI": "true",
            "CODEBUILD_BUILD_ID": record["id"],
            "CODEBUILD_BUILD_ARN": record["arn"],
            "CODEBUILD_BUILD_IMAGE": record["environment"]["image"],
            "CODEBUILD_BUILD_NUMBER": str(record["buildNumber"]),
            "CODEBUILD_INITIATOR": record["initiator"],
            "CODEBUILD_LOG_PATH": record["logs"].get("streamName", ""),
            "CODEBUILD_START_TIME": str(int(record["startTime"].timestamp() * 1000)),
            "CODEBUILD_KMS_KEY_ID": record.get("encryptionKey", ""),
            "CODEBUILD_SOURCE_REPO_URL": "",
            "CODEBUILD_SOURCE_VERSION": record.get("sourceVersion", ""),
            "CODEBUILD_RESOLVED_SOURCE_VERSION": record.get("resolvedSourceVersion", ""),
        }
    )


def declared(variables: Sequence[Mapping[str, str]], credentials: Credentials) -> dict[str, str]:
    """Values of a project's or a start's variables; parameters are read with the build's role."""
    return {
        each["name"]: parameter(each["value"], credentials)
        if each.get("type") == "PARAMETER_STORE"
        else each["value"]
        for each in variables
    }


def parameter(name: str, credentials: Credentials) -> str:
    answer = credentials.client("ssm").get_parameters(Names=[name], WithDecryption=True)
    if answer["InvalidParameters"]:
        raise LookupError(f"Parameter Store has no parameter {name}")
    return str(answer["Parameters"][0]["Value"])


def _program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
