"""What is laid down for a call before it, against the service's own model: nothing else sees a
misspelt argument there. Of the calls themselves test_workflows.py sees it."""

from typing import Any

import pytest

from local.stepfunctions.arguments import value_faults
from local.stepfunctions.integrations import input_shape
from tests.templates.workflows.machines import substituted

Template = dict[str, Any]


@pytest.mark.parametrize(
    ("state", "part", "argument"),
    [
        ("UseKey", None, "ResourceConfig"),
        ("UseLocalDisk", None, "ResourceConfig"),
        ("UseSpot", "stopping", "StoppingCondition"),
        ("UseOnDemand", "stopping", "StoppingCondition"),
        ("FallBack", "stopping", "StoppingCondition"),
        ("UseSpot", "spot", "EnableManagedSpotTraining"),
        ("FallBack", "spot", "EnableManagedSpotTraining"),
        ("NameCheckpoints", None, "CheckpointConfig"),
    ],
)
def test_what_is_settled_before_a_job_has_the_right_shape(
    template: Template, state: str, part: str | None, argument: str
) -> None:
    settled = substituted(template)["TrainingWorkflow"]["States"][state]["Parameters"]
    asked = input_shape("sagemaker:createTrainingJob")
    assert asked
    found = value_faults(settled[part] if part else settled, asked.members[argument], argument)
    assert list(found) == []
