from typing import Any

import pytest

from local.authorization.evaluate import Request, Unknown, decide, message, statements

ACCOUNT, OTHER = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Job"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/Job/one"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
OBJECT = "arn:aws:s3:::bucket/key"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k"


def allow(action: str = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(**more: Any) -> dict[str, Any]:
    return {**allow(**more), "Effect": "Deny"}


def trust(principal: Any, effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    said = {"Effect": effect, "Principal": principal, "Action": "sts:AssumeRole"}
    return {**said, "Condition": condition} if condition else said


def get(**context: Any) -> Request:
    keys = {name.replace("_", ":", 1): value for name, value in context.items()}
    return Request(ROLE, "s3:GetObject", OBJECT, keys, SESSION)


def assume(service: str = "events.amazonaws.com") -> Request:
    keys = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": f"arn:aws:events:x:{ACCOUNT}:rule/push"}
    return Request(service, "sts:AssumeRole", ROLE, keys)


def test_nothing_is_allowed_that_no_policy_allows() -> None:
    assert message(get(), decide(get())) == (
        f'User: {SESSION} is not authorized to perform: s3:GetObject on resource: "{OBJECT}" '
        "because no identity-based policy allows the s3:GetObject action"
    )


@pytest.mark.parametrize(
    "statement",
    [
        allow(resource="arn:aws:s3:::bucket/*"),
        allow("S3:get*", ["arn:aws:s3:::other", "arn:aws:s3:::b?cket/k*"]),
        {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::other/*"},
    ],
)
def test_a_statement_is_read_with_its_wildcards(statement: dict[str, Any]) -> None:
    assert decide(get(), [statement]).allowed


@pytest.mark.parametrize(
    "statement",
    [
        allow("s3:PutObject"),
        allow(resource="arn:aws:s3:::bucket"),
        allow(resource="arn:aws-cn:s3:::bucket/key"),
        allow(resource="arn:aws:*:::bucket:key"),
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
    ],
)
def test_a_statement_allows_no_more_than_it_says(statement: dict[str, Any]) -> None:
    assert not decide(get(), [statement]).allowed


@pytest.mark.parametrize(
    ("identity", "resource", "where"),
    [
        ([allow(), deny()], [], "an identity-based policy"),
        ([allow()], [deny(Principal="*")], "a resource-based policy"),
        ([allow()], [deny(Principal={"AWS": ACCOUNT})], "a resource-based policy"),
    ],
)
def test_a_deny_wins_wherever_it_stands(identity: Any, resource: Any, where: str) -> None:
    assert decide(get(), identity, resource).reason == f"with an explicit deny in {where}"


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ({"AWS": ROLE}, True),
        ({"AWS": [SESSION]}, True),
        ("*", True),
        (ROOT, False),
        ({"AWS": ROLE + "2"}, False),
        ({"Service": "s3.amazonaws.com"}, False),
    ],
)
def test_a_resource_lets_in_whom_it_names(principal: Any, allowed: bool) -> None:
    assert decide(get(), [], [allow(Principal=principal)]).allowed is allowed


@pytest.mark.parametrize(
    ("conditions", "context", "holds"),
    [
        ({"StringEquals": {"s3:PREFIX": ["a", "b"]}}, {"s3_prefix": "b"}, True),
        ({"StringEquals": {"s3:prefix": "a"}}, {"s3_prefix": "A"}, False),
        ({"StringEquals": {"s3:prefix": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"s3:prefix": "a"}}, {"s3_prefix": "b"}, False),
        ({"StringNotEquals": {"s3:prefix": ["a", "b"]}}, {"s3_prefix": "b"}, False),
        ({"StringNotLike": {"s3:prefix": "a*"}}, {}, True),
        ({"StringNotEqualsIgnoreCase": {"s3:prefix": "A"}}, {"s3_prefix": "a"}, False),
        ({"Null": {"s3:prefix": "true"}}, {}, True),
        ({"Null": {"s3:prefix": "true"}}, {"s3_prefix": "a"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws_SecureTransport": "true"}, False),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws_SecureTransport": "false"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::b*"}}, {"aws_SourceArn": OBJECT}, True),
        ({"ArnNotEquals": {"aws:SourceArn": "arn:*:s3:::b*"}}, {"aws_SourceArn": OBJECT}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:*:b*"}}, {"aws_SourceArn": OBJECT}, Unknown),
        ({"ForAllValues:StringLike": {"aws:TagKeys": "a*"}}, {"aws_TagKeys": ["a", "ab"]}, True),
        ({"ForAllValues:StringLike": {"aws:TagKeys": "a*"}}, {"aws_TagKeys": ["a", "b"]}, False),
        ({"ForAllValues:StringLike": {"aws:TagKeys": "a*"}}, {}, True),
        ({"ForAnyValue:StringLike": {"aws:TagKeys": "a*"}}, {"aws_TagKeys": ["a", "b"]}, True),
        ({"ForAnyValue:StringNotLike": {"aws:TagKeys": "a*"}}, {}, False),
        ({"StringLike": {"aws:TagKeys": "a*"}}, {"aws_TagKeys": ["a", "b"]}, Unknown),
        ({"StringEquals": {"aws:PrincipalArn": ROLE, "aws:PrincipalAccount": ACCOUNT}}, {}, True),
        ({"StringEquals": {"s3:prefix": "a"}, "Null": {"s3:prefix": "false"}}, {}, False),
        ({"NumericLessThan": {"s3:prefix": "1"}}, {"s3_prefix": "0"}, Unknown),
        ({"StringNotBool": {"s3:prefix": "1"}}, {"s3_prefix": "0"}, Unknown),
        ({"StringEquals": {"aws:PrincipalOrgID": "o"}}, {}, Unknown),
        ({"StringEquals": {"aws:SourceAcount": ACCOUNT}}, {}, Unknown),
        ({"StringLike": {"s3:prefix": "${aws:username}/"}}, {"s3_prefix": "a/"}, Unknown),
        ({"StringEquals": {"s3:prefix": "${aws:username}/"}}, {"s3_prefix": "a/"}, Unknown),
    ],
)
def test_a_condition_holds_as_documented_or_is_not_judged(
    conditions: Any, context: Any, holds: Any
) -> None:
    statement = allow(Condition=conditions)
    if holds is Unknown:
        with pytest.raises(Unknown):
            decide(get(**context), [statement])
    else:
        assert decide(get(**context), [statement]).allowed is holds


@pytest.mark.parametrize(
    ("identity", "resource"),
    [
        ([allow(Principal="*")], []),
        ([{"Effect": "Allow", "Action": "*"}], []),
        ([{"Effect": "Perhaps", "Action": "*", "Resource": "*"}], []),
        ([allow(Resources="*")], []),
        ([], [allow()]),
        ([], [{**allow(), "NotPrincipal": {"AWS": ROLE}}]),
        ([], [allow(Principal={"Federated": "idp"})]),
        ([], [allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"})]),
        ([], [allow(Principal={"AWS": "AROAEXAMPLE"})]),
        ([allow(resource="arn:aws:s3:::${aws:username}/*")], []),
        ([allow(resource="arn:aws:s3")], []),
    ],
)
def test_what_a_policy_says_beyond_this_is_not_judged(identity: Any, resource: Any) -> None:
    with pytest.raises(Unknown):
        decide(get(), identity, resource)


@pytest.mark.parametrize(
    ("identity", "key_policy", "allowed"),
    [
        ([allow("kms:Decrypt", KEY)], [allow("kms:*", Principal=ROOT)], True),
        ([allow("kms:Decrypt", KEY)], [], False),
        ([], [allow("kms:*", Principal=ROOT)], False),
        ([], [allow("kms:Decrypt", Principal={"AWS": ROLE})], True),
        ([allow("kms:Decrypt", KEY)], [allow("kms:Encrypt", Principal=ROOT)], False),
    ],
)
def test_a_keys_policy_decides_or_leaves_it_to_iam(
    identity: Any, key_policy: Any, allowed: bool
) -> None:
    asked = Request(ROLE, "kms:Decrypt", KEY)
    assert decide(asked, identity, key_policy).allowed is allowed


def test_between_accounts_both_sides_allow() -> None:
    topic = f"arn:aws:sns:eu-west-1:{OTHER}:topic"
    asked = Request(ROLE, "sns:Publish", topic)
    own, theirs = [allow("sns:Publish", topic)], [allow("sns:Publish", Principal={"AWS": ACCOUNT})]
    assert decide(asked, own, theirs).allowed
    assert "no resource-based policy" in decide(asked, own).reason
    assert "no identity-based policy" in decide(asked, [], theirs).reason
    by_name = [allow("sns:Publish", Principal={"AWS": ROLE})]
    assert not decide(asked, [], by_name).allowed


def test_a_service_has_what_the_resources_policy_gives_it_and_no_more() -> None:
    topic = f"arn:aws:sns:eu-west-1:{ACCOUNT}:topic"
    asked = Request("events.amazonaws.com", "sns:Publish", topic)
    named = allow("sns:Publish", topic, Principal={"Service": ["x", "events.amazonaws.com"]})
    assert decide(asked, [], [named]).allowed
    assert "no resource-based policy" in decide(asked, [allow("sns:Publish")]).reason
    assert "no resource-based policy" in decide(asked, [], [allow("*", Principal=ROOT)]).reason


EVENTS = {"Service": "events.amazonaws.com"}


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"ArnLike": {"aws:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/*"}},
        {"StringEquals": {"AWS:SOURCEACCOUNT": ["0", ACCOUNT]}},
    ],
)
def test_a_role_trusts_the_service_that_it_names_on_its_conditions(condition: Any) -> None:
    assert decide(assume(), resource=[trust(EVENTS, **condition)]).allowed


@pytest.mark.parametrize(
    "policy",
    [
        [],
        [trust({"Service": "codebuild.amazonaws.com"})],
        [trust(ROOT)],
        [trust(EVENTS, StringEquals={"aws:SourceAccount": OTHER})],
        [trust(EVENTS, ArnLike={"aws:SourceArn": f"arn:aws:events:*:{ACCOUNT}:rule/other"})],
    ],
)
def test_a_role_is_closed_to_all_others(policy: Any) -> None:
    reason = "because no role trust policy allows the sts:AssumeRole action"
    assert decide(assume(), resource=policy).reason == reason


def test_a_trust_policy_can_deny() -> None:
    policy = [trust(EVENTS), trust("*", "Deny", StringNotEquals={"aws:SourceAccount": OTHER})]
    assert decide(assume(), resource=policy).reason == (
        "with an explicit deny in the role trust policy"
    )


def test_a_trust_policy_can_leave_it_to_iam() -> None:
    asked = Request(ROLE, "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/Next")
    may = allow("sts:AssumeRole", asked.resource)
    assert decide(asked, [may], [trust(ROOT)]).allowed
    assert not decide(asked, [], [trust(ROOT)]).allowed
    assert not decide(asked, [may], []).allowed


@pytest.mark.parametrize(
    ("policy", "number"),
    [
        (None, 0),
        ({"Statement": allow()}, 1),
        ('{"Statement": [{"Effect": "Allow"}, {}]}', 2),
        ("%7B%22Statement%22%3A%5B%7B%7D%5D%7D", 1),
    ],
)
def test_a_policy_may_be_given_as_iam_keeps_it(policy: Any, number: int) -> None:
    assert len(statements(policy)) == number
