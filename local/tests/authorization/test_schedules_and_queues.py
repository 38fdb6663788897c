"""Who may put a schedule, read a queue, show a dashboard and set a budget: judged by their ARNs."""

import json
from typing import Any

from local.tests import machines
from local.tests.authorization.test_hold import allow, assume, key, refusal
from local.tests.aws import Aws, unique


def test_a_schedule_is_put_by_whom_its_role_is_passed_on(aws: Aws) -> None:
    name, role = unique("schedule"), aws.role("scheduler")
    arn = aws.context.arn("scheduler", f"schedule/default/{name}")
    machine = machines.create(aws, aws.role("states"), machines.alone(Type="Pass"))
    asked: dict[str, Any] = {
        "Name": name,
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "State": "DISABLED",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": machine, "RoleArn": role, "Input": "{}"},
    }
    own = allow("scheduler:*", arn)
    scheduler = assume(aws, own)
    said = refusal(scheduler.client("scheduler").create_schedule, **asked)
    assert said[2] == scheduler.denied("iam:PassRole", role)
    passed = allow(
        "iam:PassRole", role, StringEquals={"iam:PassedToService": "scheduler.amazonaws.com"}
    )
    held = assume(aws, own, passed)
    client = held.client("scheduler")
    client.create_schedule(**asked)
    client.get_schedule(Name=name)
    said = refusal(client.get_schedule, Name=f"{name}s")
    assert said[1:] == ("AccessDeniedException", held.denied("scheduler:GetSchedule", f"{arn}s"))
    assert refusal(client.list_schedules)[2] == held.denied("scheduler:ListSchedules", "*")
    client.delete_schedule(Name=name)


def test_a_queue_is_judged_by_its_arn_and_its_key(aws: Aws) -> None:
    name, locked = unique("queue"), key(aws)
    arn = aws.context.arn("sqs", name)
    held = assume(aws, allow(["sqs:CreateQueue", "sqs:SendMessage"], arn))
    sqs = held.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes={"KmsMasterKeyId": locked})["QueueUrl"]
    said = refusal(sqs.receive_message, QueueUrl=url)
    assert said[2] == held.denied("sqs:ReceiveMessage", arn)
    said = refusal(sqs.send_message, QueueUrl=url, MessageBody="m")
    assert said[2] == held.denied("kms:GenerateDataKey", locked)
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": ""})
    sqs.send_message(QueueUrl=url, MessageBody="m")


def test_a_dashboard_is_of_no_region(aws: Aws) -> None:
    name = unique("board")
    arn = f"arn:aws:cloudwatch::{aws.context.account}:dashboard/{name}"
    held = assume(aws, allow(["cloudwatch:PutDashboard", "cloudwatch:DeleteDashboards"], arn))
    client = held.client("cloudwatch")
    client.put_dashboard(DashboardName=name, DashboardBody=json.dumps({"widgets": []}))
    said = refusal(client.get_dashboard, DashboardName=name)
    assert said[2] == held.denied("cloudwatch:GetDashboard", arn)
    said = refusal(client.delete_dashboards, DashboardNames=[name, "b"])
    other = arn.replace(name, "b")
    assert said[2] == held.denied("cloudwatch:DeleteDashboards", other)
    client.delete_dashboards(DashboardNames=[name])


def test_a_budget_is_viewed_or_modified(aws: Aws) -> None:
    """The actions have not the operations' names."""
    name, account = unique("budget"), aws.context.account
    arn = f"arn:aws:budgets::{account}:budget/{name}"
    held = assume(aws, allow("budgets:ViewBudget", arn))
    client, named = held.client("budgets"), {"AccountId": account, "BudgetName": name}
    assert refusal(client.describe_budget, **named)[1] == "NotFoundException"
    said = refusal(client.delete_budget, **named)
    assert said[2] == held.denied("budgets:ModifyBudget", arn)
