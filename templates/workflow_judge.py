"""Training, third part: is the model good enough? What cannot be told is no."""

from templates.asl import Step
from templates.machine import problem

_METRIC, _ONNX = "eval:accuracy", "export:onnx"


def judge_steps() -> list[Step]:
    """From HasVerdict to ChooseImage, or to a failure."""
    return [
        _has_verdict(),
        Step(
            "FindMetric",
            {
                "Type": "Pass",
                "Parameters": {
                    "found.$": "States.ArrayContains("
                    f"$.training.FinalMetricDataList[*].MetricName, '{_METRIC}')"
                },
                "ResultPath": "$.metric",
                "Next": "HasMetric",
            },
        ),
        Step(
            "HasMetric",
            {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.metric.found", "BooleanEquals": True, "Next": "ReadMetric"}
                ],
                "Default": "RejectUnmeasured",
            },
        ),
        Step(
            "ReadMetric",
            {
                "Type": "Pass",
                "Comment": "A filter gives a list: the last value of a metric, or nothing",
                "Parameters": {
                    "accuracy.$": _values(_METRIC),
                    "onnx.$": _values(_ONNX),
                },
                "ResultPath": "$.metric",
                "Next": "CheckQuality",
            },
        ),
        _check_quality(),
        problem(
            "RejectUnmeasured",
            "ModelRejected",
            f"States.Format('Training job {{}} reported no {_METRIC}, the minimum is {{}}', "
            "$.training.TrainingJobName, $.settings.minimumAccuracy)",
            "Notify",
        ),
        problem(
            "Reject",
            "ModelRejected",
            f"States.Format('{_METRIC} is {{}}, the minimum is {{}} (training job {{}})', "
            "$.metric.accuracy[0], $.settings.minimumAccuracy, $.training.TrainingJobName)",
            "Notify",
        ),
    ]


def _values(metric: str) -> str:
    return f"$.training.FinalMetricDataList[?(@.MetricName == '{metric}')].Value"


def _has_verdict() -> Step:
    """A job that was stopped, or ran out of time, has not failed, and is no success either."""
    completed = {"Variable": "$.training.TrainingJobStatus", "StringEquals": "Completed"}
    measured = {"Variable": "$.training.FinalMetricDataList", "IsPresent": True}
    return Step(
        "HasVerdict",
        {
            "Type": "Choice",
            "Choices": [
                {"And": [completed, measured], "Next": "FindMetric"},
                {**completed, "Next": "RejectUnmeasured"},
            ],
            "Default": "MayFallBack",
        },
    )


def _check_quality() -> Step:
    accuracy = "$.metric.accuracy[0]"
    return Step(
        "CheckQuality",
        {
            "Type": "Choice",
            "Comment": "What is not a number from the minimum to 1 is rejected",
            "Choices": [
                {
                    "And": [
                        {"Variable": accuracy, "IsNumeric": True},
                        {
                            "Variable": accuracy,
                            "NumericGreaterThanEqualsPath": "$.settings.minimumAccuracy",
                        },
                        {"Variable": accuracy, "NumericLessThanEquals": 1},
                    ],
                    "Next": "ChooseImage",
                }
            ],
            "Default": "Reject",
        },
    )
