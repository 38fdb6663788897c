"""What a person or a script wants to know of a stack that stands."""

from troposphere import Output, Sub, Template
from troposphere.codepipeline import Pipeline
from troposphere.stepfunctions import StateMachine

from templates.kit.console import console_page
from templates.kit.names import version_prefix
from templates.parameters import Parameters
from templates.parts.notifications import Notifications
from templates.parts.registry import Registry
from templates.parts.source import Source
from templates.parts.storage import Storage
from templates.workflows.approval.story import Approval
from templates.workflows.deployment.story import Deployment
from templates.workflows.training.story import Training


def add_outputs(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    source: Source,
    registry: Registry,
    notifications: Notifications,
    deployment: Deployment,
    batch: StateMachine,
    drift: StateMachine,
    approval: Approval,
    training: Training,
    pipeline: Pipeline,
) -> None:
    """Names, addresses in the console, and ARNs."""
    region = "region=${AWS::Region}"
    machines = f"/states/home?{region}#/statemachines/view/${{Arn}}"
    name = parameters.project_name.ref()
    values = {
        "ProjectName": (name, "The project's name"),
        "RepositoryName": (source.repository.get_att("Name"), "Push here"),
        "RepositoryCloneUrl": (source.repository.get_att("CloneUrlHttp"), "Clone from here"),
        "PipelineName": (pipeline.ref(), "What a push starts"),
        "PipelineUrl": (
            console_page(
                f"/codesuite/codepipeline/pipelines/${{Name}}/view?{region}",
                Name=pipeline.ref(),
            ),
            "The pipeline in the console",
        ),
        "TrainingWorkflowArn": (training.workflow.ref(), "Trains, judges, deploys"),
        "TrainingWorkflowUrl": (
            console_page(machines, Arn=training.workflow.ref()),
            "The training workflow in the console",
        ),
        "DeploymentWorkflowArn": (deployment.workflow.ref(), "Brings a version to the endpoint"),
        "BatchWorkflowArn": (batch.ref(), "Lets a version answer a heap of objects"),
        "DriftWorkflowArn": (drift.ref(), "Compares requests with what the model was made for"),
        "ApprovalWorkflowArn": (approval.workflow.ref(), "Carries out decisions about versions"),
        "ApprovalDays": (parameters.approval_days.ref(), "So long a version waits for one"),
        "EndpointName": (name, "Invoke this endpoint; it exists after the first deployment"),
        "EndpointUrl": (
            console_page(f"/sagemaker/home?{region}#/endpoints/${{Name}}", Name=name),
            "The endpoint in the console",
        ),
        "DataBucket": (storage.data.ref(), "The bucket of the training data"),
        "DataUri": (
            Sub("s3://${Bucket}/data/", Bucket=storage.data.ref()),
            "Put train, validation and eval .tfrecords here",
        ),
        "ArtifactBucket": (storage.artifacts.ref(), "Models and pipeline artifacts"),
        "ImageRepositoryName": (registry.repository.ref(), "The image repository"),
        "ImageRepositoryUri": (registry.repository.get_att("RepositoryUri"), "Its address"),
        "NotificationTopicArn": (notifications.topic.ref(), "Subscribe here to hear of failures"),
        "KeyArn": (storage.key.get_att("Arn"), "The key that encrypts everything"),
        "VersionPrefix": (version_prefix(), "Every version's name begins with this"),
    }
    for title, (value, description) in values.items():
        template.add_output(Output(title, Description=description, Value=value))
