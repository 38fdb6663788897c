"""The deployment workflow: a version becomes what the endpoint serves, or the endpoint stays as it
was.

Input: {"name", "image", "modelDataUrl", "commit"}. It is the only way to the endpoint, so a
rollback is a run of it with the image and the model of an older version under a new name.
"""

from dataclasses import dataclass

from troposphere import Template
from troposphere.iam import Role
from troposphere.logs import LogGroup
from troposphere.stepfunctions import StateMachine

from templates.asl import Step, join
from templates.deployment_cleanup import cleanup_steps
from templates.deployment_endpoint import endpoint_steps
from templates.deployment_verify import verify_steps
from templates.deployment_version import version_steps
from templates.grants import (
    lend_key,
    pull_images,
    put_metrics,
    read_objects,
    use_key,
    write_job_logs,
)
from templates.iam import add_role, arn, objects
from templates.logs import add_log_group
from templates.machine import add_state_machine, failure_steps
from templates.notifications import Notifications
from templates.parameters import Parameters
from templates.registry import Registry
from templates.storage import Storage


@dataclass(frozen=True)
class Deployment:
    workflow: StateMachine


def add_deployment(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    registry: Registry,
    notifications: Notifications,
) -> Deployment:
    """The hosting role, the endpoint's log group and the workflow."""
    logs = add_log_group(
        template, "EndpointLogs", "/aws/sagemaker/Endpoints/${ProjectName}", parameters, storage.key
    )
    role = _add_hosting_role(template, storage, registry, logs)
    topic, key = notifications.topic, storage.key
    steps: list[Step] = [
        *version_steps(parameters, role, key),
        *endpoint_steps(),
        *verify_steps(),
        *cleanup_steps(parameters, topic, key),
        *failure_steps("${ProjectName}: a model was not deployed", topic, key),
    ]
    workflow = join("Deploys one version to the endpoint and verifies that it serves", steps)
    machine = add_state_machine(
        template,
        "DeploymentWorkflow",
        "${ProjectName}-deployment",
        workflow,
        parameters,
        storage.key,
    )
    return Deployment(workflow=machine)


def _add_hosting_role(
    template: Template, storage: Storage, registry: Registry, logs: LogGroup
) -> Role:
    """What the endpoint may do: pull its image, read its model, report (SageMaker execution
    roles)."""
    return add_role(
        template,
        "HostingRole",
        "What the endpoint may do",
        "sagemaker",
        arn("sagemaker", "*"),
        [
            *pull_images(registry.repository),
            *read_objects("ReadModels", objects(storage.artifacts, "models/")),
            *use_key("UseKeyForModels", storage.key, "s3"),
            *lend_key(storage.key),
            *write_job_logs("/aws/sagemaker/Endpoints/${ProjectName}", logs.get_att("Arn")),
            *put_metrics("/aws/sagemaker/*"),
        ],
    )
