"""AWS::CodeBuild::Project and AWS::CodeBuild::ReportGroup."""

from typing import Any

from local.cfn.handler import Handler, Work
from local.cfn.types.common import lower, tag_list

PROJECT = frozenset(
    {
        "Name",
        "Description",
        "ServiceRole",
        "Source",
        "Artifacts",
        "Environment",
        "EncryptionKey",
        "TimeoutInMinutes",
        "QueuedTimeoutInMinutes",
        "ConcurrentBuildLimit",
        "LogsConfig",
        "Cache",
        "Tags",
    }
)


def _project(work: Work, name: str) -> dict[str, Any]:
    """CreateProject's and UpdateProject's arguments: the template's keys in lower case."""
    project: dict[str, Any] = lower({k: v for k, v in work.properties.items() if k != "Tags"})
    if "buildSpec" in project["source"]:
        project["source"]["buildspec"] = project["source"].pop("buildSpec")
    return {**project, "name": name, "tags": tag_list(work, "key", "value")}


def _create_project(work: Work) -> None:
    name = work.name("Name", 255)
    made = work.client("codebuild").create_project(**_project(work, name))["project"]
    work.made(name, Arn=made["arn"], Id=name)


def _update_project(work: Work) -> None:
    cleared: dict[str, Any] = {"description": ""} if work.changed("Description") else {}
    work.client("codebuild").update_project(**{**cleared, **_project(work, work.id)})


def _report_group(work: Work) -> dict[str, Any]:
    export = lower(work.properties["ExportConfig"])
    return {"exportConfig": export, "tags": tag_list(work, "key", "value")}


def _create_report_group(work: Work) -> None:
    name = work.name("Name", 128)
    made = work.client("codebuild").create_report_group(
        name=name, type=work.properties["Type"], **_report_group(work)
    )["reportGroup"]
    work.made(made["arn"], Arn=made["arn"])


def _update_report_group(work: Work) -> None:
    work.client("codebuild").update_report_group(arn=work.id, **_report_group(work))


def _delete_report_group(work: Work) -> None:
    reports = work.properties.get("DeleteReports", False)
    work.client("codebuild").delete_report_group(arn=work.id, deleteReports=reports)


HANDLERS = {
    "AWS::CodeBuild::Project": Handler(
        PROJECT,
        create=_create_project,
        update=_update_project,
        delete=lambda work: work.client("codebuild").delete_project(name=work.id),
        name="Name",
    ),
    "AWS::CodeBuild::ReportGroup": Handler(
        frozenset({"Name", "Type", "ExportConfig", "DeleteReports", "Tags"}),
        create=_create_report_group,
        update=_update_report_group,
        delete=_delete_report_group,
        name="Name",
    ),
}
