"""Callers are held to their policies: at the door of every request, and where a service works in a
role's name without a call of its own.

The administrator may do all; what a service needs in its own name is asked of everybody's call.
"""

from typing import Any

from botocore.exceptions import ClientError

from local.authorization import policies, tags
from local.authorization.ask import Ask, Unjudged
from local.authorization.asks import asks
from local.authorization.evaluate import Request, Unknown, decide, message
from local.context import current
from local.credentials import Caller, Credentials, caller
from local.door.request import Asked
from local.refusals import TurnedAway, unsupported

# HTTP status and code, by the name that signs, where they are not those of JSON services (each
# service's API reference, "Common Errors")
_ERRORS = {
    **dict.fromkeys(("cloudformation", "iam", "monitoring", "s3", "sts"), ("403", "AccessDenied")),
    "sns": ("403", "AuthorizationError"),
}


class Denied(Exception):
    """In AWS's words: who, what, on what, and why not; `ask` is what was asked."""

    def __init__(self, text: str, ask: Ask) -> None:
        super().__init__(text)
        self.ask = ask


def check(call: Asked, who: Caller, service: str) -> None:
    """Whether `who` may make this call, which is signed for `service`. Raises TurnedAway."""
    try:
        for ask in asks(call):
            if ask.by or ask.action == "sts:AssumeRole" or not who.is_administrator:
                _judge(ask, who)
    except Unjudged as what:
        if not who.is_administrator:
            text = f"User: {who.arn} is not authorized: " + unsupported(f"judging {what}")
            raise _refusal(service, "", text) from None
    except Denied as denied:
        raise _refusal(service, denied.ask.action, _told(denied, call)) from None


def _told(denied: Denied, call: Asked) -> str:
    """CloudWatch Logs tells in words of its own that its key is closed to it (public reports,
    github.com/hashicorp/terraform-provider-aws, issue 29282)."""
    if call.service == "logs" and denied.ask.by:
        arn = denied.ask.context["kms:EncryptionContext:aws:logs:arn"]
        return f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'"
    return str(denied)


def require(who: Credentials | str, operation: str, *asked: Ask) -> None:
    """What a service needs though it makes no call of an API for it: with a role's credentials, or
    as the service of this name itself. Raises ClientError, as that call would."""
    for ask in asked:
        reason = _reason(ask, who if isinstance(who, str) else caller(who.access_key_id).arn)
        if reason:
            error: Any = {"Error": {"Code": "AccessDeniedException", "Message": reason}}
            raise ClientError(error, operation)


def may(role_arn: str, *asked: Ask) -> bool:
    """Whether a role, or a service (by its principal's name), has all these permissions."""
    return all(_reason(ask, role_arn) is None for ask in asked)


def _judge(ask: Ask, who: Caller) -> None:
    reason = _reason(ask, ask.by or who.arn)
    if reason and not (ask.or_of and _reason(ask, ask.or_of) is None):
        raise Denied(reason, ask)


def _reason(ask: Ask, principal: str) -> str | None:
    """Why `principal` may not, in words; None if it may."""
    here = current()
    context = {
        "aws:RequestedRegion": here.region,
        "aws:SecureTransport": "true",  # loopback stands in for AWS's endpoint, which is TLS
        **_resource_tags(ask.resource),
        **ask.context,
    }
    try:
        if principal.startswith("arn:"):
            held = policies.of_caller(principal)
            request = Request(held.arn, ask.action, ask.resource, context, held.session)
            own, boundary = held.statements, held.boundary
        else:
            request = Request(principal, ask.action, ask.resource, context)
            own, boundary = [], None
        decision = decide(request, own, policies.of_resource(ask.resource), boundary)
    except Unknown as what:
        return f"{principal} is not authorized to perform: {ask.action} on resource: " + (
            f"{ask.resource}: " + unsupported(f"a policy with {what}")
        )
    return None if decision.allowed else message(request, decision)


def _resource_tags(resource: str) -> dict[str, str | None]:
    """Condition keys of the resource's tags."""
    found = tags.of(resource)
    if found is None:
        return {"aws:ResourceTag/*": None}
    return {f"aws:ResourceTag/{name}": value for name, value in found.items()}


def _refusal(service: str, action: str, text: str) -> TurnedAway:
    status, code = _ERRORS.get(service, ("400", "AccessDeniedException"))
    if service == "sns" and action.startswith("kms:"):
        status, code = "400", "KMSAccessDenied"  # API reference, Publish, "Errors"
    return TurnedAway(f"{status} {'Forbidden' if status == '403' else 'Bad Request'}", code, text)
