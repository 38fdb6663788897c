"""May this principal do this? IAM's logic over the statements that apply; what it cannot read, it
does not judge: it raises Unknown.

IAM User Guide, "Policy evaluation logic": an explicit Deny wins. Within an account an Allow is
enough, of the caller's own policies or of the resource's policy that names the caller; one that
names the caller's account leaves it to the caller's policies. Roles and keys are stricter: their
own policy has to let the caller in, or leave it to IAM (KMS Developer Guide, "Default key
policy"). Between accounts both sides have to allow. A boundary has to allow too, here also what a
resource's policy allows to a session. Session and organization policies are not read.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from local.authorization.conditions import Unknown, as_list, hold, like_action, like_arn

Statement = Mapping[str, Any]

_ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}


@dataclass(frozen=True)
class Request:
    """One action on one resource.

    `principal` is the ARN of a role or user, or a service's name (events.amazonaws.com); `session`
    the ARN of the session that a role acts in. `resource` is "*" where the action has no resource
    level. `context` has the condition keys that the request carries, and None for those (a `*` in
    the name stands for any text) of which it cannot be told; what follows from the principal is
    added here.
    """

    principal: str
    action: str
    resource: str
    context: Mapping[str, str | Sequence[str] | None] = field(default_factory=dict)
    session: str = ""

    @property
    def by_service(self) -> bool:
        return not self.principal.startswith("arn:")

    @property
    def account(self) -> str:
        """The caller's; a service has none."""
        return "" if self.by_service else self.principal.split(":")[4]

    def keys(self) -> dict[str, str | Sequence[str] | None]:
        """All condition keys, in lower case."""
        keys: dict[str, str | Sequence[str] | None] = {
            "aws:principalisawsservice": str(self.by_service).lower()
        }
        if not self.by_service:
            keys |= {
                "aws:principalarn": self.principal,
                "aws:principalaccount": self.account,
                "kms:calleraccount": self.account,
            }
        return keys | {name.lower(): value for name, value in self.context.items()}


@dataclass(frozen=True)
class Decision:
    """`reason` says why not, in AWS's words; it is empty where the request is allowed."""

    reason: str = ""

    @property
    def allowed(self) -> bool:
        return not self.reason


def decide(
    request: Request,
    identity: Iterable[Statement] = (),
    resource: Iterable[Statement] = (),
    boundary: Iterable[Statement] | None = None,
) -> Decision:
    """The decision on `request`, by the statements of the caller's policies (`identity`), of the
    resource's (bucket, topic, key or repository policy, or a role's trust policy), and of the
    caller's permissions boundary, if it has one. Raises Unknown.
    """
    keys = request.keys()
    own = [each for each in identity if _matches(each, request, keys)]
    theirs = [
        (each, named)
        for each in resource
        if (named := _names(each, request)) and _matches(each, request, keys, principal=True)
    ]
    within = boundary and [each for each in boundary if _matches(each, request, keys)]
    trust = request.action == "sts:AssumeRole"
    if any(each["Effect"] == "Deny" for each in own):
        return Decision("with an explicit deny in an identity-based policy")
    if any(each["Effect"] == "Deny" for each, _ in theirs):
        where = "the role trust policy" if trust else "a resource-based policy"
        return Decision(f"with an explicit deny in {where}")
    if any(each["Effect"] == "Deny" for each in within or []):
        return Decision("with an explicit deny in a permissions boundary")
    if boundary is not None and not within:
        return Decision(f"because no permissions boundary allows the {request.action} action")
    strict = trust or (request.action.startswith("kms:") and ":key/" in request.resource)
    owner = request.resource.split(":")[4] if request.resource.startswith("arn:") else ""
    abroad = not request.by_service and owner not in ("", request.account)
    let_in = any(named == "caller" for _, named in theirs)
    if (request.by_service or strict or abroad) and not theirs:
        kind = "role trust policy" if trust else "resource-based policy"
        return Decision(f"because no {kind} allows the {request.action} action")
    if own or (let_in and not abroad):
        return Decision()
    return Decision(f"because no identity-based policy allows the {request.action} action")


def statements(policy: Mapping[str, Any] | str | None) -> list[Statement]:
    """Those of a policy as it was given: a document, or its text, as IAM encodes it or not."""
    document = json.loads(unquote(policy)) if isinstance(policy, str) else policy or {}
    return as_list(document.get("Statement", []))


def message(request: Request, decision: Decision) -> str:
    """A denial as AWS words it (IAM User Guide, "Troubleshoot access denied error messages"); S3
    puts the resource into quotation marks, and SNS writes its name in capitals."""
    s3 = request.action.startswith("s3:")
    what = f'"{request.resource}"' if s3 else request.resource
    said = (
        f"User: {request.session or request.principal} is not authorized to perform: "
        f"{request.action} on resource: {what} {decision.reason}"
    )
    return said.replace("sns:Publish", "SNS:Publish")


def _matches(
    statement: Statement, request: Request, keys: Mapping[str, Any], *, principal: bool = False
) -> bool:
    """Action, resource and conditions."""
    elements = _ELEMENTS | {"Principal"} if principal else _ELEMENTS
    if unread := statement.keys() - elements:
        raise Unknown(f"a statement with {', '.join(sorted(unread))}")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise Unknown(f"the Effect {statement['Effect']}")
    action = request.action.lower()
    return (
        _covers(statement, "Action", lambda each: like_action(each, action))
        and (
            # a trust policy and a repository's have none: they are of this resource
            (principal and not {"Resource", "NotResource"} & statement.keys())
            or _covers(statement, "Resource", lambda each: _is_resource(each, request.resource))
        )
        and hold(statement.get("Condition", {}), keys)
    )


def _covers(statement: Statement, element: str, test: Any) -> bool:
    if element in statement:
        return any(map(test, as_list(statement[element])))
    if f"Not{element}" in statement:
        return not any(map(test, as_list(statement[f"Not{element}"])))
    raise Unknown(f"a statement without {element}")


def _is_resource(pattern: str, resource: str) -> bool:
    return pattern == "*" or like_arn(pattern, resource)


def _names(statement: Statement, request: Request) -> str:
    """How a resource's statement names the caller: "caller", "account", or "" if not at all."""
    principal = statement.get("Principal")
    if principal == "*":
        return "caller"
    if not isinstance(principal, Mapping) or not principal.keys() <= {"AWS", "Service"}:
        raise Unknown(f"the principal {principal or 'of a statement without Principal'}")
    if request.principal in as_list(principal.get("Service", [])):
        return "caller"
    found = {_name(each, request) for each in as_list(principal.get("AWS", []))}
    return "caller" if "caller" in found else "account" if "account" in found else ""


def _name(principal: str, request: Request) -> str:
    if principal == "*" or principal in (request.principal, request.session):
        return "caller"
    if len(principal) == 12 and principal.isdecimal():
        return "account" if principal == request.account else ""
    parts = principal.split(":", 5)
    if len(parts) != 6 or parts[2] not in ("iam", "sts") or "*" in principal:
        raise Unknown(f"the principal {principal}")
    same = not request.by_service and parts[4] == request.account
    return "account" if parts[5] == "root" and same else ""
