"""CodeCommit with real git repositories (CodeCommit API Reference)."""

import base64
import re
import time
from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.codecommit.git_repository import FileChange, GitError, Repository, TreeEntry
from local.codecommit.records import RepositoryRecord, RepositoryRecords, find_repository
from local.context import current
from local.refusals import unsupported
from local.service import AwsError, Service

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_BAD_PATH = re.compile(r'(^|/)(\.{1,2}|\.git)?(/|$)|[\x00-\x1f"\\]')


class CodeCommit(Service):
    service = "codecommit"

    def create_repository(self) -> ActionResult:
        name = self.get("repositoryName")
        if not _NAME.fullmatch(name) or name.endswith(".git"):
            raise AwsError(
                "InvalidRepositoryNameException",
                f"repository name '{name}' must be 1 to 100 of A-Z a-z 0-9 . _ - "
                "and not end in .git",
            )
        known = RepositoryRecords.here()
        with known.lock:
            if name in known.repositories:
                raise AwsError("RepositoryNameExistsException", f"{name} already exists")
            git = Repository(current().home / "git" / f"{name}.git")
            git.create()
            made = RepositoryRecord(
                name, self.get("repositoryDescription", ""), dict(self.get("tags", {})), git
            )
            known.repositories[name] = made
        return ActionResult({"repositoryMetadata": made.metadata()})

    def get_repository(self) -> ActionResult:
        return ActionResult({"repositoryMetadata": self._record().metadata()})

    def list_repositories(self) -> ActionResult:
        records = sorted(RepositoryRecords.here().repositories.values(), key=lambda r: r.name)
        rows = [{"repositoryName": each.name, "repositoryId": each.id} for each in records]
        return ActionResult({"repositories": rows})

    def delete_repository(self) -> ActionResult:
        """As in AWS, a repository that is not there is no error: the id is absent."""
        known = RepositoryRecords.here()
        with known.lock:
            record = known.repositories.pop(self.get("repositoryName"), None)
        if record is None:
            return ActionResult({})
        record.git.delete()
        return ActionResult({"repositoryId": record.id})

    def create_branch(self) -> EmptyResult:
        record, branch = self._record(), self.get("branchName")
        if branch in record.git.branches():
            raise AwsError("BranchNameExistsException", f"branch {branch} already exists")
        commit = record.git.commit_id(self.get("commitId"))
        if commit is None:
            raise AwsError("CommitDoesNotExistException", f"no commit {self.get('commitId')}")
        self._set_branch(record, branch, commit, None)
        return EmptyResult()

    def get_branch(self) -> ActionResult:
        branch = self.get("branchName")
        commit = self._record().git.branches().get(branch)
        if commit is None:
            raise AwsError("BranchDoesNotExistException", f"branch {branch} does not exist")
        return ActionResult({"branch": {"branchName": branch, "commitId": commit}})

    def list_branches(self) -> ActionResult:
        return ActionResult({"branches": list(self._record().git.branches())})

    def get_commit(self) -> ActionResult:
        git, wanted = self._record().git, self.get("commitId")
        if not re.fullmatch(r"[0-9a-f]{4,40}", wanted) or not git.commit_id(wanted):
            raise AwsError("CommitIdDoesNotExistException", f"no commit {wanted}")
        found = git.describe(wanted)
        people = {
            role: {
                "name": found[role],
                "email": found[f"{role}_email"],
                "date": found[f"{role}_date"],
            }
            for role in ("author", "committer")
        }
        commit = {
            "commitId": found["id"],
            "treeId": found["tree"],
            "message": found["message"],
            "parents": found["parents"].split(),
            "additionalData": "",
        }
        return ActionResult({"commit": commit | people})

    def create_commit(self) -> ActionResult:
        record, branch = self._record(), self.get("branchName")
        git, tip = record.git, self._tip(record.git, branch)
        before = _files(git, tip) if tip else {}
        author = {"name": self.get("authorName", "unknown"), "email": self.get("email", "")}
        changes, message = self._changes(git, before), self.get("commitMessage", "")
        try:
            written = git.write_commit(changes, tip, author, message, int(time.time()))
        except GitError as error:  # what git refuses here is who the author is
            raise AwsError("InvalidEmailException", str(error)) from None
        after = _files(git, written)
        if after == before:
            raise AwsError("NoChangeException", "the commit would change nothing")
        self._set_branch(record, branch, written, tip)
        added = [entry for path, entry in after.items() if path not in before]
        updated = [e for path, e in after.items() if path in before and e != before[path]]
        deleted = [entry for path, entry in before.items() if path not in after]
        return ActionResult(
            {
                "commitId": written,
                "treeId": git.describe(written)["tree"],
                "filesAdded": [_metadata(entry) for entry in added],
                "filesUpdated": [_metadata(entry) for entry in updated],
                "filesDeleted": [_metadata(entry) for entry in deleted],
            }
        )

    def get_file(self) -> ActionResult:
        git, path = self._record().git, self.get("filePath")
        commit = self._commit(git)
        entry = _files(git, commit).get(path.lstrip("/"))
        if entry is None:
            raise AwsError("FileDoesNotExistException", f"no file {path} at {commit}")
        content = git.blob(entry.id)
        return ActionResult(
            {
                "commitId": commit,
                "blobId": entry.id,
                "filePath": path,
                "fileContent": content,
                "fileMode": entry.file_mode,
                "fileSize": len(content),
            }
        )

    def get_folder(self) -> ActionResult:
        """The direct content of a folder."""
        git, path = self._record().git, self.get("folderPath")
        commit = self._commit(git)
        try:
            entries = git.tree(commit, recursive=False, folder=path.strip("/"))
        except GitError:
            raise AwsError("FolderDoesNotExistException", f"no folder {path} at {commit}") from None
        found: dict[str, list[dict[str, str]]] = {
            "subFolders": [], "files": [], "symbolicLinks": [], "subModules": [],
        }  # fmt: skip
        for entry in entries:
            named = {"absolutePath": entry.path, "relativePath": entry.path.rsplit("/", 1)[-1]}
            if entry.type == "tree":
                found["subFolders"].append(named | {"treeId": entry.id})
            elif entry.type == "commit":
                found["subModules"].append(named | {"commitId": entry.id})
            else:
                kind = "symbolicLinks" if entry.file_mode == "SYMLINK" else "files"
                found[kind].append(named | {"blobId": entry.id, "fileMode": entry.file_mode})
        return ActionResult({"commitId": commit, "folderPath": path.strip("/"), **found})

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"tags": self._by_arn().tags})

    def tag_resource(self) -> EmptyResult:
        self._by_arn().tags.update(self.get("tags"))
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        record = self._by_arn()
        for key in self.get("tagKeys"):
            record.tags.pop(key, None)
        return EmptyResult()

    def _record(self) -> RepositoryRecord:
        return find_repository(self.get("repositoryName"))

    def _by_arn(self) -> RepositoryRecord:
        return find_repository(self.get("resourceArn").rsplit(":", 1)[-1])

    def _commit(self, git: Repository) -> str:
        """The commit that a request reads: of the default branch, if it names none."""
        specifier = self.get("commitSpecifier") or git.default_branch() or "HEAD"
        found = git.commit_id(specifier)
        if found is None:
            raise AwsError("CommitDoesNotExistException", f"no commit {specifier}")
        return found

    def _tip(self, git: Repository, branch: str) -> str | None:
        """What CreateCommit builds on: a new branch needs no parent, an existing one its tip."""
        tip, parent = git.branches().get(branch), self.get("parentCommitId")
        if tip and not parent:
            raise AwsError(
                "ParentCommitIdRequiredException", f"branch {branch} exists: give parentCommitId"
            )
        if parent and git.commit_id(parent) is None:
            raise AwsError("ParentCommitDoesNotExistException", f"no commit {parent}")
        if parent and not tip:
            raise AwsError("BranchDoesNotExistException", f"branch {branch} does not exist")
        if tip and parent != tip:
            raise AwsError("ParentCommitIdOutdatedException", f"the tip of {branch} is {tip}")
        return tip

    def _changes(self, git: Repository, before: Mapping[str, TreeEntry]) -> list[FileChange]:
        """What CreateCommit asks for, once it can be done to the files of `before`."""
        changes = [_put(file) for file in self.get("putFiles", [])]
        deleted = [file["filePath"] for file in self.get("deleteFiles", [])]
        modes = {file["filePath"]: file["fileMode"] for file in self.get("setFileModes", [])}
        for path in [*deleted, *modes]:
            if path not in before:
                raise AwsError("FileDoesNotExistException", f"no file {path}")
        changes += [FileChange(path, None) for path in deleted]
        changes += [
            FileChange(path, git.blob(before[path].id), mode) for path, mode in modes.items()
        ]
        for change in changes:
            if not change.path or _BAD_PATH.search(change.path):
                raise AwsError(
                    "InvalidPathException", f"'{change.path}' is not a path in a repository"
                )
        if len({change.path for change in changes}) != len(changes):
            raise AwsError("SamePathRequestException", "a path is named twice")
        return changes

    def _set_branch(
        self, record: RepositoryRecord, branch: str, commit: str, tip: str | None
    ) -> None:
        before = record.git.references()
        # Quotas in AWS CodeCommit, "Branch names"; git itself refuses the other names there
        if re.fullmatch(r"[0-9A-Fa-f]{40}", branch):
            text = f"'{branch}' is 40 hexadecimal characters, as the id of a commit is"
            raise AwsError("InvalidBranchNameException", text)
        try:
            record.git.set_branch(branch, commit, tip)
        except GitError as error:
            raise AwsError("InvalidBranchNameException", str(error)) from None
        record.announce(before, record.git.references(), self.caller().arn)


def _files(git: Repository, commit: str) -> dict[str, TreeEntry]:
    """By path; a submodule is none."""
    return {entry.path: entry for entry in git.tree(commit) if entry.type == "blob"}


def _put(file: Mapping[str, Any]) -> FileChange:
    if "fileContent" not in file:
        raise AwsError(
            "SourceFileOrContentRequiredException",
            unsupported(f"{file['filePath']}: sourceFile", "fileContent"),
        )
    content = file["fileContent"]
    # the JSON protocol carries a blob as base64 text
    data = content if isinstance(content, bytes) else base64.b64decode(content)
    return FileChange(file["filePath"], data, file.get("fileMode", "NORMAL"))


def _metadata(entry: TreeEntry) -> dict[str, str]:
    return {"absolutePath": entry.path, "blobId": entry.id, "fileMode": entry.file_mode}
