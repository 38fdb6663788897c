"""Training: is the model good enough, and which of the commit's two images serves it?"""

from templates.workflows.failure import problem
from templates.workflows.language import (
    Step,
    all_of,
    check,
    choose,
    compares,
    equals,
    present,
    put,
    when,
)
from templates.workflows.settings import TrainingSettings
from templates.workflows.training.train import METRICS, RESULT

_ACCURACY, _ONNX = "eval:accuracy", "export:onnx"
# Each a list: the last value of the metric, or nothing
_JUDGED = "$.metric"
ACCURACY = f"{_JUDGED}.accuracy[0]"
# The image that serves the model, by digest
IMAGE = "$.image"


def judge(settings: TrainingSettings) -> list[Step]:
    """Only a model whose accuracy was measured and is enough; what was not measured is rejected."""
    minimum, job = settings.minimum_accuracy.path, f"{RESULT}.TrainingJobName"
    unmeasured = problem(
        "RejectUnmeasured",
        f"States.Format('Training job {{}} reported no {_ACCURACY}, the minimum is {{}}', "
        f"{job}, {minimum})",
        error="ModelRejected",
    )
    too_low = problem(
        "Reject",
        f"States.Format('{_ACCURACY} is {{}}, the minimum is {{}} (training job {{}})', "
        f"{ACCURACY}, {minimum}, {job})",
        error="ModelRejected",
    )
    names = f"States.ArrayContains({METRICS}[*].MetricName, '{_ACCURACY}')"
    return [
        put("FindMetric", _JUDGED, {"found.$": names}),
        check("HasMetric", equals(f"{_JUDGED}.found", True), otherwise=[unmeasured]),
        put(
            "ReadMetric",
            _JUDGED,
            {"accuracy.$": _values(_ACCURACY), "onnx.$": _values(_ONNX)},
            comment="A filter gives a list: the last value of a metric, or nothing",
        ),
        check(
            "CheckQuality",
            all_of(
                compares(ACCURACY, "IsNumeric", True),
                compares(ACCURACY, "NumericGreaterThanEqualsPath", minimum),
                compares(ACCURACY, "NumericLessThanEquals", 1),
            ),
            otherwise=[too_low],
            comment="What is not a number from the minimum to 1 is rejected",
        ),
    ]


def _values(metric: str) -> str:
    return f"{METRICS}[?(@.MetricName == '{metric}')].Value"


def choose_image() -> Step:
    """The serving image has ONNX Runtime and no TensorFlow: it is for models that were converted.
    The training image can serve any model."""
    converted = f"{_JUDGED}.onnx[0]"
    return choose(
        "ChooseImage",
        when(
            all_of(present(converted), equals(converted, 1)),
            [put("UseServingImage", IMAGE, "$.servingImage")],
        ),
        otherwise=[put("UseTrainingImage", IMAGE, "$.trainingImage")],
    )
