"""Training: how good each version is, as a metric. What was refused has its place in it too."""

from troposphere import Ref, Sub

from templates.kit.grants import put_metrics
from templates.parts.alarms import ACCURACY as METRIC
from templates.parts.alarms import NAMESPACE
from templates.workflows.language import Step, catch, choose, compares, task, when
from templates.workflows.training.judge import ACCURACY

_PUT = "$.put"


def publish_accuracy() -> Step:
    """Where one was measured. That it cannot be published is no reason to lose a model."""
    publish = task(
        "PublishAccuracy",
        "aws-sdk:cloudwatch:putMetricData",
        {
            "Namespace": NAMESPACE,
            "MetricData": [{"MetricName": METRIC, "Value.$": ACCURACY, "Unit": "None"}],
        },
        grants=put_metrics(Sub(NAMESPACE)),
        tokens={"ProjectName": Ref("ProjectName")},
        at=_PUT,
        caught=[catch(None, at=_PUT)],
    )
    return choose(
        "IsMeasured", when(compares(ACCURACY, "IsNumeric", True), [publish]), otherwise=None
    )
