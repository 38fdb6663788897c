"""AWS::CloudWatch::Alarm."""

from local.cfn.errors import AlreadyExists
from local.cfn.handler import Handler, Work
from local.cfn.types.common import tag_list

SETTINGS = (
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "OKActions",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
    "Unit",
)


def _create(work: Work) -> None:
    cloudwatch, name = work.client("cloudwatch"), work.name("AlarmName", 255)
    if cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]:
        raise AlreadyExists(name)
    cloudwatch.put_metric_alarm(AlarmName=name, Tags=tag_list(work), **work.given(*SETTINGS))
    work.made(name, Arn=work.context.arn("cloudwatch", f"alarm:{name}"))


def _update(work: Work) -> None:
    work.client("cloudwatch").put_metric_alarm(AlarmName=work.id, **work.given(*SETTINGS))


HANDLERS = {
    "AWS::CloudWatch::Alarm": Handler(
        frozenset({"AlarmName", "Tags", *SETTINGS}),
        create=_create,
        update=_update,
        delete=lambda work: work.client("cloudwatch").delete_alarms(AlarmNames=[work.id]),
        name="AlarmName",
    ),
}
