"""CodeBuild: projects, builds that run here, and test reports (CodeBuild API Reference)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local import artifacts
from local.background import background
from local.codebuild.records import BuildRecords, BuildRun
from local.codebuild.work import BuildWork
from local.context import current
from local.refusals import unsupported
from local.service import AwsError, Service

_SOURCES = {"CODEPIPELINE": "CODEPIPELINE", "NO_SOURCE": "NO_ARTIFACTS"}  # and their artifacts
_TIMEOUT, _QUEUED_TIMEOUT = 60, 480  # minutes; API_CreateProject's defaults


class CodeBuild(Service):
    service = "codebuild"
    bad_page = "InvalidInputException"

    @property
    def _state(self) -> BuildRecords:
        return BuildRecords.here()

    def create_project(self) -> ActionResult:
        made = _project(_given(self.params))
        with self._state.lock:
            if made["name"] in self._state.projects:
                raise AwsError(
                    "ResourceAlreadyExistsException", f"Project already exists: {made['arn']}"
                )
            self._state.projects[made["name"]] = made
        return ActionResult({"project": made})

    def update_project(self) -> ActionResult:
        """Properties that are given replace the old ones; `""` clears a text."""
        with self._state.lock:
            old = self._find_project(self.get("name"))
            made = _project(old | _given(self.params))
            self._state.projects[made["name"]] = made
        return ActionResult({"project": made})

    def delete_project(self) -> EmptyResult:
        self._state.projects.pop(self.get("name"), None)
        return EmptyResult()

    def batch_get_projects(self) -> ActionResult:
        names = [name.rsplit("/", 1)[-1] for name in self.get("names")]
        return _batch("projects", self._state.projects, names)

    def list_projects(self) -> ActionResult:
        names = sorted(self._state.projects, reverse=self.get("sortOrder") == "DESCENDING")
        return self.page("projects", names)

    def start_build(self) -> ActionResult:
        start = _given(self.params)
        _check_variables(start.get("environmentVariablesOverride", []))
        project = self._find_project(self.get("projectName").rsplit("/", 1)[-1])
        handover = artifacts.take(self.get("idempotencyToken"))
        if project["source"]["type"] == "CODEPIPELINE" and handover is None:
            raise _invalid(
                f"project {project['name']} takes its source from CodePipeline: "
                "start the pipeline instead"
            )
        initiator = (
            f"codepipeline/{handover.pipeline}"
            if handover
            else (self.caller().arn.split(":", 5)[-1].removeprefix("user/"))
        )
        build = self._state.submit(project, initiator, start, handover)
        background(BuildWork(build, self._state).run)
        return ActionResult({"build": _view(build)})

    def stop_build(self) -> ActionResult:
        build = self._state.builds.get(_short(self.get("id")))
        if build is None:
            raise AwsError("ResourceNotFoundException", f"Build not found: {self.get('id')}")
        build.stop.set()
        return ActionResult({"build": _view(build)})

    def batch_get_builds(self) -> ActionResult:
        known = self._state.builds
        asked = self.get("ids")
        found = {each: _view(known[_short(each)]) for each in asked if _short(each) in known}
        return _batch("builds", found, asked)

    def list_builds_for_project(self) -> ActionResult:
        name = self._find_project(self.get("projectName"))["name"]
        builds = self._state.builds.values()
        ids = [build.id for build in builds if build.record["projectName"] == name]
        return self.page("ids", ids if self.get("sortOrder") == "ASCENDING" else ids[::-1])

    def create_report_group(self) -> ActionResult:
        name = self.get("name")
        arn = current().arn("codebuild", f"report-group/{name}")
        if arn in self._state.reports.groups:
            raise AwsError("ResourceAlreadyExistsException", f"Report group exists: {arn}")
        group = self._state.reports.create(arn, name, self.get("tags", []))
        return ActionResult({"reportGroup": group})

    def update_report_group(self) -> ActionResult:
        """Only tags can change: there is one way of export here."""
        group = self._find_report_group(self.get("arn"))
        group["tags"] = self.get("tags", group["tags"])
        return ActionResult({"reportGroup": group})

    def delete_report_group(self) -> EmptyResult:
        arn = self.get("arn")
        if self._state.reports.of_group(arn) and not self.get("deleteReports", False):
            raise _invalid(f"Report group {arn} has reports: set deleteReports")
        self._state.reports.delete(arn)
        return EmptyResult()

    def batch_get_report_groups(self) -> ActionResult:
        return _batch("reportGroups", self._state.reports.groups, self.get("reportGroupArns"))

    def list_report_groups(self) -> ActionResult:
        return self.page("reportGroups", list(self._state.reports.groups))

    def list_reports_for_report_group(self) -> ActionResult:
        group = self._find_report_group(self.get("reportGroupArn"))
        return self.page("reports", self._state.reports.of_group(group["arn"]))

    def batch_get_reports(self) -> ActionResult:
        return _batch("reports", self._state.reports.reports, self.get("reportArns"))

    def describe_test_cases(self) -> ActionResult:
        arn = self.get("reportArn")
        if arn not in self._state.reports.cases:
            raise AwsError("ResourceNotFoundException", f"Report not found: {arn}")
        return self.page("testCases", self._state.reports.cases[arn])

    def _find_project(self, name: str) -> dict[str, Any]:
        if name not in self._state.projects:
            raise AwsError(
                "ResourceNotFoundException", f"Project cannot be found: {_project_arn(name)}"
            )
        return self._state.projects[name]

    def _find_report_group(self, arn: str) -> dict[str, Any]:
        if arn not in self._state.reports.groups:
            raise AwsError("ResourceNotFoundException", f"Report group not found: {arn}")
        return self._state.reports.groups[arn]


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parameters.items() if value is not None}


def _batch(what: str, known: Mapping[str, Any], wanted: list[str]) -> ActionResult:
    return ActionResult(
        {
            what: [known[each] for each in wanted if each in known],
            f"{what}NotFound": [each for each in wanted if each not in known],
        }
    )


def _view(build: BuildRun) -> dict[str, Any]:
    """The record as it is now: the build goes on changing its own."""
    return build.record | {"phases": [dict(phase) for phase in build.record["phases"]]}


def _short(identifier: str) -> str:
    """A build's id, which may be asked for by its ARN."""
    return identifier.split(":build/", 1)[-1]


def _project_arn(name: str) -> str:
    return current().arn("codebuild", f"project/{name}")


def _project(given: Mapping[str, Any]) -> dict[str, Any]:
    """A project's record; raises AwsError for what CodeBuild, or this endpoint, does not take."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{1,149}", given["name"]):
        raise _invalid(
            f"Project name '{given['name']}' must be 2 to 150 of A-Z a-z 0-9 - _ and begin with a "
            "letter or digit"
        )
    source, kind = given["source"], given["source"]["type"]
    if kind not in _SOURCES:
        raise _invalid(unsupported(f"source type {kind}", *_SOURCES))
    if given["artifacts"]["type"] != _SOURCES[kind]:
        raise _invalid(
            f"Invalid artifacts: with source type {kind} the artifact type must be {_SOURCES[kind]}"
        )
    if kind == "NO_SOURCE" and "\n" not in source.get("buildspec", ""):
        raise _invalid("Invalid project source: with type NO_SOURCE buildspec must be inline")
    environment = given["environment"]
    if environment["type"] != "LINUX_CONTAINER":
        raise _invalid(unsupported(f"environment type {environment['type']}", "LINUX_CONTAINER"))
    _check_variables(environment.get("environmentVariables", []))
    now = datetime.now(UTC)
    defaults = {
        "timeoutInMinutes": _TIMEOUT,
        "queuedTimeoutInMinutes": _QUEUED_TIMEOUT,
        "encryptionKey": current().arn("kms", "alias/aws/s3"),
        "cache": {"type": "NO_CACHE"},
        "tags": [],
        "created": now,
    }
    return {**defaults, **given, "arn": _project_arn(given["name"]), "lastModified": now}


def _check_variables(variables: list[dict[str, str]]) -> None:
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
