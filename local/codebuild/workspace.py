"""Where a build works: folders, credentials, log, source and buildspec, made ready in order."""

import platform
from collections.abc import Callable
from contextlib import ExitStack

from local import archives, artifacts, context
from local.codebuild import buildspec as specs
from local.codebuild import environment as build_environment
from local.codebuild.records import Build, BuildFailure
from local.credentials import Credentials, NotAuthorized, assume
from local.logs import LogStream

MAX_BUILDSPEC = 1 << 20


class Workspace:
    """`provision`, then `download`: each raises BuildFailure, or what fails the phase it is in."""

    def __init__(self, build: Build) -> None:
        self.build = build
        self.folder = context.current().home / "builds" / build.id.replace(":", "-")
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
            stream = LogStream(
                self.credentials, record["logs"]["groupName"], record["logs"]["streamName"]
            )
            self.say = log.enter_context(stream).write
        for folder in (self.source, self.state, self.folder / "home"):
            folder.mkdir(parents=True)
        privileged = record["environment"].get("privilegedMode", False)
        search = [
            build_environment.docker(self.folder / "docker", privileged=privileged),
            build_environment.python_overlay(self.folder / "python"),
        ]
        self.variables = build_environment.environment(
            record, self.credentials, self.folder / "home", search
        )
        self.variables["CODEBUILD_SRC_DIR"] = str(self.source)

    def download(self) -> None:
        """Input artifacts, the buildspec, and the variables that it and the project declare."""
        handover = self.build.handover
        for number, location in enumerate(handover.inputs if handover else ()):
            folder = self.folder / f"src-{location.name}" if number else self.source
            if number:
                self.variables[f"CODEBUILD_SRC_DIR_{location.name}"] = str(folder)
            archives.unpack(artifacts.download(self.credentials, location), folder)
        text = self.build.record["source"].get("buildspec") or "buildspec.yml"
        try:
            self.spec = specs.parse(text if "\n" in text else self._read(text))
        except specs.BuildspecError as error:
            raise BuildFailure("YAML_FILE_ERROR", str(error)) from None
        declared = [
            *self.build.project["environment"].get("environmentVariables", []),
            *self.build.variables,
        ]
        parameters = {
            name: build_environment.parameter(value, self.credentials)
            for name, value in self.spec.parameters.items()
        }
        self.variables |= {
            **self.spec.variables,
            **parameters,
            **build_environment.declared(declared, self.credentials),
        }
        self._compare_runtimes()

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
