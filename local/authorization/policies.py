"""The policies that are in force: a caller's own, and a resource's."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.ecr.models import ecr_backends
from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from local.authorization import keys
from local.authorization.evaluate import Statement, statements
from local.context import current
from local.credentials import ADMINISTRATOR

_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@dataclass(frozen=True)
class Principal:
    """A role or a user: its ARN, the session's, its statements, its boundary's if it has one."""

    arn: str
    session: str
    statements: list[Statement]
    boundary: list[Statement] | None


def of_caller(arn: str) -> Principal:
    """Whose credentials are used: the ARN of a role's session, of a role, or of a user."""
    here = current()
    iam = iam_backends[here.account][here.partition]
    kind, _, name = arn.split(":", 5)[5].partition("/")
    session = arn if kind == "assumed-role" else ""
    name = name.partition("/")[0] if session else name.rpartition("/")[2]
    try:
        holder: Any = iam.get_user(name) if kind == "user" else iam.get_role(name)
    except NotFoundException:  # it was deleted; its credentials do not outlive it
        return Principal(arn, session, [], None)
    groups = iam.get_groups_for_user(name) if kind == "user" else []
    if holder.arn.endswith(f":user/{ADMINISTRATOR}"):
        return Principal(arn, session, [_ALL], None)
    found = [each for holding in (holder, *groups) for each in _attached(holding)]
    boundary = getattr(holder, "permissions_boundary_arn", None)
    return Principal(
        holder.arn, session, found, _read(_text(iam.get_policy(boundary))) if boundary else None
    )


def _attached(holder: Any) -> list[Statement]:
    texts = [*holder.policies.values(), *map(_text, holder.managed_policies.values())]
    return [each for text in texts for each in _read(text)]


def _text(managed: Any) -> Any:
    """The document of a managed policy's default version."""
    wanted = managed.default_version_id
    return next(one.document for one in managed.versions if one.version_id == wanted)


def _read(policy: Any) -> list[Statement]:
    return _parsed(policy) if isinstance(policy, str) else statements(policy)


_parsed = lru_cache(maxsize=1024)(statements)


def of_resource(arn: str) -> list[Statement]:
    """Those of a bucket's, key's, topic's, queue's, repository's or role's policy.

    An object has its bucket's.
    """
    here = current()
    service, region, account, name = (arn.split(":", 5) + [""] * 6)[2:6]
    if account not in ("", here.account) or region not in ("", here.region):
        return []
    policy: Any = None
    match service:
        case "s3":
            bucket = s3_backends[here.account][here.partition].buckets.get(name.partition("/")[0])
            policy = bucket.policy.decode() if bucket and bucket.policy else None
        case "sns":
            topic = sns_backends[here.account][here.region].topics.get(arn)
            policy = topic.policy if topic else None
        case "sqs":
            queue = sqs_backends[here.account][here.region].queues.get(name)
            policy = queue.policy if queue else None
        case "ecr":
            repositories = ecr_backends[here.account][here.region].repositories
            found = repositories.get(name.removeprefix("repository/"))
            policy = found.policy if found else None
        case "kms" if name.startswith("key/"):
            return _of_key(arn)
        case "iam" if name.startswith("role/"):
            policy = _trust(arn)
    return _read(policy) if policy else []


def _trust(arn: str) -> Any:
    here = current()
    try:
        role = iam_backends[here.account][here.partition].get_role_by_arn(arn)
    except NotFoundException:
        return None
    return role.assume_role_policy_document


def _of_key(arn: str) -> list[Statement]:
    """The key's policy; of a key that does not exist yet IAM alone decides."""
    key = keys.find(arn)
    if key is None:
        here = current()
        root = {"AWS": f"arn:{here.partition}:iam::{here.account}:root"}
        return [{"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}]
    return _read(key.policy)
