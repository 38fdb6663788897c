"""AWS::CodeCommit::Repository, seeded once from a zip in S3."""

import io
import zipfile
from typing import Any

from local.cfn.handler import Handler, Work
from local.cfn.schema import PropertyError
from local.cfn.types.common import stale_tags, tags

KIND_BITS, SYMLINK = 0o170000, 0o120000


def _create(work: Work) -> None:
    codecommit = work.client("codecommit")
    name = work.properties["RepositoryName"]
    found = codecommit.create_repository(
        repositoryName=name,
        repositoryDescription=work.properties.get("RepositoryDescription", ""),
        tags=tags(work.properties),
    )["repositoryMetadata"]
    work.made(
        found["repositoryId"],
        RepositoryId=found["repositoryId"],
        Name=name,
        Arn=found["Arn"],
        CloneUrlHttp=found["cloneUrlHttp"],
        CloneUrlSsh=found.get("cloneUrlSsh", ""),
    )
    if code := work.properties.get("Code"):
        codecommit.create_commit(
            repositoryName=name,
            branchName=code.get("BranchName", "main"),
            authorName="AWS CloudFormation",
            email="cloudformation@localhost",
            commitMessage="Initial commit by AWS CloudFormation",
            putFiles=_files(work, code["S3"]),
        )


def _files(work: Work, source: dict[str, str]) -> list[dict[str, Any]]:
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


def _update(work: Work) -> None:
    """Code counts at creation only (AWS::CodeCommit::Repository, "Code")."""
    codecommit = work.client("codecommit")
    old, new = work.previous["RepositoryName"], work.properties["RepositoryName"]
    if old != new:
        codecommit.update_repository_name(oldName=old, newName=new)
        work.attributes["Name"] = new
    if work.changed("RepositoryDescription"):
        codecommit.update_repository_description(
            repositoryName=new,
            repositoryDescription=work.properties.get("RepositoryDescription", ""),
        )
    if stale := stale_tags(work):
        codecommit.untag_resource(resourceArn=work.attributes["Arn"], tagKeys=stale)
    if added := tags(work.properties):
        codecommit.tag_resource(resourceArn=work.attributes["Arn"], tags=added)


def _delete(work: Work) -> None:
    work.client("codecommit").delete_repository(repositoryName=work.attributes["Name"])


HANDLERS = {
    "AWS::CodeCommit::Repository": Handler(
        frozenset({"RepositoryName", "RepositoryDescription", "Code", "Tags"}),
        create=_create,
        update=_update,
        delete=_delete,
        name="RepositoryName",
    ),
}
