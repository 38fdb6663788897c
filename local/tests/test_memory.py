"""What is deleted is not kept: the endpoint's memory comes back after a stack's life."""

import gc
import json
from collections import Counter
from typing import Any

from moto.core.common_models import BaseModel
from moto.iam.models import AccessKey
from moto.stepfunctions.parser.asl.component.program.program import Program
from moto.sts.models import AssumedRole

from local.tests.aws import ALL, Aws, unique
from local.tests.machines import ended, start

TRUST = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}}
POLICY = {"PolicyName": "May", "PolicyDocument": {"Version": "2012-10-17", "Statement": [ALL]}}
PASS = {
    "Comment": "of ${AWS::StackName}",
    "StartAt": "Lay",
    "States": {"Lay": {"Type": "Pass", "End": True}},
}
RESOURCES: dict[str, Any] = {
    "Data": {"Type": "AWS::S3::Bucket"},
    "Log": {"Type": "AWS::Logs::LogGroup"},
    "Role": {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Statement": [{**TRUST, "Action": "sts:AssumeRole"}]},
            "Policies": [POLICY],
        },
    },
    "Machine": {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "DefinitionString": {"Fn::Sub": json.dumps(PASS)},
            "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    },
}


def live(aws: Aws) -> None:
    """A stack is made, used and deleted."""
    cloudformation, s3, name = aws.client("cloudformation"), aws.client("s3"), unique("stack")
    body = json.dumps({"Resources": RESOURCES})
    cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_IAM"])
    held = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    made = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in held}
    s3.put_object(Bucket=made["Data"], Key="a", Body=b"1" * 1000)
    assert ended(aws, start(aws, made["Machine"]))["status"] == "SUCCEEDED"
    s3.delete_object(Bucket=made["Data"], Key="a")
    cloudformation.delete_stack(StackName=name)
    (told,) = cloudformation.describe_stacks(StackName=held[0]["StackId"])["Stacks"]
    assert told["StackStatus"] == "DELETE_COMPLETE"


def kept() -> Counter[str]:
    """moto's records and the steps of definitions, by kind; sessions and their keys last on."""
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    return Counter(
        kind.__name__
        for kind in kinds
        if issubclass(kind, BaseModel | Program) and not issubclass(kind, AssumedRole | AccessKey)
    )


def test_nothing_of_a_deleted_stack_is_kept(aws: Aws) -> None:
    live(aws)  # what all stacks have in common is made once
    before = kept()
    live(aws)
    assert kept() == before
