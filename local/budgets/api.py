"""AWS Budgets: cost budgets, and who is told of them.

Source: AWS Cost Management API reference, CreateBudget, Budget.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.service import AwsError, Records, Service, now

# "the default end date is 06/15/87 00:00 UTC" (Budget, TimePeriod)
_END = datetime(2087, 6, 15, tzinfo=UTC)
_NOTHING = {"Amount": "0", "Unit": "USD"}
_MOST_NOTIFICATIONS, _MOST_SUBSCRIBERS = 10, 11  # "Quotas and restrictions"


@dataclass
class Budget:
    """`told` are the notifications, each with its subscribers, as they were given."""

    asked: dict[str, Any]
    told: list[dict[str, Any]]
    modified: datetime = field(default_factory=now)


class BudgetRecords(Records):
    def __init__(self) -> None:
        super().__init__()
        self.budgets: dict[str, Budget] = {}


class Budgets(Service):
    service = "budgets"
    bad_page = "InvalidNextTokenException"
    page_names = ("NextToken", "MaxResults")

    def create_budget(self) -> ActionResult:
        asked, told = self._budget("Budget"), self.get("NotificationsWithSubscribers", [])
        _check(told)
        records = BudgetRecords.here()
        with records.lock:
            if asked["BudgetName"] in records.budgets:
                text = f"Error creating budget: {asked['BudgetName']} - the budget already exists."
                raise AwsError("DuplicateRecordException", text)
            records.budgets[asked["BudgetName"]] = Budget(asked, told)
        return EmptyResult()

    def update_budget(self) -> ActionResult:
        asked, records = self._budget("NewBudget"), BudgetRecords.here()
        with records.lock:
            found = self._found(asked["BudgetName"])
            found.asked, found.modified = asked, now()
        return EmptyResult()

    def describe_budget(self) -> ActionResult:
        return ActionResult({"Budget": _described(self._found(self.get("BudgetName")))})

    def describe_budgets(self) -> ActionResult:
        budgets = BudgetRecords.here().budgets
        return self.page("Budgets", [_described(budgets[name]) for name in sorted(budgets)])

    def describe_notifications_for_budget(self) -> ActionResult:
        told = self._found(self.get("BudgetName")).told
        return self.page("Notifications", [_notification(each) for each in told])

    def describe_subscribers_for_notification(self) -> ActionResult:
        wanted = _notification({"Notification": self.get("Notification")})
        for each in self._found(self.get("BudgetName")).told:
            if _notification(each) == wanted:
                return self.page("Subscribers", each["Subscribers"])
        raise AwsError("NotFoundException", "the notification doesn't exist.")

    def delete_budget(self) -> ActionResult:
        records = BudgetRecords.here()
        with records.lock:
            del records.budgets[self._found(self.get("BudgetName")).asked["BudgetName"]]
        return EmptyResult()

    def _budget(self, member: str) -> dict[str, Any]:
        asked = {key: value for key, value in self.get(member).items() if value is not None}
        limit = asked.get("BudgetLimit")
        try:
            is_good = limit is not None and float(limit["Amount"]) > 0
        except ValueError:
            is_good = False
        if not is_good:
            text = "Invalid budget: BudgetLimit has to be an amount above 0"
            raise AwsError("InvalidParameterException", text)
        return asked

    def _found(self, name: str) -> Budget:
        found = BudgetRecords.here().budgets.get(name)
        if found is None:
            text = f"Unable to get budget: {name} - the budget doesn't exist."
            raise AwsError("NotFoundException", text)
        return found


def _check(told: list[dict[str, Any]]) -> None:
    if len(told) > _MOST_NOTIFICATIONS:
        text = f"a budget has at most {_MOST_NOTIFICATIONS} notifications"
        raise AwsError("CreationLimitExceededException", text)
    for subscriber in (one for each in told for one in each["Subscribers"]):
        kind, address = subscriber["SubscriptionType"], subscriber["Address"]
        if (":sns:" if kind == "SNS" else "@") not in address:
            text = f"Invalid subscriber: {address} is no address of {kind}"
            raise AwsError("InvalidParameterException", text)
    if any(len(each["Subscribers"]) > _MOST_SUBSCRIBERS for each in told):
        text = f"a notification has at most {_MOST_SUBSCRIBERS} subscribers"
        raise AwsError("CreationLimitExceededException", text)


def _notification(told: dict[str, Any]) -> dict[str, Any]:
    given = told["Notification"]
    names = ("NotificationType", "ComparisonOperator", "Threshold")
    kind = given.get("ThresholdType") or "PERCENTAGE"
    return {**{name: given[name] for name in names}, "ThresholdType": kind}


def _described(budget: Budget) -> dict[str, Any]:
    start = budget.modified.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return {
        "TimePeriod": {"Start": start, "End": _END},
        **budget.asked,
        "CalculatedSpend": {"ActualSpend": _NOTHING, "ForecastedSpend": _NOTHING},
        "LastUpdatedTime": budget.modified,
    }
