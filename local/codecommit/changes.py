"""What CodeCommit's CreateCommit, GetFile and GetFolder do to a repository's content."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.codecommit.git_repository import Change, Entry, GitError, Repository
from local.refusals import unsupported
from local.service import AwsError

_BAD_PATH = re.compile(r'(^|/)(\.{1,2}|\.git)?(/|$)|[\x00-\x1f"\\]')


@dataclass(frozen=True)
class CommitRequest:
    """CreateCommit's parameters; put and modes hold its putFiles and setFileModes entries."""

    branch: str
    parent: str | None
    author: Mapping[str, str]
    message: str
    put: Sequence[Mapping[str, Any]]
    delete: Sequence[str]
    modes: Sequence[Mapping[str, str]]


def commit(repository: Repository, request: CommitRequest, now: int) -> dict[str, Any]:
    """Write the commit and move the branch (API_CreateCommit).

    now: seconds since the epoch. A new branch needs no parent; an existing one needs its tip.
    """
    tip = repository.branches().get(request.branch)
    if tip and not request.parent:
        raise AwsError(
            "ParentCommitIdRequiredException",
            f"branch {request.branch} exists: give parentCommitId",
        )
    if request.parent and repository.commit_id(request.parent) is None:
        raise AwsError("ParentCommitDoesNotExistException", f"no commit {request.parent}")
    if request.parent and not tip:
        raise AwsError("BranchDoesNotExistException", f"branch {request.branch} does not exist")
    if tip and request.parent != tip:
        raise AwsError("ParentCommitIdOutdatedException", f"the tip of {request.branch} is {tip}")
    before = {entry.path: entry for entry in repository.tree(tip)} if tip else {}
    try:
        written = repository.write_commit(
            _changes(repository, request, before), tip, request.author, request.message, now
        )
        after = {entry.path: entry for entry in repository.tree(written)}
        if after == before:
            raise AwsError("NoChangeException", "the commit would change nothing")
        repository.set_branch(request.branch, written, tip)
    except GitError as error:
        raise AwsError("InvalidBranchNameException", str(error)) from None
    added = [entry for path, entry in after.items() if path not in before]
    updated = [entry for path, entry in after.items() if path in before and entry != before[path]]
    deleted = [entry for path, entry in before.items() if path not in after]
    return {
        "commitId": written,
        "treeId": repository.describe(written)["tree"],
        "filesAdded": [_metadata(entry) for entry in added],
        "filesUpdated": [_metadata(entry) for entry in updated],
        "filesDeleted": [_metadata(entry) for entry in deleted],
    }


def file(repository: Repository, specifier: str | None, path: str) -> dict[str, Any]:
    """One file's content (API_GetFile)."""
    found = _commit(repository, specifier)
    entry = next((e for e in repository.tree(found) if e.path == path.lstrip("/")), None)
    if entry is None:
        raise AwsError("FileDoesNotExistException", f"no file {path} at {found}")
    content = repository.blob(entry.id)
    return {
        "commitId": found,
        "blobId": entry.id,
        "filePath": path,
        "fileContent": content,
        "fileMode": entry.file_mode,
        "fileSize": len(content),
    }


def folder(repository: Repository, specifier: str | None, path: str) -> dict[str, Any]:
    """The direct content of a folder (API_GetFolder)."""
    found, where = _commit(repository, specifier), path.strip("/")
    try:
        entries = repository.tree(found, recursive=False, folder=where)
    except GitError:
        raise AwsError("FolderDoesNotExistException", f"no folder {path} at {found}") from None

    def named(entry: Entry) -> dict[str, str]:
        return {"absolutePath": entry.path, "relativePath": entry.path.rsplit("/", 1)[-1]}

    return {
        "commitId": found,
        "folderPath": where,
        "subFolders": [named(e) | {"treeId": e.id} for e in entries if e.type == "tree"],
        "files": [
            named(e) | {"blobId": e.id, "fileMode": e.file_mode}
            for e in entries
            if e.type == "blob"
        ],
    }


def _changes(
    repository: Repository, request: CommitRequest, before: Mapping[str, Entry]
) -> list[Change]:
    changes = []
    for put in request.put:
        if "fileContent" not in put:
            raise AwsError(
                "SourceFileOrContentRequiredException",
                unsupported(f"{put['filePath']}: sourceFile", "fileContent"),
            )
        content = put["fileContent"]
        # the JSON protocol carries a blob as base64 text
        data = content if isinstance(content, bytes) else base64.b64decode(content)
        changes.append(Change(_path(put["filePath"]), data, put.get("fileMode", "NORMAL")))
    for path in [*request.delete, *(mode["filePath"] for mode in request.modes)]:
        if path not in before:
            raise AwsError("FileDoesNotExistException", f"no file {path}")
    changes += [Change(_path(path), None) for path in request.delete]
    changes += [
        Change(
            _path(mode["filePath"]), repository.blob(before[mode["filePath"]].id), mode["fileMode"]
        )
        for mode in request.modes
    ]
    paths = [change.path for change in changes]
    if len(set(paths)) != len(paths):
        raise AwsError("SamePathRequestException", "a path is named twice")
    return changes


def _path(path: str) -> str:
    if not path or _BAD_PATH.search(path):
        raise AwsError("InvalidPathException", f"'{path}' is not a path in a repository")
    return path


def _metadata(entry: Entry) -> dict[str, str]:
    return {"absolutePath": entry.path, "blobId": entry.id, "fileMode": entry.file_mode}


def _commit(repository: Repository, specifier: str | None) -> str:
    found = repository.commit_id(specifier or repository.default_branch() or "HEAD")
    if found is None:
        raise AwsError("CommitDoesNotExistException", f"no commit {specifier or 'HEAD'}")
    return found
