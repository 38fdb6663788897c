"""The way from a commit to an image: CodeCommit, CodeBuild, ECR and CodePipeline."""

import io
import zipfile
from typing import Any

from local.cfn.resource_type import ResourceType, ResourceWork
from local.cfn.schema import PropertyError

KIND_BITS, SYMLINK = 0o170000, 0o120000
CODE_TAGS = ("codecommit.tag_resource", "codecommit.untag_resource")
IMAGE_TAGS = ("ecr.tag_resource", "ecr.untag_resource")
PIPELINE_TAGS = ("codepipeline.tag_resource", "codepipeline.untag_resource")


def _create_repository(work: ResourceWork) -> None:
    found = work.call("codecommit.create_repository")["repositoryMetadata"]
    work.made(found["repositoryId"], **_repository(found))
    if code := work.properties.get("Code"):
        work.call(
            "codecommit.create_commit",
            branchName=code.get("BranchName", "main"),
            authorName="AWS CloudFormation",
            email="cloudformation@localhost",
            commitMessage="Initial commit by AWS CloudFormation",
            putFiles=_files(work, code["S3"]),
        )


def _repository(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "RepositoryId": found["repositoryId"],
        "Name": found["repositoryName"],
        "Arn": found["Arn"],
        "CloneUrlHttp": found["cloneUrlHttp"],
        "CloneUrlSsh": found.get("cloneUrlSsh", ""),
    }


def _files(work: ResourceWork, source: dict[str, str]) -> list[dict[str, Any]]:
    """The archive's files as CreateCommit takes them. CloudFormation loses executable bits on the
    way (public issue aws-cdk 24083), so they are lost here too."""
    version = {"VersionId": source["ObjectVersion"]} if "ObjectVersion" in source else {}
    where = f"s3://{source['Bucket']}/{source['Key']}"
    stored = work.client("s3").get_object(Bucket=source["Bucket"], Key=source["Key"], **version)
    try:
        with zipfile.ZipFile(io.BytesIO(stored["Body"].read())) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            contents = [archive.read(entry) for entry in entries]
    except zipfile.BadZipFile:
        raise PropertyError(f"Code.S3 of {work.logical}: {where} is not a zip file") from None
    if not entries:
        raise PropertyError(f"Code.S3 of {work.logical}: {where} holds no file")
    return [
        {"filePath": entry.filename, "fileContent": content, "fileMode": _mode(entry)}
        for entry, content in zip(entries, contents, strict=True)
    ]


def _mode(entry: zipfile.ZipInfo) -> str:
    unix = entry.external_attr >> 16
    return "SYMLINK" if unix & KIND_BITS == SYMLINK else "NORMAL"


def _update_repository(work: ResourceWork) -> None:
    """Code counts at creation only (AWS::CodeCommit::Repository, "Code")."""
    if work.changed("RepositoryName"):
        old, new = work.previous["RepositoryName"], work.properties["RepositoryName"]
        work.call("codecommit.update_repository_name", oldName=old, newName=new)
        found = work.call("codecommit.get_repository")["repositoryMetadata"]
        work.attributes = _repository(found)
    if work.changed("RepositoryDescription"):
        text = work.properties.get("RepositoryDescription", "")
        work.call("codecommit.update_repository_description", RepositoryDescription=text)
    work.retag(*CODE_TAGS, ResourceArn=work.attributes["Arn"])


def _create_project(work: ResourceWork) -> None:
    name = work.name("Name", 255)
    made = work.call("codebuild.create_project", Name=name)["project"]
    work.made(name, Arn=made["arn"], Id=name)


def _update_project(work: ResourceWork) -> None:
    """What is no longer said is as it was at first; what UpdateProject is not told stays."""
    first = {"Description": "", "Tags": [], "TimeoutInMinutes": 60, "QueuedTimeoutInMinutes": 480}
    said = {key: work.properties.get(key, value) for key, value in first.items()}
    work.call("codebuild.update_project", Name=work.id, **said)


def _create_report_group(work: ResourceWork) -> None:
    made = work.call("codebuild.create_report_group", Name=work.name("Name", 128))["reportGroup"]
    work.made(made["arn"], Arn=made["arn"])


def _create_images(work: ResourceWork) -> None:
    name = work.name("RepositoryName", 256, lower=True)
    made = work.call("ecr.create_repository", RepositoryName=name)["repository"]
    work.made(name, Arn=made["repositoryArn"], RepositoryUri=made["repositoryUri"])
    _set_lifecycle(work)


def _update_images(work: ResourceWork) -> None:
    if work.changed("ImageTagMutability"):
        kind = work.properties.get("ImageTagMutability", "MUTABLE")
        work.call("ecr.put_image_tag_mutability", RepositoryName=work.id, ImageTagMutability=kind)
    if work.changed("ImageScanningConfiguration"):
        scan = work.properties.get("ImageScanningConfiguration", {"ScanOnPush": False})
        work.call(
            "ecr.put_image_scanning_configuration",
            RepositoryName=work.id,
            ImageScanningConfiguration=scan,
        )
    _set_lifecycle(work)
    work.retag(*IMAGE_TAGS, ResourceArn=work.attributes["Arn"])


def _set_lifecycle(work: ResourceWork) -> None:
    if work.changed("LifecyclePolicy"):
        policy = work.properties.get("LifecyclePolicy", {})
        operation = "ecr.put_lifecycle_policy" if policy else "ecr.delete_lifecycle_policy"
        work.call(operation, RepositoryName=work.id, **policy)


def _create_pipeline(work: ResourceWork) -> None:
    name = work.name("Name", 100)
    work.call("codepipeline.create_pipeline", Pipeline=_pipeline(work, name))
    work.made(name, Arn=work.context.arn("codepipeline", name), Version="1")


def _update_pipeline(work: ResourceWork) -> None:
    pipeline = _pipeline(work, work.id)
    if work.changed(*pipeline, *(key for key in work.previous if key != "Tags")):
        made = work.call("codepipeline.update_pipeline", Pipeline=pipeline)["pipeline"]
        work.attributes["Version"] = str(made["version"])
    work.retag(*PIPELINE_TAGS, ResourceArn=work.context.arn("codepipeline", work.id))


def _pipeline(work: ResourceWork, name: str) -> dict[str, Any]:
    declared = {key: value for key, value in work.properties.items() if key != "Tags"}
    return {**declared, "Name": name}


TYPES = {
    "AWS::CodeCommit::Repository": ResourceType(
        frozenset({"RepositoryName", "RepositoryDescription", "Code", "Tags"}),
        create=_create_repository,
        update=_update_repository,
        delete=lambda work: work.call(
            "codecommit.delete_repository", RepositoryName=work.attributes["Name"]
        ),
        name="RepositoryName",
    ),
    "AWS::CodeBuild::Project": ResourceType(
        frozenset(
            {
                *("Name", "Description", "ServiceRole", "Source", "Artifacts", "Environment"),
                *("EncryptionKey", "TimeoutInMinutes", "QueuedTimeoutInMinutes", "LogsConfig"),
                *("ConcurrentBuildLimit", "Tags"),
            }
        ),
        create=_create_project,
        update=_update_project,
        delete=lambda work: work.call("codebuild.delete_project", Name=work.id),
        name="Name",
    ),
    "AWS::CodeBuild::ReportGroup": ResourceType(
        frozenset({"Name", "Type", "ExportConfig", "DeleteReports", "Tags"}),
        create=_create_report_group,
        update=lambda work: work.call("codebuild.update_report_group", Arn=work.id),
        delete=lambda work: work.call("codebuild.delete_report_group", Arn=work.id),
        name="Name",
    ),
    "AWS::ECR::Repository": ResourceType(
        frozenset(
            {
                *("RepositoryName", "ImageTagMutability", "ImageScanningConfiguration"),
                *("EncryptionConfiguration", "LifecyclePolicy", "Tags"),
            }
        ),
        create=_create_images,
        update=_update_images,
        delete=lambda work: work.call("ecr.delete_repository", RepositoryName=work.id),
        name="RepositoryName",
    ),
    "AWS::CodePipeline::Pipeline": ResourceType(
        frozenset(
            {
                *("Name", "RoleArn", "PipelineType", "ExecutionMode", "ArtifactStore", "Stages"),
                *("Variables", "Tags"),
            }
        ),
        create=_create_pipeline,
        update=_update_pipeline,
        delete=lambda work: work.call("codepipeline.delete_pipeline", Name=work.id),
        name="Name",
    ),
}
