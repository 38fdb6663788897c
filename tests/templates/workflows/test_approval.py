"""What an approval may do, and what starts it."""

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from tests.templates.reading import of_type
from tests.templates.workflows.machines import definitions, reached

Template = dict[str, Any]
APPROVAL, TRAINING = "ApprovalWorkflow", "TrainingWorkflow"


@pytest.mark.parametrize(
    ("status", "updated", "heard"),
    [
        ("Approved", ["ModelApprovalStatus"], True),
        ("Rejected", ["ModelApprovalStatus", "ApprovalDescription"], True),
        ("PendingManualApproval", ["ModelApprovalStatus"], False),
        # The stamp, and whatever else is changed of a version that was approved
        ("Approved", ["CustomerMetadataProperties"], False),
        ("Approved", ["ModelLifeCycle"], False),
        # A registration, approved or rejected by the training workflow itself
        ("Approved", None, False),
        ("Rejected", None, False),
    ],
)
def test_a_decision_is_heard_and_no_other_update_of_a_package(
    template: Template, status: str, updated: list[str] | None, heard: bool
) -> None:
    rule = of_type(template, "AWS::Events::Rule")["DecisionTrigger"]
    assert rule["EventPattern"]["detail"]["ModelPackageGroupName"] == [{"Ref": "ProjectName"}]
    pattern = json.loads(json.dumps(rule["EventPattern"]).replace('{"Ref": "ProjectName"}', '"p"'))
    detail: dict[str, Any] = {"ModelPackageGroupName": "p", "ModelApprovalStatus": status}
    detail |= {} if updated is None else {"UpdatedModelPackageFields": updated}
    event: Any = {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "detail": detail,
    }
    assert EventPattern(None, pattern).matches_event(event) is heard
    event["detail"] = {**detail, "ModelPackageGroupName": "another"}
    assert not EventPattern(None, pattern).matches_event(event)


def test_the_workflow_is_given_what_the_event_says_of_the_package(template: Template) -> None:
    (target,) = of_type(template, "AWS::Events::Rule")["DecisionTrigger"]["Targets"]
    assert target["InputPath"] == "$.detail"


def test_who_decided_is_recorded_before_anything_is_changed_or_deployed(template: Template) -> None:
    """But for the record that stands in the place of a package, which says it itself."""
    definition = definitions(template)[APPROVAL]
    before = reached(definition, "RecordDecision", "RecordDecisionAgain")
    assert not before & {"Stamp", "StampAgain", "Deploy", "DeployAgain", "TellRejected"}
    for name in ("RecordDecision", "RecordDecisionAgain"):
        assert definition["States"][name]["Parameters"]["IfNoneMatch"] == "*"


def test_what_is_not_approved_is_never_deployed(template: Template) -> None:
    definition = definitions(template)[APPROVAL]
    assert "Deploy" not in reached(definition, "WhatIsDecided")
    question = definition["States"]["WhatIsDecided"]
    assert definition["States"]["NameDecision"]["Next"] == "Deploy"
    (way,) = [rule for rule in question["Choices"] if rule["Next"] == "NameDecision"]
    approved = {"Variable": "$.decision.status", "StringEquals": "Approved"}
    assert way == {**approved, "Next": "NameDecision"}
    rejected = {"StartAt": question["Default"], "States": definition["States"]}
    assert not reached(rejected) & {"NameDecision", "Deploy", "DeployAgain"}


def test_what_waits_for_approval_is_not_deployed_by_its_training(template: Template) -> None:
    definition = definitions(template)[TRAINING]
    (pending,) = definition["States"]["IsPending"]["Choices"]
    assert pending["StringEquals"] == "PendingManualApproval"
    assert not reached({**definition, "StartAt": pending["Next"]}) & {"Deploy", "DeployAgain"}
    assert "Deploy" not in reached(definition, "IsPending")
    asked = definition["States"]["NeedsApproval"]["Choices"][0]["And"]
    assert {"Variable": "$.settings.approval", "StringEquals": "Manual"} in asked
