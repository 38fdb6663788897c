"""How a decision in the model registry starts the approval workflow."""

from awacs import states
from troposphere import Sub, Template
from troposphere.events import Rule, Target

from templates.kit.iam import allow, arn, service_role
from templates.parameters import Parameters
from templates.parts.undelivered import Undelivered
from templates.workflows.approval.story import Approval


def add_decision_trigger(
    template: Template, parameters: Parameters, approval: Approval, undelivered: Undelivered
) -> Rule:
    """An approval or a rejection, in the console, by the CLI or by make, and no other update.

    Each update of a package sends this event, with the status that the package has, so that a rule
    on the status alone would deploy again with each. What was changed stands in
    UpdatedModelPackageFields, which a registration lacks (Model package state change, Automating
    Amazon SageMaker AI with EventBridge).
    """
    start = allow("StartApproval", [states.StartExecution], [approval.workflow.ref()])
    role = template.add_resource(
        service_role(
            "DecisionTriggerRole",
            "Lets a decision about a model start the approval workflow",
            "events",
            arn("events", "rule/${ProjectName}-decision"),
            [start],
        )
    )
    return template.add_resource(
        Rule(
            "DecisionTrigger",
            Name=Sub("${ProjectName}-decision"),
            Description="An approval or a rejection of a model is carried out",
            EventPattern={
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Package State Change"],
                "detail": {
                    "ModelPackageGroupName": [parameters.project_name.ref()],
                    "ModelApprovalStatus": ["Approved", "Rejected"],
                    "UpdatedModelPackageFields": ["ModelApprovalStatus"],
                },
            },
            State="ENABLED",
            Targets=[
                Target(
                    Id="Approval",
                    Arn=approval.workflow.ref(),
                    RoleArn=role.get_att("Arn"),
                    DeadLetterConfig=undelivered.of_rule(),
                    InputPath="$.detail",
                )
            ],
        )
    )
