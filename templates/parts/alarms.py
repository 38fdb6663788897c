"""The alarms that take a new version back: SageMaker looks at them while an update is watched.

What rings is a version's own fault: answers of 5XX, no answer, answers that are slow or wrong. Not
4XX, which clients bring about. An alarm sees both fleets of an update, since the name of a new
configuration is not known here; and no alarm rings while nobody asks (`notBreaching`).

Metrics: Monitor Amazon SageMaker AI with Amazon CloudWatch (SageMaker Developer Guide). Latency is
in microseconds. Alarms as triggers: Auto-Rollback Configuration and Monitoring, there.
"""

from dataclasses import dataclass
from typing import Any

from awacs import cloudwatch
from awacs.aws import Statement
from troposphere import Ref, Sub, Template
from troposphere.cloudwatch import Alarm, Metric, MetricDataQuery, MetricDimension, MetricStat

from templates.kit.iam import allow, arn
from templates.parameters import Parameters

VARIANT = "AllTraffic"
# What the deployment workflow counts: wrong answers to requests whose answers are known
NAMESPACE, WRONG_ANSWERS = "MLOps/${ProjectName}", "WrongAnswers"
# What the training workflow says of each version: the share of held-out records that it had right
ACCURACY = "Accuracy"
# What the drift workflow reports of a look: the score, and whether that is drift
SCORE, DRIFTED = "DriftScore", "Drifted"
# An alarm looks at so many periods, and rings for one of them
PERIOD_SECONDS, PERIODS = 60, 2

_SAGEMAKER = "AWS/SageMaker"
# What to do, for whoever is woken up
_WHY = "Why stands in the log group /aws/sagemaker/Endpoints/${ProjectName}"
_BACK = "make rollback takes the endpoint back to the version before"


@dataclass(frozen=True)
class Alarms:
    """All of them, in the order in which they are looked at."""

    alarms: tuple[Alarm, ...]
    project: Ref

    @property
    def names(self) -> list[str]:
        """For a definition in which ${ProjectName} is a token."""
        return [str(each.AlarmName.data["Fn::Sub"]) for each in self.alarms]

    def watch(self) -> list[Statement]:
        """Look at them, which SageMaker does under the role of the model too (Auto-Rollback
        Configuration and Monitoring, SageMaker Developer Guide)."""
        these = [arn("cloudwatch", f"alarm:{name}") for name in self.names]
        return [allow("WatchAlarms", [cloudwatch.DescribeAlarms], these)]


def add_alarms(template: Template, parameters: Parameters) -> Alarms:
    made = (
        _alarm(
            "ServerErrorsAlarm",
            "server-errors",
            f"More than 5 of 100 requests were answered with 5XX. {_WHY}; {_BACK}",
            **_of_endpoint("Invocation5XXErrors"),
            Statistic="Average",
            ComparisonOperator="GreaterThanThreshold",
            Threshold=0.05,
        ),
        _alarm(
            "ContainerErrorsAlarm",
            "container-errors",
            "A container gave no answer: it took too long, or its connection broke. "
            f"{_WHY}; {_BACK}",
            Metrics=[
                # Model errors are all that is not 2XX, and those two are answers
                MetricDataQuery(
                    Id="unanswered",
                    Expression="FILL(all, 0) - FILL(client, 0) - FILL(server, 0)",
                    Label="Requests without an answer",
                    ReturnData=True,
                ),
                _sum("all", "InvocationModelErrors"),
                _sum("client", "Invocation4XXErrors"),
                _sum("server", "Invocation5XXErrors"),
            ],
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=1,
        ),
        _alarm(
            "ModelLatencyAlarm",
            "model-latency",
            "1 of 100 answers took longer than ModelLatencyMicroseconds. Where many ask, more "
            f"instances help (EndpointInstanceCount, EndpointMaxInstanceCount); else {_BACK}",
            **_of_endpoint("ModelLatency"),
            ExtendedStatistic="p99",
            ComparisonOperator="GreaterThanThreshold",
            Threshold=parameters.model_latency_microseconds.ref(),
        ),
        _alarm(
            "WrongAnswersAlarm",
            "wrong-answers",
            "A golden request was not answered as it should be. The deployment goes back by itself "
            "and says which it was; make status shows what serves now",
            Namespace=Sub(NAMESPACE),
            MetricName=WRONG_ANSWERS,
            Period=PERIOD_SECONDS,
            Statistic="Sum",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=1,
        ),
    )
    return Alarms(tuple(template.add_resource(each) for each in made), Ref("ProjectName"))


def add_drift_alarm(template: Template) -> Alarm:
    """It stands from a look that finds drift to one that finds none: between them nothing is
    reported (`ignore` keeps the state, Configuring how CloudWatch alarms treat missing data). It
    is no fault of a version, and takes none back."""
    return template.add_resource(
        Alarm(
            "DriftAlarm",
            AlarmName=Sub("${ProjectName}-drift"),
            AlarmDescription="Requests are not like what the model was made for. make drift shows "
            "in what; then train on newer data (make data-upload), or let RetrainOnDrift do it",
            Namespace=Sub(NAMESPACE),
            MetricName=DRIFTED,
            Period=PERIOD_SECONDS,
            Statistic="Maximum",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=1,
            EvaluationPeriods=1,
            TreatMissingData="ignore",
        )
    )


def _alarm(title: str, name: str, description: str, **rule: Any) -> Alarm:
    return Alarm(
        title,
        AlarmName=Sub(f"${{ProjectName}}-{name}"),
        AlarmDescription=Sub(description) if "${" in description else description,
        **rule,
        EvaluationPeriods=PERIODS,
        DatapointsToAlarm=1,
        TreatMissingData="notBreaching",
    )


def _of_endpoint(metric: str) -> dict[str, Any]:
    return {
        "Namespace": _SAGEMAKER,
        "MetricName": metric,
        "Dimensions": _dimensions(),
        "Period": PERIOD_SECONDS,
    }


def _sum(name: str, metric: str) -> MetricDataQuery:
    return MetricDataQuery(
        Id=name,
        MetricStat=MetricStat(
            Metric=Metric(Namespace=_SAGEMAKER, MetricName=metric, Dimensions=_dimensions()),
            Period=PERIOD_SECONDS,
            Stat="Sum",
        ),
        ReturnData=False,
    )


def _dimensions() -> list[MetricDimension]:
    return [
        MetricDimension(Name="EndpointName", Value=Ref("ProjectName")),
        MetricDimension(Name="VariantName", Value=VARIANT),
    ]
