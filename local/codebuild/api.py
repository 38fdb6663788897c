"""CodeBuild: projects, builds that run here, and test reports (CodeBuild API Reference)."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local import artifacts, context
from local.background import background
from local.codebuild import projects as build_projects
from local.codebuild.records import Build
from local.codebuild.report_api import Reports
from local.codebuild.run import Run
from local.codebuild.submission import new_build
from local.refusals import unsupported
from local.service import AwsError

_START = {
    "projectName",
    "sourceVersion",
    "environmentVariablesOverride",
    "buildspecOverride",
    "timeoutInMinutesOverride",
    "idempotencyToken",
}


class CodeBuild(Reports):
    def create_project(self) -> ActionResult:
        name, known = self.get("name"), self._state.projects
        with self._state.lock:
            if name in known:
                raise AwsError(
                    "ResourceAlreadyExistsException",
                    f"Project already exists: {self._project_arn(name)}",
                )
            known[name] = self._record(dict(self.params))
        return ActionResult({"project": known[name]})

    def update_project(self) -> ActionResult:
        """Properties that are given replace the old ones; `""` clears a text."""
        name = self.get("name")
        with self._state.lock:
            old = self._project(name)
            kept = {
                key: value
                for key, value in old.items()
                if key not in ("arn", "created", "lastModified")
            }
            self._state.projects[name] = self._record(kept | dict(self.params)) | {
                "created": old["created"]
            }
        return ActionResult({"project": self._state.projects[name]})

    def delete_project(self) -> EmptyResult:
        self._state.projects.pop(self.get("name"), None)
        return EmptyResult()

    def batch_get_projects(self) -> ActionResult:
        names = [name.rsplit("/", 1)[-1] for name in self.get("names")]
        known = self._state.projects
        return ActionResult(
            {
                "projects": [known[name] for name in names if name in known],
                "projectsNotFound": [name for name in names if name not in known],
            }
        )

    def list_projects(self) -> ActionResult:
        names = sorted(self._state.projects, reverse=self.get("sortOrder") == "DESCENDING")
        return ActionResult({"projects": names})

    def start_build(self) -> ActionResult:
        start = {key: value for key, value in dict(self.params).items() if value is not None}
        unknown = sorted(start.keys() - _START)
        if unknown:
            raise AwsError("InvalidInputException", unsupported(unknown[0]))
        build_projects.check_variables(start.get("environmentVariablesOverride", []))
        project = self._project(self.get("projectName").rsplit("/", 1)[-1])
        handover = artifacts.take(self.get("idempotencyToken"))
        if project["source"]["type"] == "CODEPIPELINE" and handover is None:
            raise AwsError(
                "InvalidInputException",
                f"project {project['name']} takes its source from CodePipeline: "
                "start the pipeline instead",
            )
        initiator = (
            f"codepipeline/{handover.pipeline}"
            if handover
            else (self.caller().arn.split(":", 5)[-1].removeprefix("user/"))
        )
        with self._state.lock:
            number = self._state.numbers.get(project["name"], 0) + 1
            self._state.numbers[project["name"]] = number
            build = new_build(project, number, initiator, start, handover)
            self._state.builds[build.id] = build
        background(Run(build, self._state).run)
        return ActionResult({"build": _view(build)})

    def stop_build(self) -> ActionResult:
        build = self._find(self.get("id"))
        if build is None:
            raise AwsError("ResourceNotFoundException", f"Build not found: {self.get('id')}")
        build.stop.set()
        return ActionResult({"build": _view(build)})

    def batch_get_builds(self) -> ActionResult:
        found = {identifier: self._find(identifier) for identifier in self.get("ids")}
        return ActionResult(
            {
                "builds": [_view(build) for build in found.values() if build],
                "buildsNotFound": [identifier for identifier, build in found.items() if not build],
            }
        )

    def list_builds_for_project(self) -> ActionResult:
        name = self._project(self.get("projectName"))["name"]
        ids = [
            build.id for build in self._state.builds.values() if build.record["projectName"] == name
        ]
        return ActionResult({"ids": ids if self.get("sortOrder") == "ASCENDING" else ids[::-1]})

    def _project(self, name: str) -> dict[str, Any]:
        if name not in self._state.projects:
            raise AwsError(
                "ResourceNotFoundException", f"Project cannot be found: {self._project_arn(name)}"
            )
        return self._state.projects[name]

    def _project_arn(self, name: str) -> str:
        return context.current().arn("codebuild", f"project/{name}")

    def _record(self, parameters: dict[str, Any]) -> dict[str, Any]:
        key = context.current().arn("kms", "alias/aws/s3")
        return build_projects.project(parameters, self._project_arn(parameters["name"]), key)

    def _find(self, identifier: str) -> Build | None:
        short = identifier.split(":build/", 1)[-1]
        return self._state.builds.get(short)


def _view(build: Build) -> dict[str, Any]:
    """The record as it is now: the build goes on changing its own."""
    return build.record | {"phases": [dict(phase) for phase in build.record["phases"]]}
