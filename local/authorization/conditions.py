"""Wildcards and conditions of policies (IAM User Guide, "IAM JSON policy elements: Condition
operators", "Multivalued context keys"). What is not known here is not judged: Unknown."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

# The condition keys whose values a Request carries wherever AWS sends them: a condition on another
# would be judged without knowing what it is about. A `*` stands for a name within the key.
KEYS = (
    *("application-autoscaling:scalable-dimension", "application-autoscaling:service-namespace"),
    *("aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService"),
    *("aws:RequestedRegion", "aws:SecureTransport", "aws:SourceAccount", "aws:SourceArn"),
    *("aws:SourceOwner", "aws:RequestTag/*", "aws:ResourceTag/*", "aws:TagKeys"),
    *("cloudformation:RoleArn", "cloudwatch:namespace", "s3:prefix"),
    *("iam:AWSServiceName", "iam:PassedToService", "iam:PermissionsBoundary"),
    *("kms:CallerAccount", "kms:EncryptionContext:*", "kms:GrantIsForAWSResource"),
    "kms:ViaService",
)


class Unknown(ValueError):
    """A policy says something that is not read here: no answer is better than a wrong one."""


def as_list(value: Any) -> list[Any]:
    """What a policy may write as one or as a list of them."""
    return value if isinstance(value, list) else [value]


def like(pattern: str, value: str) -> bool:
    """`*` stands for any text, `?` for one character."""
    return bool(_test(pattern)(value))


def like_action(pattern: str, value: str) -> bool:
    """In any case; `value` is in lower case already."""
    return bool(_test_lower(pattern)(value))


@lru_cache(maxsize=4096)
def _test(pattern: str) -> Callable[[str], object]:
    if "${" in pattern:
        raise Unknown(f"a policy variable in {pattern}")
    if not {"*", "?"} & set(pattern):
        return pattern.__eq__
    text = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    return re.compile(text, re.DOTALL).fullmatch


@lru_cache(maxsize=4096)
def _test_lower(pattern: str) -> Callable[[str], object]:
    return _test(pattern.lower())


def like_arn(pattern: str, value: str) -> bool:
    """Each of the six parts by itself: a wildcard does not reach over the first five colons."""
    wanted, found = pattern.split(":", 5), value.split(":", 5)
    if wanted[0] != "arn" or len(wanted) != 6:
        raise Unknown(f"the ARN {pattern}")
    return len(found) == 6 and all(map(like, wanted, found))


def _equal(pattern: str, value: str) -> bool:
    if "${" in pattern:
        raise Unknown(f"a policy variable in {pattern}")
    return pattern == value


def _equal_ignoring_case(pattern: str, value: str) -> bool:
    return _equal(pattern.lower(), value.lower())


# by the operator's name without "Not", which turns each into its opposite
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringEqualsIgnoreCase": _equal_ignoring_case,
    "StringLike": like,
    "ArnEquals": like_arn,
    "ArnLike": like_arn,
    "Bool": _equal_ignoring_case,
}
_OPERATOR = re.compile(
    r"(?:(?P<set>ForAllValues|ForAnyValue):)?(?P<kind>String|Arn|Bool)(?P<negated>Not)?"
    r"(?P<test>EqualsIgnoreCase|Equals|Like|)(?P<if_exists>IfExists)?"
)


def hold(conditions: Mapping[str, Mapping[str, Any]], keys: Mapping[str, Any]) -> bool:
    """Do all conditions hold for a request with these keys (in lower case)? Raises Unknown."""
    found = [
        _holds(operator, name, keys, [str(each) for each in as_list(wanted)])
        for operator, tests in conditions.items()
        for name, wanted in tests.items()
    ]
    return all(found)


def _holds(operator: str, name: str, keys: Mapping[str, Any], wanted: list[str]) -> bool:
    if not any(like(each.lower(), name.lower()) for each in KEYS):
        raise Unknown(f"the condition key {name}")
    untold = [each for each, given in keys.items() if given is None]
    if any(like(each, name.lower()) for each in untold):
        raise Unknown(f"the condition key {name} here")
    value = keys.get(name.lower())
    if operator == "Null":
        return [str(value is None).lower()] == [each.lower() for each in wanted]
    read = _OPERATOR.fullmatch(operator)
    test = _TESTS.get(read["kind"] + read["test"]) if read else None
    if read is None or test is None or (read["kind"] == "Bool" and read["negated"]):
        raise Unknown(f"the condition operator {operator}")
    if read["kind"] == "Bool" and not {each.lower() for each in wanted} <= {"true", "false"}:
        raise Unknown(f"{name} compared with {wanted} as true or false")

    def passes(each: str) -> bool:
        return any(test(pattern, each) for pattern in wanted) != bool(read["negated"])

    if value is None:
        # without its key a condition fails, unless it asks that something is not so
        negated = bool(read["negated"]) and read["set"] is None
        return negated or read["if_exists"] is not None or read["set"] == "ForAllValues"
    if read["set"]:
        values = [value] if isinstance(value, str) else value
        return (all if read["set"] == "ForAllValues" else any)(map(passes, values))
    if not isinstance(value, str):
        raise Unknown(f"{name} has several values, and {operator} asks of one")
    return passes(value)
