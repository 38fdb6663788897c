"""May this service assume that role? The trust policy evaluated, without HTTP or moto."""

import fnmatch
from collections.abc import Callable, Mapping
from typing import Any

from local.refusals import unsupported


def _like(pattern: str, value: str) -> bool:
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
}


def refusal(policy: Mapping[str, Any], service: str, keys: Mapping[str, str]) -> str | None:
    """Why `policy` does not let `service` assume the role, or None if it does.

    `keys` are the condition keys the service sends (aws:SourceAccount, aws:SourceArn), in lower
    case. An operator that is not understood refuses: a check that cannot be made has not passed.
    """
    reason = f"the trust policy does not name {service}"
    for statement in _list(policy.get("Statement", [])):
        if statement.get("Effect") != "Allow" or service not in _services(statement):
            continue
        if "sts:AssumeRole" not in _list(statement.get("Action", [])):
            continue
        unmet = _unmet(statement.get("Condition", {}), keys)
        if unmet is None:
            return None
        reason = unmet
    return reason


def _services(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal", {})
    return _list(principal.get("Service", [])) if isinstance(principal, Mapping) else []


def _unmet(conditions: Mapping[str, Mapping[str, Any]], keys: Mapping[str, str]) -> str | None:
    for operator, wants in conditions.items():
        test = OPERATORS.get(operator.removesuffix("IfExists"))
        if test is None:
            return unsupported(f"{operator} in the trust policy", *OPERATORS)
        for key, wanted in wants.items():
            value = keys.get(key.lower())
            if value is None and operator.endswith("IfExists"):
                continue
            if value is None or not any(test(each, value) for each in _list(wanted)):
                return (
                    f"the trust policy wants {key} {operator} {wanted}, the service sends {value}"
                )
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
