"""CodeCommit with real git repositories (CodeCommit API Reference)."""

import re
import time
from collections.abc import Callable
from typing import TypeVar

from moto.core.responses import ActionResult, EmptyResult

from local import context
from local.codecommit import changes
from local.codecommit.git_repository import GitError, Repository
from local.codecommit.records import Entry, RepositoryRecords, announce, find_repository
from local.service import AwsError, Service

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


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
        here = context.current()
        known = RepositoryRecords.here()
        with known.lock:
            if name in known.repositories:
                raise AwsError("RepositoryNameExistsException", f"{name} already exists")
            git = Repository(here.home / "git" / f"{name}.git")
            git.create()
            entry = Entry(
                name, self.get("repositoryDescription", ""), dict(self.get("tags", {})), git
            )
            known.repositories[name] = entry
        return ActionResult({"repositoryMetadata": entry.metadata()})

    def get_repository(self) -> ActionResult:
        return ActionResult({"repositoryMetadata": self._entry().metadata()})

    def list_repositories(self) -> ActionResult:
        entries = sorted(RepositoryRecords.here().repositories.values(), key=lambda e: e.name)
        rows = [{"repositoryName": e.name, "repositoryId": e.id} for e in entries]
        return ActionResult({"repositories": rows})

    def delete_repository(self) -> ActionResult:
        """As in AWS, a repository that is not there is no error: the id is absent."""
        known = RepositoryRecords.here()
        with known.lock:
            entry = known.repositories.pop(self.get("repositoryName"), None)
        if entry is None:
            return ActionResult({})
        entry.git.delete()
        return ActionResult({"repositoryId": entry.id})

    def create_branch(self) -> EmptyResult:
        entry, branch = self._entry(), self.get("branchName")
        if branch in entry.git.branches():
            raise AwsError("BranchNameExistsException", f"branch {branch} already exists")
        commit = entry.git.commit_id(self.get("commitId"))
        if commit is None:
            raise AwsError("CommitDoesNotExistException", f"no commit {self.get('commitId')}")
        try:
            self._announced(entry, lambda: entry.git.set_branch(branch, commit, None))
        except GitError as error:
            raise AwsError("InvalidBranchNameException", str(error)) from None
        return EmptyResult()

    def get_branch(self) -> ActionResult:
        branch = self.get("branchName")
        commit = self._entry().git.branches().get(branch)
        if commit is None:
            raise AwsError("BranchDoesNotExistException", f"branch {branch} does not exist")
        return ActionResult({"branch": {"branchName": branch, "commitId": commit}})

    def list_branches(self) -> ActionResult:
        return ActionResult({"branches": list(self._entry().git.branches())})

    def get_commit(self) -> ActionResult:
        entry, wanted = self._entry(), self.get("commitId")
        if not re.fullmatch(r"[0-9a-f]{4,40}", wanted) or not entry.git.commit_id(wanted):
            raise AwsError("CommitIdDoesNotExistException", f"no commit {wanted}")
        found = entry.git.describe(wanted)
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
        entry = self._entry()
        request = changes.CommitRequest(
            branch=self.get("branchName"),
            parent=self.get("parentCommitId"),
            author={"name": self.get("authorName", "unknown"), "email": self.get("email", "")},
            message=self.get("commitMessage", ""),
            put=self.get("putFiles", []),
            delete=[file["filePath"] for file in self.get("deleteFiles", [])],
            modes=self.get("setFileModes", []),
        )
        return ActionResult(
            self._announced(entry, lambda: changes.commit(entry.git, request, int(time.time())))
        )

    def get_file(self) -> ActionResult:
        entry = self._entry()
        return ActionResult(
            changes.file(entry.git, self.get("commitSpecifier"), self.get("filePath"))
        )

    def get_folder(self) -> ActionResult:
        entry = self._entry()
        return ActionResult(
            changes.folder(entry.git, self.get("commitSpecifier"), self.get("folderPath"))
        )

    def list_tags_for_resource(self) -> ActionResult:
        return ActionResult({"tags": self._by_arn().tags})

    def tag_resource(self) -> EmptyResult:
        self._by_arn().tags.update(self.get("tags"))
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        entry = self._by_arn()
        for key in self.get("tagKeys"):
            entry.tags.pop(key, None)
        return EmptyResult()

    def _entry(self) -> Entry:
        return find_repository(self.get("repositoryName"))

    def _by_arn(self) -> Entry:
        return find_repository(self.get("resourceArn").rsplit(":", 1)[-1])

    def _announced(self, entry: Entry, change: Callable[[], T]) -> T:
        before = entry.git.references()
        result = change()
        announce(entry, before, entry.git.references(), self.caller().arn)
        return result
