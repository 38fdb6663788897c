"""What is laid down for a call before it, against the service's own model: nothing else sees a
misspelt argument there. Of the calls themselves test_workflows.py sees it."""

from typing import Any

import pytest

from local.stepfunctions.arguments import value_faults
from local.stepfunctions.integrations import input_shape
from tests.templates.workflows.machines import substituted

Template = dict[str, Any]


TRAINING_JOB, PROCESSING_JOB = "sagemaker:createTrainingJob", "sagemaker:createProcessingJob"
PACKAGE = "aws-sdk:sagemaker:createModelPackage"


@pytest.mark.parametrize(
    ("call", "state", "part", "argument"),
    [
        (TRAINING_JOB, "UseKey", None, "ResourceConfig"),
        (TRAINING_JOB, "UseLocalDisk", None, "ResourceConfig"),
        (TRAINING_JOB, "UseSpot", "stopping", "StoppingCondition"),
        (TRAINING_JOB, "UseOnDemand", "stopping", "StoppingCondition"),
        (TRAINING_JOB, "FallBack", "stopping", "StoppingCondition"),
        (TRAINING_JOB, "UseSpot", "spot", "EnableManagedSpotTraining"),
        (TRAINING_JOB, "FallBack", "spot", "EnableManagedSpotTraining"),
        (TRAINING_JOB, "NameCheckpoints", None, "CheckpointConfig"),
        (PROCESSING_JOB, "UseEvaluationKey", None, "ProcessingResources.ClusterConfig"),
        (PROCESSING_JOB, "UseEvaluationLocalDisk", None, "ProcessingResources.ClusterConfig"),
        (PROCESSING_JOB, "EvaluateAlone", "inputs", "ProcessingInputs"),
        (PROCESSING_JOB, "EvaluateBoth", "inputs", "ProcessingInputs"),
        (PACKAGE, "FillCard", "InferenceSpecification", "InferenceSpecification"),
        (PACKAGE, "FillCard", "MetadataProperties", "MetadataProperties"),
        (PACKAGE, "FillCard", "ModelMetrics", "ModelMetrics"),
        (PACKAGE, "DescribeForced", None, "CustomerMetadataProperties"),
    ],
)
def test_what_is_laid_before_a_call_has_the_right_shape(
    template: Template, call: str, state: str, part: str | None, argument: str
) -> None:
    laid = substituted(template)["TrainingWorkflow"]["States"][state]["Parameters"]
    shape: Any = input_shape(call)
    for name in argument.split("."):
        shape = shape.members[name]
    assert list(value_faults(laid[part] if part else laid, shape, argument)) == []
