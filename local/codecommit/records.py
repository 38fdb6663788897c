"""Repositories' records, and the events of what happens to them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from local import events
from local.codecommit.git_repository import Repository
from local.context import current
from local.service import AwsError, Records


@dataclass
class RepositoryRecord:
    """A repository's record beside its git content."""

    name: str
    description: str
    tags: dict[str, str]
    git: Repository
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def arn(self) -> str:
        return current().arn("codecommit", self.name)

    def metadata(self) -> dict[str, Any]:
        here = current()
        branch = self.git.default_branch()
        return {
            "accountId": here.account,
            "repositoryId": self.id,
            "repositoryName": self.name,
            "repositoryDescription": self.description,
            "creationDate": self.created,
            "lastModifiedDate": self.created,
            "cloneUrlHttp": f"{here.url}/v1/repos/{self.name}",
            "Arn": self.arn,
        } | ({"defaultBranch": branch} if branch else {})

    def announce(self, before: Mapping[str, str], after: Mapping[str, str], caller: str) -> None:
        """Emit an event for each reference that moved (CodeCommit User Guide, "Monitoring
        CodeCommit events in Amazon EventBridge")."""
        for reference in sorted(before.keys() | after.keys()):
            old, new = before.get(reference), after.get(reference)
            if old == new:
                continue
            kind, _, short = reference.removeprefix("refs/").partition("/")
            detail = {
                "event": "reference" + ("Created" if not old else "Updated" if new else "Deleted"),
                "repositoryName": self.name,
                "repositoryId": self.id,
                "referenceType": "branch" if kind == "heads" else "tag",
                "referenceName": short,
                "referenceFullName": reference,
                "callerUserArn": caller,
            }
            commits = {"commitId": new or old, "oldCommitId": old if new else None}
            detail |= {key: value for key, value in commits.items() if value}
            events.emit("aws.codecommit", "CodeCommit Repository State Change", [self.arn], detail)


class RepositoryRecords(Records):
    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, RepositoryRecord] = {}


def find_repository(name: str) -> RepositoryRecord:
    """The repository's record; raises AwsError RepositoryDoesNotExistException."""
    found = RepositoryRecords.here().repositories.get(name)
    if found is None:
        raise AwsError("RepositoryDoesNotExistException", f"{name} does not exist")
    return found
