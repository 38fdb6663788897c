"""The versions that SageMaker still keeps: which of them have served, and what is left of each.

What the tags say is written by the deployment workflow (templates/workflows/deployment/version.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from scripts.lib.packages import Package
from scripts.lib.problems import is_gone
from scripts.lib.serving import ServedModel, read_model
from scripts.lib.session import Clients
from scripts.lib.workflow import parsed

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# How the names of the executions begin that take the endpoint back
ROLLBACK = "rollback-"
LOOKED_THROUGH = 20  # executions, the newest first
NOTHING = "none"  # what the workflow calls the version of an endpoint that serves none
MOST = 100  # as many as the workflow looks through
NEVER, WITHDRAWN, UNCHECKED = "no", "withdrawn", "unchecked"


@dataclass(frozen=True)
class KeptVersion:
    """A version's model, and since when there is one."""

    model: ServedModel
    created: datetime

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def served(self) -> str:
        """yes, or one of the three above; one that says nothing has: it is older than the tag."""
        return self.model.tags.get("served", "yes")

    @property
    def number(self) -> int:
        """That of its registered version; 0 without one."""
        tail = self.model.package.rpartition("/")[2]
        return int(tail) if tail.isdecimal() else 0

    def is_meant(self, text: str) -> bool:
        """By its name, or by how that goes on after the prefix, as far as it is told."""
        tail = "-".join(self.name.rsplit("-", 2)[1:])
        return text == self.name or (len(text) >= 4 and tail.startswith(text))


def kept(clients: Clients, prefix: str) -> list[KeptVersion]:
    """All versions, the newest first; one that goes meanwhile is none."""
    listed = clients.sagemaker.list_models(
        NameContains=f"{prefix}-", SortBy="CreationTime", SortOrder="Descending", MaxResults=MOST
    )
    found = []
    for one in listed["Models"]:
        if not one["ModelName"].startswith(f"{prefix}-"):
            continue
        try:
            model = read_model(clients, one["ModelName"])
        except ClientError as error:
            if not is_gone(error):
                raise
            continue
        found.append(KeptVersion(model, one["CreationTime"]))
    return found


def taken_back(model: ServedModel | None) -> str:
    """From which version, and when, the endpoint was taken back to this one; or an empty text."""
    tags: Mapping[str, str] = model.tags if model else {}
    if not tags.get("back-from"):
        return ""
    return f"taken back from {tags['back-from']} at {_moment(tags.get('back-at', ''))}"


def _moment(text: str) -> str:
    """A time as the other commands tell one."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return text or "an unknown time"


def left_for(clients: Clients, name: str) -> ServedModel | None:
    """The version that was left when the endpoint was last taken back to this one, as it is now;
    None where nothing was left, or one of the two is gone."""
    try:
        left = read_model(clients, name).tags.get("back-from", NOTHING)
        return None if left == NOTHING else read_model(clients, left)
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def request_of(stepfunctions: "SFNClient", machine: str, name: str) -> dict[str, Any]:
    """What was asked for when the endpoint was last taken back to a version: by whom, and why."""
    found = stepfunctions.list_executions(
        stateMachineArn=machine, statusFilter="SUCCEEDED", maxResults=LOOKED_THROUGH
    )
    for one in found["executions"]:
        if one["name"].startswith(ROLLBACK):
            answer = stepfunctions.describe_execution(executionArn=one["executionArn"])
            given = parsed(answer.get("input", ""))
            if "rollout" not in parsed(answer.get("output", "")):
                continue  # it served already
            if given.get("name") == name and isinstance(given.get("rollback"), dict):
                return dict(given["rollback"])
    return {}


def of_package(found: list[KeptVersion], one: Package) -> KeptVersion | None:
    """What is kept of a registered version; its newest, where it was deployed more than once."""
    return next((each for each in found if each.model.is_of(one)), None)


def lacks(clients: Clients, known: Mapping[str, str], one: KeptVersion) -> list[str]:
    """What of a version is gone, so that nothing can serve it; empty where all is there."""
    gone = []
    try:
        clients.sagemaker.describe_endpoint_config(EndpointConfigName=one.name)
    except ClientError as error:
        if not is_gone(error):
            raise
        gone.append("its endpoint configuration in SageMaker")
    repository, _, digest = one.model.image.partition("@")
    try:
        clients.ecr.describe_images(
            repositoryName=repository.partition("/")[2], imageIds=[{"imageDigest": digest}]
        )
    except ClientError as error:
        if not is_gone(error):
            raise
        gone.append(f"its image {digest} in the registry")
    place = f"s3://{known['ArtifactBucket']}/"
    if not one.model.data.startswith(place):
        return [*gone, f"an archive in this stack's bucket (it is {one.model.data or 'unknown'})"]
    key = one.model.data.removeprefix(place)
    listed = clients.s3.list_objects_v2(Bucket=known["ArtifactBucket"], Prefix=key, MaxKeys=1)
    if key not in [each["Key"] for each in listed.get("Contents", [])]:
        gone.append(f"its archive {one.model.data}")
    return gone
