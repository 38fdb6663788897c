"""The training workflow: train, judge, deploy. Its verdict is the verdict of the pipeline's last
stage.

Input: workflow.json of the Build stage, {"commit", "version", "trainingImage", "servingImage",
"hyperparameters"}.
"""

from dataclasses import dataclass

from awacs import kms, s3
from awacs.aws import Statement
from troposphere import Template
from troposphere.iam import Role
from troposphere.stepfunctions import StateMachine

from templates.asl import Step, join
from templates.deployment import Deployment
from templates.grants import (
    lend_key,
    list_objects,
    pull_images,
    put_metrics,
    read_objects,
    use_key,
    write_job_logs,
    write_objects,
)
from templates.iam import add_role, allow, arn, objects
from templates.machine import add_state_machine, failure_steps
from templates.names import CHECKPOINTS, job_log_streams
from templates.notifications import Notifications
from templates.parameters import Parameters
from templates.registry import Registry
from templates.storage import Storage
from templates.workflow_checkpoints import checkpoint_steps
from templates.workflow_data import data_steps
from templates.workflow_deploy import deploy_steps
from templates.workflow_image import image_steps
from templates.workflow_judge import judge_steps
from templates.workflow_train import train_steps


@dataclass(frozen=True)
class Training:
    workflow: StateMachine


def add_training(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    registry: Registry,
    notifications: Notifications,
    deployment: Deployment,
) -> Training:
    """The role of the jobs and the workflow that runs them."""
    role = _add_job_role(template, storage, registry)
    topic, key = notifications.topic, storage.key
    steps: list[Step] = [
        *data_steps(parameters, storage),
        *checkpoint_steps(storage),
        *train_steps(parameters, storage, role),
        *judge_steps(),
        *image_steps(),
        *deploy_steps(deployment.workflow),
        *failure_steps("${ProjectName}: a commit did not reach the endpoint", topic, key),
    ]
    machine = add_state_machine(
        template,
        "TrainingWorkflow",
        "${ProjectName}-training",
        join("Trains the image of a commit, and deploys the model if it is good enough", steps),
        parameters,
        storage.key,
    )
    return Training(workflow=machine)


def _add_job_role(template: Template, storage: Storage, registry: Registry) -> Role:
    """What SageMaker may do for a job; the container itself has no network and no credentials.

    CreateTrainingJob API: Execution Role Permissions (SageMaker execution roles).
    """
    return add_role(
        template,
        "TrainingJobRole",
        "What a training job may do",
        "sagemaker",
        arn("sagemaker", "*"),
        [
            *pull_images(registry.repository),
            *list_objects("ListData", storage.data, "data/"),
            *read_objects("ReadData", objects(storage.data, "data/")),
            *write_objects("WriteModels", storage.artifacts, "models/"),
            *_keep_checkpoints(storage),
            *use_key("UseKeyForData", storage.key, "s3"),
            # Asked of whoever names a key for the output (OutputDataConfig, SageMaker API)
            allow("EncryptModels", [kms.Encrypt], [storage.key.get_att("Arn")]),
            *lend_key(storage.key),
            *write_job_logs("/aws/sagemaker/TrainingJobs", job_log_streams()),
            *put_metrics("/aws/sagemaker/*"),
        ],
    )


def _keep_checkpoints(storage: Storage) -> list[Statement]:
    """SageMaker copies the folder from S3 when a job starts, and while it runs each change back:
    what "is deleted in the SageMaker container, it will also be deleted in the S3 folder"
    (Checkpoints in Amazon SageMaker AI, SageMaker Developer Guide).
    """
    folder = objects(storage.artifacts, CHECKPOINTS)
    return [
        *list_objects("ListCheckpoints", storage.artifacts, CHECKPOINTS),
        *read_objects("ReadCheckpoints", folder),
        *write_objects("WriteCheckpoints", storage.artifacts, CHECKPOINTS),
        allow("DeleteCheckpoints", [s3.DeleteObject], [folder]),
    ]
