"""Every call of a workflow, against the service's own model: cfn-lint sees no misspelt argument."""

import json
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape, StructureShape
from botocore.validate import ParamValidator

from tests.templates.workflows.machines import TaskState, definitions, tasks

Template = dict[str, Any]
SERVICES = {"states": "stepfunctions", "sfn": "stepfunctions"}
SESSION = botocore.session.get_session()


def operation(integration: str) -> tuple[str, str]:
    """`aws-sdk:s3:listObjectsV2` is ("s3", "ListObjectsV2")."""
    service, action = integration.removeprefix("aws-sdk:").split(":")[:2]
    name = action.split(".")[0]
    return service, name[0].upper() + name[1:]


def input_shape(integration: str) -> StructureShape:
    service, name = operation(integration)
    model = SESSION.get_service_model(SERVICES.get(service, service))
    shape = model.operation_model(name).input_shape
    assert shape is not None
    return shape


def sample(shape: Shape) -> Any:
    """Something of the right type, for a value that is known at run time only."""
    if shape.type_name == "structure":
        assert isinstance(shape, StructureShape)
        return {name: sample(shape.members[name]) for name in shape.required_members}
    if shape.type_name in ("list", "map"):
        return [] if shape.type_name == "list" else {}
    if shape.type_name == "boolean":
        return True
    if shape.type_name in ("integer", "long"):
        return shape.metadata.get("min", 1)
    return "x" * max(1, shape.metadata.get("min", 1))


def with_samples(value: Any, shape: Shape) -> Any:
    """The arguments with every path and every token replaced by a sample."""
    if isinstance(value, dict) and isinstance(shape, StructureShape):
        # A state writes StateMachineArn where the API of Step Functions itself has stateMachineArn
        members = {name.lower(): (name, member) for name, member in shape.members.items()}
        filled = {}
        for key, item in value.items():
            name, member = members.get(key.removesuffix(".$").lower(), (key, None))
            if member is None:
                filled[key] = item  # unknown: the validator says so
            else:
                filled[name] = sample(member) if key.endswith(".$") else with_samples(item, member)
        return filled
    if isinstance(value, list) and shape.type_name == "list":
        return [with_samples(item, shape.member) for item in value]  # type: ignore[attr-defined]
    if shape.type_name == "blob":
        return b""  # any JSON: it is written as text
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        return sample(shape)
    return value


def complaints(arguments: Any, shape: Shape) -> str:
    return str(ParamValidator().validate(with_samples(arguments, shape), shape).generate_report())


def arguments_of(task: TaskState) -> Any:
    arguments = dict(task.state["Parameters"])
    if task.integration.startswith("states:startExecution"):
        # The optimized integration takes Input as JSON, the API as text
        assert isinstance(arguments["Input"], dict)
        arguments["Input"] = json.dumps(arguments["Input"])
    return arguments


def test_every_call_has_the_arguments_its_service_knows(template: Template) -> None:
    for task in tasks(template):
        report = complaints(arguments_of(task), input_shape(task.integration))
        assert report == "", f"{task.name}: {report}"


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
    settled = definitions(template)["TrainingWorkflow"]["States"][state]["Parameters"]
    shape = input_shape("sagemaker:createTrainingJob").members[argument]
    assert complaints(settled[part] if part else settled, shape) == ""


def test_a_misspelt_argument_would_be_found() -> None:
    shape = input_shape("sagemaker:createModel")
    assert "Unknown parameter" in complaints({"ModelName.$": "$.name", "Imgae": "x"}, shape)
    assert "Missing required" in complaints({}, shape)
    assert "Invalid type" in complaints({"ModelName": 1}, shape)
