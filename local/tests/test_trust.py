import pytest

from local.credentials import refusal

KEYS = {"aws:sourceaccount": "111122223333", "aws:sourcearn": "arn:aws:events:x:1:rule/push"}


def trust(**condition: object) -> dict[str, object]:
    return {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": condition,
            }
        ]
    }


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"aws:SourceAccount": "111122223333"}},
        {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:1:rule/*"}},
        {"StringEquals": {"AWS:SOURCEACCOUNT": ["0", "111122223333"]}},
        {"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}},
        {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}},
    ],
)
def test_a_service_named_with_met_conditions_may_assume(condition: dict[str, object]) -> None:
    assert refusal(trust(**condition), "events.amazonaws.com", KEYS) is None


@pytest.mark.parametrize(
    ("condition", "word"),
    [
        ({"StringEquals": {"aws:SourceAccount": "999"}}, "aws:SourceAccount"),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:events:*:1:rule/other"}}, "rule/other"),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, "aws:PrincipalOrgID"),
        ({"StringEqualsIfExists": {"aws:SourceAccount": "999"}}, "aws:SourceAccount"),
        ({"NumericLessThan": {"aws:x": "1"}}, "NumericLessThan"),
    ],
)
def test_an_unmet_or_unknown_condition_is_named(condition: dict[str, object], word: str) -> None:
    assert word in (refusal(trust(**condition), "events.amazonaws.com", KEYS) or "")


def test_a_service_that_is_not_named_may_not_assume() -> None:
    assert "codebuild" in (refusal(trust(), "codebuild.amazonaws.com", KEYS) or "")
