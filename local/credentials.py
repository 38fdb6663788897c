"""Who acts: the administrator, or a service with a role that trusts it. Nothing acts unnamed."""

import re
import secrets
import string
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from moto.core.utils import utcnow
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, iam_backends
from moto.sts.models import STSBackend, sts_backends

from local.authorization.evaluate import Request, Unknown, decide, statements
from local.context import current
from local.refusals import unsupported

ADMINISTRATOR = "administrator"
_session_lock = threading.Lock()


class NotAuthorized(Exception):
    """A role that cannot be assumed; the text names the service, the role and the reason."""


class UnknownCaller(Exception):
    """An access key that this endpoint did not hand out."""


class ExpiredCaller(Exception):
    """An access key whose session has ended."""


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None

    def client(self, service: str) -> Any:
        """A boto3 client of this endpoint that acts with these credentials; it does not retry."""
        return _client(self, service)

    def environment(self) -> dict[str, str]:
        """The variables that make any AWS client in a child process act with these credentials."""
        context = current()
        variables = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": context.region,
            "AWS_REGION": context.region,
            "AWS_ENDPOINT_URL": context.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if self.session_token:
            variables["AWS_SESSION_TOKEN"] = self.session_token
        return variables


@dataclass(frozen=True)
class Caller:
    arn: str
    credentials: Credentials

    @property
    def is_administrator(self) -> bool:
        """Whether these are the keys that the endpoint prints at its start."""
        return self.arn.endswith(f":user/{ADMINISTRATOR}")


@lru_cache(maxsize=64)  # of half a megabyte each; every execution has its own, for some services
def _client(credentials: Credentials, service: str) -> Any:
    context = current()
    with _session_lock:  # clients are thread-safe, creating them is not (boto3 guide, "Clients")
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=context.url,
            region_name=context.region,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
            config=Config(
                retries={"total_max_attempts": 1},
                max_pool_connections=50,
                s3={"addressing_style": "path"},
                # else boto3 asks for a checksum that Step Functions' own SDK does not ask for
                response_checksum_validation="when_required",
            ),
        )


def forget_clients() -> None:
    """Each takes half a megabyte, and is made anew when it is needed."""
    _client.cache_clear()


def _iam() -> IAMBackend:
    context = current()
    return iam_backends[context.account][context.partition]


def _sts() -> STSBackend:
    context = current()
    return sts_backends[context.account][context.partition]


def create_administrator() -> Credentials:
    """Make the one IAM user that people act as, with a random key: it is what keeps others out."""
    iam = _iam()
    iam.create_user(current().region, ADMINISTRATOR)
    key = iam.create_access_key(ADMINISTRATOR)
    del iam.access_keys[key.access_key_id]
    alphabet = string.ascii_uppercase + "234567"
    key.access_key_id = "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16))
    key.secret_access_key = secrets.token_urlsafe(30)
    iam.access_keys[key.access_key_id] = key
    return administrator()


def administrator() -> Credentials:
    """The credentials that the endpoint prints at its start."""
    (key,) = _iam().get_user(ADMINISTRATOR).access_keys
    return Credentials(key.access_key_id, key.secret_access_key)


def assume(role_arn: str, service: str, session: str, source_arn: str | None = None) -> Credentials:
    """What a service does before it works for you: check the role's trust, get its credentials.

    `source_arn` is what the service sends as aws:SourceArn. Raises NotAuthorized.
    """
    context = current()
    try:
        role = _iam().get_role_by_arn(role_arn)
    except NotFoundException:
        raise NotAuthorized(f"{service} cannot assume {role_arn}: no such role") from None
    keys = {"aws:SourceAccount": context.account}
    if source_arn:
        keys["aws:SourceArn"] = source_arn
    try:
        asked = Request(service, "sts:AssumeRole", role_arn, keys)
        decision = decide(asked, resource=statements(role.assume_role_policy_document))
    except Unknown as what:
        reason = unsupported(f"its trust policy: {what}")
        raise NotAuthorized(f"{service} cannot assume {role_arn}: {reason}") from None
    if not decision.allowed:
        raise NotAuthorized(f"{service} is not authorized to assume {role_arn} {decision.reason}")
    granted = _sts().assume_role(
        region_name=context.region,
        role_session_name=re.sub(r"[^\w+=,.@-]", "-", session)[:64],
        role_arn=role_arn,
        policy="",
        duration=12 * 3600,
        external_id="",
    )
    return Credentials(granted.access_key_id, granted.secret_access_key, granted.session_token)


def caller(access_key_id: str) -> Caller:
    """Who uses this key. Raises UnknownCaller for one of elsewhere, and ExpiredCaller."""
    for user in _iam().users.values():
        for key in user.access_keys:
            if key.access_key_id == access_key_id:
                return Caller(user.arn, Credentials(key.access_key_id, key.secret_access_key))
    role = _sts().get_assumed_role_from_access_key(access_key_id)
    if role is None:
        raise UnknownCaller(access_key_id)
    if role.expiration <= utcnow():
        raise ExpiredCaller(access_key_id)
    return Caller(
        role.arn, Credentials(role.access_key_id, role.secret_access_key, role.session_token)
    )
