"""A budget on request: an e-mail when the account's bill of a month passes it, or is about to.

It counts all of the account. The costs of one stack could be told apart by a tag only, which
somebody has to activate for billing first, and which endpoints that a workflow makes do not have.

It writes to a person by itself, not to the topic: a topic under a customer key takes a statement
for budgets.amazonaws.com in the key's policy (Creating an Amazon SNS topic for budget
notifications, AWS Cost Management User Guide), which has no place where there are no budgets.
"""

from troposphere import If, Sub, Template
from troposphere.budgets import (
    Budget,
    BudgetData,
    Notification,
    NotificationWithSubscribers,
    Spend,
    Subscriber,
)

from templates.parameters import Parameters

# Names are the account's, in all regions together. The e-mail is a part of it, since another one
# replaces the budget, and the new one comes before the old one goes
NAME = "${ProjectName}-${AWS::Region}-${NotificationEmail}"


def add_budget(template: Template, parameters: Parameters) -> None:
    person = Subscriber(SubscriptionType="EMAIL", Address=parameters.notification_email.ref())
    template.add_resource(
        Budget(
            "Budget",
            Condition=parameters.budget_wanted,
            Budget=BudgetData(
                BudgetName=Sub(NAME),
                BudgetType="COST",
                TimeUnit="MONTHLY",
                BudgetLimit=Spend(
                    Amount=parameters.monthly_budget.ref(),
                    Unit=If(parameters.in_china, "CNY", "USD"),
                ),
            ),
            NotificationsWithSubscribers=[
                NotificationWithSubscribers(
                    Notification=Notification(
                        NotificationType=kind,
                        ComparisonOperator="GREATER_THAN",
                        Threshold=100,
                        ThresholdType="PERCENTAGE",
                    ),
                    Subscribers=[person],
                )
                for kind in ("FORECASTED", "ACTUAL")
            ],
        )
    )
