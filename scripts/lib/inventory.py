"""What a project holds: in its stack, beside it, and after it is gone."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from botocore.exceptions import ClientError

from scripts.lib import stacks
from scripts.lib.bootstrap import bootstrap_name
from scripts.lib.console import plain
from scripts.lib.logstreams import streams
from scripts.lib.packages import has_no_registry
from scripts.lib.problems import is_gone
from scripts.lib.session import Clients
from scripts.lib.stacks import REMADE, STATEFUL, Held
from scripts.lib.together import together

# SageMaker's kinds of jobs that a workflow may start, as they are in the names of operations and
# log groups; a job's name begins with its version's, that of a tuning job with the stack's digits
JOBS = ("HyperParameterTuning", "Training", "Processing", "Transform")


@dataclass(frozen=True)
class ServingEndpoint:
    """An endpoint: status, the config it serves, since when, and why it failed."""

    name: str
    status: str
    config: str
    changed: datetime
    reason: str


@dataclass(frozen=True)
class StackRecord:
    """One stack's identity, also of a deleted one: stack ID, ProjectName and resources."""

    stack_id: str
    name: str
    held: list[Held]
    alive: bool

    @property
    def stack(self) -> str:
        """The stack's name, which its ID holds: `…:stack/<name>/<guid>`."""
        return self.stack_id.split("/")[1]

    @property
    def prefix(self) -> str:
        """What the names of everything its workflow makes begin with."""
        return f"{self.name}-{self.digits}"

    @property
    def digits(self) -> str:
        """What the names of tuning jobs, and of what these train, begin with: they are short."""
        return self.stack_id.rsplit("/", 1)[-1].split("-", maxsplit=1)[0]

    def physical(self, kind: str) -> list[str]:
        """The physical IDs of its resources of one type."""
        return [one.physical for one in self.held if one.type == kind]


@dataclass
class Inventory:
    """Everything that belongs to the project and exists now; `others` only bears its name."""

    records: list[StackRecord] = field(default_factory=list)
    stacks: list[str] = field(default_factory=list)
    endpoints: list[ServingEndpoint] = field(default_factory=list)
    configs: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    data: list[Held] = field(default_factory=list)
    remade: list[Held] = field(default_factory=list)
    streams: list[tuple[str, str]] = field(default_factory=list)
    others: list[Held] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One line for each thing."""
        counted = Counter(group for group, _ in self.streams)
        return [
            *(f"stack {one}" for one in self.stacks),
            *(f"endpoint {one.name} ({one.status})" for one in self.endpoints),
            *(f"endpoint config {one}" for one in self.configs),
            *(f"model {one}" for one in self.models),
            *(f"{named(one)}, made anew by a service" for one in self.remade),
            *(f"{number} log streams in {group}" for group, number in counted.items()),
            *self.data_lines(),
        ]

    def data_lines(self) -> list[str]:
        """One line for each thing that holds data."""
        return [named(one) for one in self.data]


def take(clients: Clients, stack: str, before: Inventory | None = None) -> Inventory:
    """Look at what the stack of this name, and deleted ones before it, hold or left. What was found
    `before` spares the events of those that were deleted already: no more come."""
    ended = {one.stack_id: one for one in before.records if not one.alive} if before else {}
    found = Inventory(records=list(records(clients, stack, ended)))
    clients.make("sagemaker", "logs")
    of_each = together(lambda one: made_by(clients, one), found.records)
    for record, made in zip(found.records, of_each, strict=True):
        if record.alive:
            found.stacks.append(record.stack)
        found.endpoints += made.endpoints
        found.configs += made.configs
        found.models += made.models
        found.streams += made.streams
        found.data += [one for one in record.held if keeps_data(one)]
        found.remade += [one for one in record.held if is_remade(one)]
    for each in versions(clients, found.records):
        (found.data if is_tagged(clients, each) else found.others).append(each)
    # The key last: what it encrypts goes before it
    found.data = sorted(present(clients, found.data), key=lambda one: one.type == "AWS::KMS::Key")
    found.remade = present(clients, found.remade)
    found.others = present(clients, found.others)
    return found


def made_by(clients: Clients, record: StackRecord) -> Inventory:
    """What a stack's workflows and jobs have made, and is there."""
    made = Inventory()
    if not record.name:
        return made
    serving = endpoint(clients, record.name)
    if serving and serving.config.startswith(f"{record.prefix}-"):
        made.endpoints.append(serving)
    made.configs += config_names(clients, record.prefix)
    for prefix in (record.prefix, f"{record.name}-batch-{record.digits}"):
        made.models += model_names(clients, prefix)
    for group, prefix in log_places(record):
        made.streams += [(group, one) for one in streams(clients.logs, group, prefix)]
    return made


def versions(clients: Clients, known: Iterable[StackRecord]) -> list[Held]:
    """The groups of registered versions, by name. The workflow makes them, not the stack: they are
    a stack's that lives and has that name by now, or ours."""
    ours = [one.stack for one in known if one.alive]
    return [
        Held("Registered versions", "AWS::SageMaker::ModelPackageGroup", name, "")
        for name in dict.fromkeys(one.name for one in known if one.name)
        if stacks.holder(clients.cloudformation, name) in ("", *ours)
    ]


def is_tagged(clients: Clients, group: Held) -> bool:
    """Whether the workflow has made a group, which its tag says: somebody else's of the same name
    has none. One that is not there is nobody else's."""
    try:
        found = clients.sagemaker.describe_model_package_group(ModelPackageGroupName=group.physical)
        arn = found["ModelPackageGroupArn"]
        pages = clients.sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        tags = {one["Key"]: one["Value"] for page in pages for one in page["Tags"]}
    except ClientError as error:
        if is_gone(error) or has_no_registry(error):
            return True
        raise
    return tags.get("project") == group.physical


def present(clients: Clients, held: Iterable[Held]) -> list[Held]:
    """Those that are there, each once, without what is by now another stack's.

    Two stacks in turn may have kept repositories of one name; and a name that was let go of may
    have been taken by a stack that is none of ours.
    """
    # A living stack's comes first in `held`, and is the one that counts
    unique = {(one.type, one.physical): one for one in reversed(list(held))}.values()
    return [one for one in unique if exists(clients, one) and not is_anothers(clients, one)]


def is_anothers(clients: Clients, one: Held) -> bool:
    """Whether what a stack let go of is held by a living one."""
    let_go = one.status in ("DELETE_SKIPPED", "DELETE_COMPLETE")
    return let_go and stacks.holder(clients.cloudformation, one.physical) != ""


def log_places(record: StackRecord) -> Iterator[tuple[str, str]]:
    """The log groups that all jobs and notebooks of an account share, and how our streams begin."""
    for kind in JOBS[1:]:  # a tuning job has no log of its own
        yield f"/aws/sagemaker/{kind}Jobs", f"{record.prefix}-"
    yield "/aws/sagemaker/TrainingJobs", f"{record.digits}-"
    for notebook in record.physical("AWS::SageMaker::NotebookInstance"):
        yield "/aws/sagemaker/NotebookInstances", f"{notebook}/"


def named(one: Held) -> str:
    """A resource in words: what it is in the stack, its type and its name."""
    return f"{one.logical}: {one.type.removeprefix('AWS::')} {one.physical}"


def records(
    clients: Clients, stack: str, ended: Mapping[str, StackRecord]
) -> Iterator[StackRecord]:
    """The stack and its bootstrap stack, living or deleted within the last 90 days; those that had
    `ended` before are as they were."""
    cloudformation = clients.cloudformation
    for name in (stack, bootstrap_name(stack)):
        living = stacks.describe(cloudformation, name)
        ids = [living["StackId"]] if living else []
        for stack_id in ids + stacks.deleted_ids(cloudformation, name):
            if stack_id in ended:
                yield ended[stack_id]
                continue
            found = stacks.describe(cloudformation, stack_id)
            alive = stack_id in ids
            held = stacks.resources(cloudformation, stack_id) if alive else []
            known = {one.physical for one in held}
            held += [o for o in stacks.let_go(cloudformation, stack_id) if o.physical not in known]
            values = stacks.parameters(found) if found else {}
            yield StackRecord(stack_id, values.get("ProjectName", ""), held, alive)


def keeps_data(one: Held) -> bool:
    """Whether a resource outlives its stack (Retain) and holds data."""
    return bool(one.physical) and (one.type in STATEFUL or one.status == "DELETE_SKIPPED")


def is_remade(one: Held) -> bool:
    """Whether a resource that went with its stack may have been made anew by a service."""
    return one.type in REMADE and one.status == "DELETE_COMPLETE"


def endpoint(clients: Clients, name: str) -> ServingEndpoint | None:
    """The endpoint, or None."""
    try:
        found = clients.sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return ServingEndpoint(
        name,
        found["EndpointStatus"],
        found.get("EndpointConfigName", ""),
        found["LastModifiedTime"],
        plain(found.get("FailureReason")),
    )


def served_version(config: str, prefix: str) -> str:
    """The commit in the name of a version or its config, `<prefix>-<commit>-<unique>`."""
    name = config.removeprefix(f"{prefix}-")
    return name.split("-")[0] if name != config else config


def config_names(clients: Clients, prefix: str) -> list[str]:
    """Endpoint configs whose names begin with the prefix."""
    pages = clients.sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains=prefix)
    return ours((one["EndpointConfigName"] for p in pages for one in p["EndpointConfigs"]), prefix)


def model_names(clients: Clients, prefix: str) -> list[str]:
    """Models whose names begin with the prefix."""
    pages = clients.sagemaker.get_paginator("list_models").paginate(NameContains=prefix)
    return ours((one["ModelName"] for page in pages for one in page["Models"]), prefix)


def ours(names: Iterable[str], prefix: str) -> list[str]:
    """The names that begin with the prefix: NameContains finds it anywhere."""
    return [name for name in names if name.startswith(f"{prefix}-")]


def exists(clients: Clients, one: Held) -> bool:
    """Whether a kept resource is still there; a key that waits for its deletion is not."""
    try:
        match one.type:
            case "AWS::S3::Bucket":
                clients.s3.head_bucket(Bucket=one.physical)
            case "AWS::ECR::Repository":
                clients.ecr.describe_repositories(repositoryNames=[one.physical])
            case "AWS::CodeCommit::Repository":
                return repository_name(clients, one.physical) != ""
            case "AWS::SageMaker::ModelPackageGroup":
                group = clients.sagemaker.describe_model_package_group(
                    ModelPackageGroupName=one.physical
                )
                return group["ModelPackageGroupStatus"] != "Deleting"
            case "AWS::KMS::Key":
                key = clients.kms.describe_key(KeyId=one.physical)["KeyMetadata"]
                return key["KeyState"] != "PendingDeletion"
            case "AWS::Logs::LogGroup":
                pages = clients.logs.get_paginator("describe_log_groups")
                found = pages.paginate(logGroupNamePrefix=one.physical)
                return any(e["logGroupName"] == one.physical for p in found for e in p["logGroups"])
            case "AWS::CodeBuild::ReportGroup":
                groups = clients.codebuild.batch_get_report_groups(reportGroupArns=[one.physical])
                return bool(groups["reportGroups"])
    except ClientError as error:
        if is_gone(error) or has_no_registry(error):
            return False
        raise
    return True


def repository_name(clients: Clients, physical: str) -> str:
    """The name of the CodeCommit repository with this ID, or an empty text.

    Ref gives the ID, and every operation wants the name (AWS: AWS::CodeCommit::Repository).
    """
    for page in clients.codecommit.get_paginator("list_repositories").paginate():
        for one in page["repositories"]:
            if physical in (one["repositoryId"], one["repositoryName"]):
                return one["repositoryName"]
    return ""
