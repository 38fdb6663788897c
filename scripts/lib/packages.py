"""The versions of the model that were registered: by SageMaker's registry or, in a region without
one (GovCloud), by records in the artifact bucket, which hold what DescribeModelPackage answers.

All that is written in them comes from jobs and from people: what is shown of it is made plain.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from scripts.lib.console import plain
from scripts.lib.problems import FAILED, Problem, is_gone, make
from scripts.lib.session import Clients

PENDING: Final = "PendingManualApproval"
APPROVED: Final = "Approved"
REJECTED: Final = "Rejected"
RECORDS = "registry/"
MOST = 200  # versions that are looked through, the newest first
LARGEST = 256 * 1024  # bytes of one record
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Package:
    """One registered version. `id` is its ARN, or its record's s3:// address; `number` is the
    registry's, 0 without one. `reason` is what was said with the last decision."""

    id: str
    number: int
    status: str
    description: str
    reason: str
    image: str
    model_data: str
    execution: str
    commit_id: str
    created: datetime
    changed: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The version's name, as of its model, its endpoint config and its folders."""
        return self.metadata.get("version", "")

    @property
    def commit(self) -> str:
        """The commit in the name, `<ProjectName>-<8>-<commit>-<8>`."""
        parts = self.name.rsplit("-", 2)
        return parts[1] if len(parts) == 3 else ""

    @property
    def short(self) -> str:
        """What is short enough to type after VERSION=."""
        return str(self.number) if self.number else self.tail

    @property
    def tail(self) -> str:
        """The end of the name, `<commit>-<8>`: what differs from one version to the next."""
        return "-".join(self.name.rsplit("-", 2)[1:]) or "of no name"

    @property
    def label(self) -> str:
        """The version in a sentence."""
        return f"{self.number} ({self.commit})" if self.number and self.commit else self.short

    @property
    def accuracy(self) -> float | None:
        return number(self.metadata.get("accuracy"))

    @property
    def evaluation(self) -> str:
        """The folder of its evaluation, s3://BUCKET/evaluations/NAME/, or an empty text."""
        return self.metadata.get("evaluation", "")


def number(text: object) -> float | None:
    """A finite number, or None."""
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def registered(clients: Clients, known: Mapping[str, str], status: str = "") -> Iterator[Package]:
    """The versions, the newest first; `known` are the stack's outputs.

    Those of a registry are read as they are asked for. Records are all read first: when one was
    last written says nothing about when its version was registered.
    """
    later = []
    for one in identities(clients, known, status):
        found = read(clients, known, one)
        if found and status in ("", found.status):
            if found.number:
                yield found
            else:
                later.append(found)
    yield from sorted(later, key=lambda one: one.created, reverse=True)


def identities(clients: Clients, known: Mapping[str, str], status: str = "") -> Iterator[str]:
    """What `read` takes, the newest first; none before a first version was registered."""
    pages = clients.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=known["ProjectName"],
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"MaxItems": MOST},
        **({"ModelApprovalStatus": status} if status else {}),  # type: ignore[arg-type]
    )
    try:
        for page in pages:
            yield from (one["ModelPackageArn"] for one in page["ModelPackageSummaryList"])
    except ClientError as error:
        if has_no_registry(error):
            yield from records(clients, known["ArtifactBucket"])
        elif not is_gone(error):
            raise


def has_no_registry(error: ClientError) -> bool:
    """Whether the region has no model registry: "The requested operation is not available in the
    called region" (Amazon SageMaker AI, AWS GovCloud (US) User Guide)."""
    return "not available in the called region" in str(error)


def records(clients: Clients, bucket: str) -> list[str]:
    """The addresses of the records, by the time at which each was last written."""
    found = []
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RECORDS)
    for page in pages:
        for one in page.get("Contents", []):
            if one["Key"].endswith(".json"):
                found.append((one["LastModified"], one["Key"]))
    return [f"s3://{bucket}/{key}" for _, key in sorted(found, reverse=True)][:MOST]


def read(clients: Clients, known: Mapping[str, str], one: str) -> Package | None:
    """One version by its ARN or the address of its record; None where it is gone."""
    try:
        if one.startswith("s3://"):
            return package(one, record(clients, known["ArtifactBucket"], one))
        answer: Any = clients.sagemaker.describe_model_package(ModelPackageName=one)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return package(one, answer)


def record(clients: Clients, bucket: str, address: str) -> Mapping[str, Any]:
    """What a record holds; it lies where the workflow has written it, or is none."""
    key = address.removeprefix(f"s3://{bucket}/")
    if key == address or not key.startswith(RECORDS):
        raise Problem(f"{address} is no record of a version of this stack", FAILED)
    body = clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read(LARGEST + 1)
    try:
        found = json.loads(body) if len(body) <= LARGEST else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Problem(f"{address} is damaged: it is no record of a version", FAILED)
    return found


def package(one: str, answer: Mapping[str, Any]) -> Package:
    """A version as DescribeModelPackage, or the record in its place, tells of it."""
    (container, *_) = answer.get("InferenceSpecification", {}).get("Containers") or [{}]
    properties = answer.get("CustomerMetadataProperties") or {}
    origin = answer.get("MetadataProperties") or {}
    return Package(
        id=one,
        number=int(answer.get("ModelPackageVersion") or 0),
        status=plain(answer.get("ModelApprovalStatus")),
        description=plain(answer.get("ModelPackageDescription")),
        reason=plain(answer.get("ApprovalDescription")),
        image=plain(container.get("Image")),
        model_data=plain(container.get("ModelDataUrl")),
        execution=plain(origin.get("GeneratedBy")),
        commit_id=plain(origin.get("CommitId")),
        created=moment(answer.get("CreationTime")),
        changed=moment(answer.get("LastModifiedTime") or answer.get("CreationTime")),
        metadata={plain(name): plain(value) for name, value in properties.items()},
    )


def moment(value: object) -> datetime:
    """A time, which a record has as ISO text."""
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return NEVER
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def find(
    clients: Clients, known: Mapping[str, str], text: str, stack: str, given: str = "VERSION"
) -> Package:
    """The version that a person means: its number, its name, or how the name goes on after the
    prefix, `<commit>-<8>`, as far as that is told."""
    if found := numbered(clients, known, text):
        return found
    fitting = []
    for each in registered(clients, known):
        if text == each.name:
            return each
        if len(text) >= 4 and each.tail.startswith(text):
            fitting.append(each)
    if len(fitting) > 1:
        listed = ", ".join(one.short for one in fitting)
        raise Problem(f"{given}={text} fits {listed}: pass one of these")
    if not fitting:
        raise Problem(
            f"{given}={text} is no registered version: pass a number, a commit or a name that "
            f"{make('models', stack)} lists"
        )
    return fitting[0]


def numbered(clients: Clients, known: Mapping[str, str], text: str) -> Package | None:
    """The version of this number, however old it is; None where that is none, or has none."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        return None
    _, partition, _, region, account, *_ = known["TrainingWorkflowArn"].split(":")
    group = known["ProjectName"]
    arn = f"arn:{partition}:sagemaker:{region}:{account}:model-package/{group}/{text}"
    try:
        return read(clients, known, arn)
    except ClientError as error:
        if has_no_registry(error):
            return None
        raise


def newest(clients: Clients, known: Mapping[str, str]) -> Package | None:
    """The version that was registered last, or None."""
    return next(registered(clients, known), None)
