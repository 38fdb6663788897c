"""What a stack is and holds, also when it is already deleted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scripts.lib.problems import Problem, is_gone, make

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

STATEFUL = {
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::ECR::Repository",
    "AWS::CodeCommit::Repository",
    "AWS::SageMaker::ModelPackageGroup",
}
# What a service makes anew, under the name that it had in the stack, for a build, a job or an
# endpoint that still runs (AWS: AWS::CodeBuild::ReportGroup; Log groups and streams)
REMADE = {"AWS::Logs::LogGroup", "AWS::CodeBuild::ReportGroup"}


@dataclass(frozen=True)
class Held:
    """One resource of a stack: logical ID, type, physical ID and status."""

    logical: str
    type: str
    physical: str
    status: str


def describe(cloudformation: "CloudFormationClient", stack: str) -> "StackTypeDef | None":
    """The stack by name or ID, or None; a deleted one answers by its ID for 90 days."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if is_gone(error):
            return None
        raise


def outputs(stack: "StackTypeDef") -> dict[str, str]:
    """Output names and values."""
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def parameters(stack: "StackTypeDef") -> dict[str, str]:
    """Parameter names and the values in use."""
    return {
        one["ParameterKey"]: one.get("ParameterValue", "") for one in stack.get("Parameters", [])
    }


def trains_by_itself(cloudformation: "CloudFormationClient", stack: str) -> bool:
    """Whether data, a schedule and a person can ask for a training without a build: a stack that
    was deployed before that has not this parameter."""
    found = describe(cloudformation, stack)
    return not found or "RetrainSchedule" in parameters(found)


def required_outputs(cloudformation: "CloudFormationClient", stack: str) -> dict[str, str]:
    """The outputs of a stack that works; otherwise a Problem that says what to do."""
    found = describe(cloudformation, stack)
    if not found or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        raise Problem(f"there is no stack {stack}: run {make('deploy', stack)}")
    if not found.get("Outputs"):
        raise Problem(f"stack {stack} is {found['StackStatus']}: see {make('status', stack)}")
    return outputs(found)


def resources(cloudformation: "CloudFormationClient", stack: str) -> list[Held]:
    """Every resource of a living stack."""
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        Held(
            one["LogicalResourceId"],
            one["ResourceType"],
            one.get("PhysicalResourceId", ""),
            one["ResourceStatus"],
        )
        for page in pages
        for one in page["StackResourceSummaries"]
    ]


def let_go(cloudformation: "CloudFormationClient", stack_id: str) -> list[Held]:
    """What a stack no longer holds and may be there: kept by its policy, or made anew since.

    The events are the one record of it that outlives an update, a rollback and the stack itself
    (AWS: DescribeStackEvents, 90 days).
    """
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    found = [
        Held(
            one.get("LogicalResourceId", ""),
            one.get("ResourceType", ""),
            one.get("PhysicalResourceId", ""),
            one.get("ResourceStatus", ""),
        )
        for page in pages
        for one in page["StackEvents"]
    ]
    return [
        one
        for one in found
        if one.physical
        and (
            one.status == "DELETE_SKIPPED"
            or (one.status == "DELETE_COMPLETE" and one.type in REMADE)
        )
    ]


def holder(cloudformation: "CloudFormationClient", physical: str) -> str:
    """The name of the living stack that holds a resource, or an empty text.

    A name that a deleted stack let go of may be another's by now (AWS: DescribeStackResources,
    PhysicalResourceId).
    """
    try:
        found = cloudformation.describe_stack_resources(PhysicalResourceId=physical)
    except ClientError as error:
        if is_gone(error):
            return ""
        raise
    for one in found["StackResources"]:
        if one.get("PhysicalResourceId") == physical and not one["ResourceStatus"].startswith(
            ("DELETE_COMPLETE", "DELETE_SKIPPED")
        ):
            return one.get("StackName", "")
    return ""


def deleted_ids(cloudformation: "CloudFormationClient", stack: str) -> list[str]:
    """IDs of the deleted stacks of this name, newest first: the record of what they retained."""
    pages = cloudformation.get_paginator("list_stacks").paginate(
        StackStatusFilter=["DELETE_COMPLETE"]
    )
    return [
        one["StackId"]
        for page in pages
        for one in page["StackSummaries"]
        if one["StackName"] == stack
    ]
