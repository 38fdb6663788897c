"""Budgets are kept as they are put, where AWS has them."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.door.regions import absent
from local.tests.aws import Aws, unique


@pytest.fixture
def budget() -> dict[str, Any]:
    limit = {"Amount": "5", "Unit": "USD"}
    named = {"BudgetName": unique("budget"), "BudgetType": "COST", "TimeUnit": "MONTHLY"}
    return {**named, "BudgetLimit": limit}


@pytest.fixture
def budgets(aws: Aws) -> Iterator[Any]:
    yield aws.client("budgets")


def test_a_budget_is_described_changed_and_gone(
    aws: Aws, budgets: Any, budget: dict[str, Any]
) -> None:
    me = {"AccountId": aws.context.account}
    named = {**me, "BudgetName": budget["BudgetName"]}
    notification = {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": 80.0,
    }
    subscribers = [{"SubscriptionType": "EMAIL", "Address": "one@example.com"}]
    told = [{"Notification": notification, "Subscribers": subscribers}]
    budgets.create_budget(**me, Budget=budget, NotificationsWithSubscribers=told)
    with pytest.raises(budgets.exceptions.DuplicateRecordException):
        budgets.create_budget(**me, Budget=budget)
    (shown,) = budgets.describe_notifications_for_budget(**named)["Notifications"]
    assert shown == {**notification, "ThresholdType": "PERCENTAGE"}
    asked = {**named, "Notification": notification}
    assert budgets.describe_subscribers_for_notification(**asked)["Subscribers"] == subscribers
    more = {**budget, "BudgetLimit": {"Amount": "7.5", "Unit": "USD"}}
    budgets.update_budget(**me, NewBudget=more)
    found = budgets.describe_budget(**named)["Budget"]
    assert (found["BudgetLimit"]["Amount"], found["TimeUnit"]) == ("7.5", "MONTHLY")
    assert found["CalculatedSpend"]["ActualSpend"] == {"Amount": "0", "Unit": "USD"}
    assert found["BudgetName"] in {
        each["BudgetName"] for each in budgets.describe_budgets(**me)["Budgets"]
    }
    budgets.delete_budget(**named)
    with pytest.raises(budgets.exceptions.NotFoundException):
        budgets.describe_budget(**named)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"BudgetLimit": {"Amount": "0", "Unit": "USD"}}, "an amount above 0"),
        ({"BudgetLimit": {"Amount": "some", "Unit": "USD"}}, "regular expression pattern"),
        ({"BudgetType": "USAGE"}, r"BudgetType USAGE is not supported .*COST"),
        ({"PlannedBudgetLimits": {}}, "PlannedBudgetLimits is not supported"),
    ],
)
def test_a_budget_that_nothing_could_be_told_of_is_refused(
    aws: Aws, budgets: Any, budget: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        budgets.create_budget(AccountId=aws.context.account, Budget={**budget, **change})


@pytest.mark.parametrize(
    ("kind", "address"), [("SNS", "one@example.com"), ("EMAIL", "arn:aws:sns:eu-west-1:1:t")]
)
def test_a_subscriber_has_an_address_of_its_kind(
    aws: Aws, budgets: Any, budget: dict[str, Any], kind: str, address: str
) -> None:
    when = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    whom = [{"SubscriptionType": kind, "Address": address}]
    told = [{"Notification": when, "Subscribers": whom}]
    with pytest.raises(ClientError, match=f"is no address of {kind}"):
        budgets.create_budget(
            AccountId=aws.context.account, Budget=budget, NotificationsWithSubscribers=told
        )


def test_a_region_without_budgets_has_none() -> None:
    assert absent("budgets", "CreateBudget", "us-gov-west-1")
    assert not absent("budgets", "CreateBudget", "cn-north-1")
