"""What runs and watches: Step Functions, EventBridge, its Scheduler, CloudWatch, SSM."""

import re
from collections.abc import Mapping
from typing import Any

from local.cfn.functions import text
from local.cfn.resource_type import AlreadyExists, ResourceType, ResourceWork

TOKEN = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


def _create_machine(work: ResourceWork) -> None:
    name = work.name("StateMachineName", 80)
    arn = work.context.arn("states", f"stateMachine:{name}")
    if work.exists("stepfunctions.describe_state_machine", StateMachineArn=arn):
        raise AlreadyExists(arn)
    kind = work.properties.get("StateMachineType", "STANDARD")
    work.call(
        "stepfunctions.create_state_machine", Name=name, Type=kind, Definition=_definition(work)
    )
    work.made(arn, Arn=arn, Name=name)


def _update_machine(work: ResourceWork) -> None:
    work.call(
        "stepfunctions.update_state_machine",
        StateMachineArn=work.id,
        Definition=_definition(work),
        LoggingConfiguration=work.properties.get("LoggingConfiguration", {"Level": "OFF"}),
        TracingConfiguration=work.properties.get("TracingConfiguration", {"Enabled": False}),
    )
    work.retag("stepfunctions.tag_resource", "stepfunctions.untag_resource", ResourceArn=work.id)


def _definition(work: ResourceWork) -> str:
    """The definition with its ${tokens} replaced by DefinitionSubstitutions."""
    values = work.properties.get("DefinitionSubstitutions", {})
    return TOKEN.sub(
        lambda token: text(values.get(token[1], token[0])), work.properties["DefinitionString"]
    )


def _create_rule(work: ResourceWork) -> None:
    name = work.name("Name")
    if work.exists("events.describe_rule", Name=name):  # PutRule would change it
        raise AlreadyExists(name)
    arn = work.call("events.put_rule", Name=name)["RuleArn"]
    work.made(name, Arn=arn, RuleName=name)
    _set_targets(work)


def _update_rule(work: ResourceWork) -> None:
    work.call("events.put_rule", Name=work.id, Tags=None)  # it ignores the tags of a known rule
    work.retag("events.tag_resource", "events.untag_resource", ResourceArn=work.attributes["Arn"])
    _set_targets(work)


def _set_targets(work: ResourceWork) -> None:
    _remove_targets(work, _targets(work.previous) - _targets(work.properties))
    if work.properties.get("Targets"):
        work.call("events.put_targets", Rule=work.id)


def _remove_targets(work: ResourceWork, ids: set[str]) -> None:
    if ids:
        work.call("events.remove_targets", Rule=work.id, Ids=sorted(ids))


def _targets(properties: Mapping[str, Any]) -> set[str]:
    return {target["Id"] for target in properties.get("Targets", [])}


def _delete_rule(work: ResourceWork) -> None:
    _remove_targets(work, _targets(work.properties))
    work.call("events.delete_rule", Name=work.id)


def _create_schedule(work: ResourceWork) -> None:
    name = work.name("Name")
    work.made(name, Arn=work.call("scheduler.create_schedule", Name=name)["ScheduleArn"])


def _create_log_group(work: ResourceWork) -> None:
    name = work.name("LogGroupName", 512)
    work.call("logs.create_log_group", LogGroupName=name)
    work.made(name, Arn=work.context.arn("logs", f"log-group:{name}:*"))
    _set_retention(work)


def _update_log_group(work: ResourceWork) -> None:
    if work.changed("KmsKeyId"):
        which = "associate" if "KmsKeyId" in work.properties else "disassociate"
        work.call(f"logs.{which}_kms_key", LogGroupName=work.id)
    _set_retention(work)
    arn = work.attributes["Arn"].removesuffix(":*")
    work.retag("logs.tag_resource", "logs.untag_resource", ResourceArn=arn)


def _set_retention(work: ResourceWork) -> None:
    if work.changed("RetentionInDays"):
        which = "put" if "RetentionInDays" in work.properties else "delete"
        work.call(f"logs.{which}_retention_policy", LogGroupName=work.id)


def _create_alarm(work: ResourceWork) -> None:
    name = work.name("AlarmName", 255)
    if work.call("cloudwatch.describe_alarms", AlarmNames=[name])["MetricAlarms"]:
        raise AlreadyExists(name)
    work.call("cloudwatch.put_metric_alarm", AlarmName=name)
    work.made(name, Arn=work.context.arn("cloudwatch", f"alarm:{name}"))


def _update_alarm(work: ResourceWork) -> None:
    work.call("cloudwatch.put_metric_alarm", AlarmName=work.id, Tags=None)
    arn = work.attributes["Arn"]
    work.retag("cloudwatch.tag_resource", "cloudwatch.untag_resource", ResourceARN=arn)


def _create_dashboard(work: ResourceWork) -> None:
    name = work.name("DashboardName", 255)
    if work.exists("cloudwatch.get_dashboard", DashboardName=name):  # PutDashboard would change it
        raise AlreadyExists(name)
    work.call("cloudwatch.put_dashboard", DashboardName=name)
    work.made(name)


def _create_budget(work: ResourceWork) -> None:
    wanted = work.properties["Budget"]
    name = work.name("BudgetName", 100)
    budget = {"BudgetName": name, **wanted}
    work.call("budgets.create_budget", AccountId=work.context.account, Budget=budget)
    work.made(budget["BudgetName"], Id=budget["BudgetName"])


def _update_budget(work: ResourceWork) -> None:
    budget = {**work.properties["Budget"], "BudgetName": work.id}
    work.call("budgets.update_budget", AccountId=work.context.account, NewBudget=budget)


def _create_parameter(work: ResourceWork) -> None:
    name = work.name("Name", 1011)
    work.call("ssm.put_parameter", Name=name)
    work.made(name, **_parameter(work, name))


def _update_parameter(work: ResourceWork) -> None:
    work.call("ssm.put_parameter", Name=work.id, Overwrite=True, Tags=None)
    work.retag(
        "ssm.add_tags_to_resource",
        "ssm.remove_tags_from_resource",
        ResourceType="Parameter",
        ResourceId=work.id,
    )
    work.attributes = _parameter(work, work.id)


def _parameter(work: ResourceWork, name: str) -> dict[str, Any]:
    arn = work.context.arn("ssm", f"parameter/{name.lstrip('/')}")
    return {"Arn": arn, **{key: work.properties[key] for key in ("Type", "Value")}}


TYPES = {
    "AWS::StepFunctions::StateMachine": ResourceType(
        frozenset(
            {
                *("StateMachineName", "StateMachineType", "RoleArn", "DefinitionString"),
                *(
                    "DefinitionSubstitutions",
                    "LoggingConfiguration",
                    "TracingConfiguration",
                    "Tags",
                ),
            }
        ),
        create=_create_machine,
        update=_update_machine,
        delete=lambda work: work.call(
            "stepfunctions.delete_state_machine", StateMachineArn=work.id
        ),
        name="StateMachineName",
    ),
    "AWS::Events::Rule": ResourceType(
        frozenset({"Name", "Description", "EventPattern", "State", "Targets", "Tags"}),
        create=_create_rule,
        update=_update_rule,
        delete=_delete_rule,
        name="Name",
    ),
    "AWS::Scheduler::Schedule": ResourceType(
        frozenset(
            {
                *("Name", "GroupName", "Description", "State", "ScheduleExpression"),
                *("ScheduleExpressionTimezone", "StartDate", "EndDate", "FlexibleTimeWindow"),
                "Target",
            }
        ),
        create=_create_schedule,
        update=lambda work: work.call("scheduler.update_schedule", Name=work.id),
        delete=lambda work: work.call("scheduler.delete_schedule", Name=work.id),
        name="Name",
    ),
    "AWS::Logs::LogGroup": ResourceType(
        frozenset({"LogGroupName", "RetentionInDays", "KmsKeyId", "Tags"}),
        create=_create_log_group,
        update=_update_log_group,
        delete=lambda work: work.call("logs.delete_log_group", LogGroupName=work.id),
        name="LogGroupName",
    ),
    "AWS::CloudWatch::Alarm": ResourceType(
        frozenset(
            {
                *("AlarmName", "AlarmDescription", "Namespace", "MetricName", "Dimensions"),
                *("Statistic", "ExtendedStatistic", "Period", "Unit", "Metrics"),
                *("EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "Threshold"),
                *("TreatMissingData", "EvaluateLowSampleCountPercentile", "ActionsEnabled"),
                *("AlarmActions", "OKActions", "InsufficientDataActions", "Tags"),
            }
        ),
        create=_create_alarm,
        update=_update_alarm,
        delete=lambda work: work.call("cloudwatch.delete_alarms", AlarmNames=[work.id]),
        name="AlarmName",
    ),
    "AWS::CloudWatch::Dashboard": ResourceType(
        frozenset({"DashboardName", "DashboardBody"}),
        create=_create_dashboard,
        update=lambda work: work.call("cloudwatch.put_dashboard", DashboardName=work.id),
        delete=lambda work: work.call("cloudwatch.delete_dashboards", DashboardNames=[work.id]),
        name="DashboardName",
    ),
    "AWS::Budgets::Budget": ResourceType(
        frozenset({"Budget", "NotificationsWithSubscribers"}),
        create=_create_budget,
        update=_update_budget,
        delete=lambda work: work.call(
            "budgets.delete_budget", AccountId=work.context.account, BudgetName=work.id
        ),
    ),
    "AWS::SSM::Parameter": ResourceType(
        frozenset({"Name", "Type", "Value", "Description", "Tags"}),
        create=_create_parameter,
        update=_update_parameter,
        delete=lambda work: work.call("ssm.delete_parameter", Name=work.id),
        name="Name",
    ),
}
