"""Where a build works and what it finds there: its role, log and variables, a Python of its own,
docker on PATH, source and buildspec."""

import os
import platform
import shlex
import shutil
import sys
import sysconfig
import venv
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from botocore.exceptions import ClientError

from local import artifacts, forked, loaded, processes
from local.codebuild import buildspec as specs
from local.codebuild.records import BuildFailure, BuildRun
from local.context import current
from local.credentials import Credentials, NotAuthorized, assume
from local.logs import LogStream

MAX_BUILDSPEC = 1 << 20
NO_DAEMON = (
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
    "Is the docker daemon running?"
)


class Workspace:
    """`provision`, then `download`: each raises BuildFailure, or what fails the phase it is in."""

    def __init__(self, build: BuildRun) -> None:
        self.build = build
        self.folder = current().home / "builds" / build.id.replace(":", "-")
        self.source = self.folder / "src"
        self.state = self.folder / "state"
        self.say: Callable[[str], None] = lambda _line: None
        self.credentials: Credentials
        self.spec: specs.Buildspec
        self.variables: dict[str, str] = {}

    def provision(self, log: ExitStack) -> None:
        """Role, log stream (closed by `log`), folders, Python and docker."""
        record = self.build.record
        try:
            self.credentials = assume(
                record["serviceRole"],
                "codebuild.amazonaws.com",
                f"AWSCodeBuild-{self.build.id.split(':')[1]}",
                self.build.project["arn"],
            )
        except NotAuthorized as error:
            raise BuildFailure("ACCESS_DENIED", str(error)) from None
        if "streamName" in record["logs"]:
            self.say = log.enter_context(self._log_stream()).write
        for folder in (self.source, self.state, self.folder / "home"):
            folder.mkdir(parents=True)
        privileged = record["environment"].get("privilegedMode", False)
        python = _python(self.folder / "python")
        search = [
            _docker(self.folder / "docker", privileged=privileged),
            *_forked(self.folder / "forked", python),
            python,
        ]
        self.variables = self._variables(search)

    def _log_stream(self) -> LogStream:
        """Worded as in public reports (github.com/aws/aws-cdk, issue 12179)."""
        record = self.build.record
        logs = record["logs"]
        try:
            return LogStream(self.credentials, logs["groupName"], logs["streamName"])
        except ClientError as error:
            raise BuildFailure(
                "ACCESS_DENIED",
                f"Service role {record['serviceRole']} does not allow AWS CodeBuild to create "
                f"Amazon CloudWatch Logs log streams for build {record['arn']}. Error message: "
                f"{error.response['Error']['Message']}",
            ) from None

    def download(self) -> None:
        """Input artifacts, the buildspec, and the variables that it and the project declare."""
        handover = self.build.handover
        for number, location in enumerate(handover.inputs if handover else ()):
            folder = self.folder / f"src-{location.name}" if number else self.source
            if number:
                self.variables[f"CODEBUILD_SRC_DIR_{location.name}"] = str(folder)
            artifacts.unpack(artifacts.download(self.credentials, location), folder)
        text = self.build.record["source"].get("buildspec") or "buildspec.yml"
        try:
            self.spec = specs.parse(text if "\n" in text else self._read(text))
        except specs.BuildspecError as error:
            raise BuildFailure("YAML_FILE_ERROR", str(error)) from None
        parameters = {
            name: _parameter(value, self.credentials)
            for name, value in self.spec.parameters.items()
        }
        declared = {
            each["name"]: _parameter(each["value"], self.credentials)
            if each.get("type") == "PARAMETER_STORE"
            else each["value"]
            for each in [
                *self.build.project["environment"].get("environmentVariables", []),
                *self.build.variables,
            ]
        }
        self.variables |= {**self.spec.variables, **parameters, **declared}
        self._compare_runtimes()

    def _variables(self, search: Sequence[Path]) -> dict[str, str]:
        """Those of "Environment variables in build environments"; `search` comes first on PATH."""
        record, base = self.build.record, processes.base_environment()
        return {
            **base,
            **self.credentials.environment(),
            "PATH": os.pathsep.join([*map(str, search), base["PATH"]]),
            "HOME": str(self.folder / "home"),
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
            "CODEBUILD_SRC_DIR": str(self.source),
        }

    def _read(self, name: str) -> str:
        path = (self.source / name).resolve()
        if not path.is_relative_to(self.source.resolve()) or not path.is_file():
            raise specs.BuildspecError(f"YAML file does not exist: {name}")
        return path.read_text(errors="replace")[:MAX_BUILDSPEC]

    def _compare_runtimes(self) -> None:
        here = {"python": platform.python_version()}
        for name, wanted in self.spec.runtime_versions.items():
            found = here.get(name, "none")
            if wanted != "latest" and not f"{found}.".startswith(f"{wanted.rstrip('.x')}."):
                self.say(
                    f"[Container] runtime-versions asks for {name} {wanted}; this endpoint "
                    f"has {found}"
                )


def _python(folder: Path) -> Path:
    """The bin folder of a virtual environment that sees this interpreter's packages.

    What a build installs lands in the overlay and hides the endpoint's version; what is already
    here in the wanted version is not installed again.
    """
    venv.EnvBuilder(symlinks=True).create(folder)
    site = loaded.packages(str(folder / "bin" / "python3"))
    packages = sysconfig.get_path("purelib")
    (site / loaded.OVERLAY).write_text(f"import site; site.addsitedir({packages!r})\n")
    for name in ("pip", "pip3"):
        _program(folder / "bin" / name, 'exec "$(dirname "$0")/python3" -m pip "$@"')
    return folder / "bin"


def _forked(folder: Path, python: Path) -> list[Path]:
    """A folder with programs before those of `python`, where something is loaded: they let some
    modules be forks of it, which start sooner."""
    if not processes.loads():
        return []
    folder.mkdir()
    words = [sys.executable, "-I", "-S", forked.__file__, str(current().home)]
    modules = "|".join(f"'-m {name}'" for name in loaded.MODULES)
    for name in ("python", "python3"):
        itself = shlex.quote(str(python / name))
        _program(
            folder / name,
            f'case "$1 $2" in {modules}) exec {shlex.join(words)} {itself} "$@";; esac\n'
            f'exec {itself} "$@"',
            "bash",  # others drop variables whose names no shell can have, as those of artifacts
        )
    return [folder]


def _docker(folder: Path, *, privileged: bool) -> Path:
    """A folder with the `docker` of a build; without privileged mode there is no daemon
    (CodeBuild User Guide, "Cannot connect to the Docker daemon when running a build")."""
    folder.mkdir(parents=True)
    variables: Mapping[str, Path] = {
        "LOCAL_DOCKER_STORE": folder / "store",
        "LOCAL_DOCKER_IMAGES": current().home / "images",
        "PYTHONPATH": Path(__file__).parents[2],
    }
    lines = [f"export {name}={shlex.quote(str(value))}" for name, value in variables.items()]
    lines.append(f'exec {shlex.quote(sys.executable)} -m local.docker "$@"')
    refusal = f"echo {shlex.quote(NO_DAEMON)} >&2; exit 1"
    _program(folder / "docker", "\n".join(lines) if privileged else refusal)
    return folder


def _program(path: Path, text: str, shell: str = "sh") -> None:
    path.write_text(f"#!{shutil.which(shell)}\n{text}\n")
    path.chmod(0o755)


def _parameter(name: str, credentials: Credentials) -> str:
    answer = credentials.client("ssm").get_parameters(Names=[name], WithDecryption=True)
    if answer["InvalidParameters"]:
        raise LookupError(f"Parameter Store has no parameter {name}")
    return str(answer["Parameters"][0]["Value"])
