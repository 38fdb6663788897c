"""The deployment workflow: a version becomes what the endpoint serves, or the endpoint stays as it
was.

Input: {"name", "image", "modelDataUrl", "commit"}; of what was registered {"package"} (version.py),
and from the training workflow {"training"} (order.py). It is the only way to the endpoint, so a
rollback is a run of it with the image and the model of an older version under a new name. All
between its first turn and its end is done by one execution at a time (queue.py). What the words of
a story mean: language.py.
"""

from dataclasses import dataclass

from troposphere import Ref, Template
from troposphere.stepfunctions import StateMachine

from templates.kit.logs import add_log_group
from templates.parameters import Parameters
from templates.parts.notifications import Notifications
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.deployment.cleanup import remove_failed, remove_old_versions
from templates.workflows.deployment.endpoint import bring_to_endpoint, endpoint_problems, verify
from templates.workflows.deployment.order import SERVING_NAME, refuse_older
from templates.workflows.deployment.queue import take_turn
from templates.workflows.deployment.version import add_version
from templates.workflows.failure import check_input, failure
from templates.workflows.language import COUNT, FIRST_LOOK, Step, end, put
from templates.workflows.machine import add_state_machine
from templates.workflows.settings import (
    DeploymentSettings,
    deployment_settings,
    setting_tokens,
    setting_values,
)

_NEEDED = ("name", "image", "modelDataUrl", "commit")


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
    """The endpoint's log group, and the workflow with the role that it gives to the endpoint."""
    logs = add_log_group(
        template, "EndpointLogs", "/aws/sagemaker/Endpoints/${ProjectName}", parameters, storage.key
    )
    settings = deployment_settings(parameters)
    topic, key = notifications.topic, storage.key
    story = [
        check_input(_NEEDED),
        _configure(settings),
        *take_turn(storage),
        *refuse_older(_summarize("SummarizeSuperseded", SERVING_NAME), topic, key),
        *add_version(settings, storage, registry, logs),
        *bring_to_endpoint(),
        *verify(),
        *remove_old_versions(parameters, registry, topic, key),
        _summarize("Summarize", "$.name"),
        end("Deployed"),
        *endpoint_problems(),
        *failure("${ProjectName}: a model was not deployed", topic, key, remove_failed(registry)),
    ]
    machine = add_state_machine(
        template,
        "DeploymentWorkflow",
        "deployment",
        "Deploys one version to the endpoint and verifies that it serves",
        story,
        parameters,
        key,
    )
    return Deployment(workflow=machine)


def _configure(settings: DeploymentSettings) -> Step:
    return put(
        "Configure",
        None,
        {
            **{f"{name}.$": f"$.{name}" for name in _NEEDED},
            **setting_values(settings),
            COUNT.removeprefix("$."): FIRST_LOOK,
        },
        tokens=setting_tokens(settings),
        comment="Parameters of the stack arrive as text; numbers are parsed here",
    )


def _summarize(name: str, serves: str) -> Step:
    """`serves` is the version that the endpoint serves: this one, or the one that superseded it."""
    kept = ("name", "commit", "image", "modelDataUrl")
    return put(
        name,
        None,
        {
            **{f"{each}.$": f"$.{each}" for each in kept},
            "endpoint": "${ProjectName}",
            "serves.$": serves,
        },
        tokens={"ProjectName": Ref("ProjectName")},
    )
