"""The training workflow: find data, prepare it, train or tune, evaluate, judge, register, deploy.
Its verdict is the verdict of the pipeline's last stage.

Input: workflow.json of the Build stage, {"commit", "version", "trainingImage", "servingImage",
"hyperparameters", "trigger": {"kind", "by"}, "force": {"reason", "by"}, "prepare", "tuning"};
version is the commit in short, and an empty reason forces nothing; `prepare` is whether the commit
has a program for that, and `tuning` what may be tuned, or {}. What the words of a story mean:
language.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from troposphere import Template
from troposphere.stepfunctions import StateMachine

from templates.kit.names import version_prefix
from templates.parameters import Parameters
from templates.parts.notifications import Notifications
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.approval.story import Approval
from templates.workflows.deployment.order import TRAINING
from templates.workflows.deployment.story import Deployment
from templates.workflows.failure import ABOUT_WORDS, check_input, failure
from templates.workflows.hand_over import ENDPOINT, IMAGE, SERVES, deploy
from templates.workflows.job import VERSION_NAME
from templates.workflows.language import Step, check, compares, end, put
from templates.workflows.machine import add_state_machine
from templates.workflows.settings import (
    TrainingSettings,
    setting_tokens,
    setting_values,
    training_settings,
)
from templates.workflows.training.ask import ask_for_approval, want_approval
from templates.workflows.training.champion import find_champion
from templates.workflows.training.data import (
    MANIFEST_SHA256,
    SEEDS,
    find_data,
    find_manifest,
    name_checkpoints,
)
from templates.workflows.training.door import (
    TURN,
    come_in,
    keep_good,
    refuse_unchanged,
    remember,
)
from templates.workflows.training.evaluate import evaluate
from templates.workflows.training.judge import ACCURACY, WORDS, choose_image, judge, obey
from templates.workflows.training.prepare import prepare
from templates.workflows.training.register import PACKAGE, register
from templates.workflows.training.score import publish_accuracy
from templates.workflows.training.train import MODEL, RESULT, train, training_role
from templates.workflows.training.tune import tune

_NEEDED = (
    *("commit", "version", "trainingImage", "servingImage", "hyperparameters"),
    *("trigger", "force", "prepare", "tuning"),
)
# What is read of these
_WITHIN = ("trigger.kind", "trigger.by", "force.reason", "force.by")


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
    approval: Approval,
) -> Training:
    settings, topic = training_settings(parameters), notifications.topic
    role = training_role(storage, registry)
    story = [
        *come_in(
            storage,
            [check_input((*_NEEDED, *_WITHIN), ", as workflow.json of the Build stage has")],
        ),
        _configure(settings),
        *find_data(parameters, storage),
        find_manifest(storage),
        *refuse_unchanged(storage, MANIFEST_SHA256),
        prepare(settings, storage, registry),
        name_checkpoints(storage),
        tune(settings, storage, role),
        *train(settings, storage, role),
        *find_champion(storage),
        *evaluate(settings, storage, registry),
        *judge(settings),
        want_approval(settings),
        choose_image(),
        *register(storage, topic),
        remember(storage),
        publish_accuracy(),
        *obey(topic, storage.key),
        keep_good(storage),
        ask_for_approval(
            parameters, approval.workflow, topic, storage.key, _summarize("SummarizePending")
        ),
        deploy(
            deployment.workflow,
            MODEL,
            {
                "package.$": PACKAGE,
                TRAINING: {"name.$": VERSION_NAME, "startedAt.$": f"{TURN}.at"},
            },
        ),
        _summarize("Summarize", {"endpoint.$": ENDPOINT, "serves.$": SERVES}),
        check(
            "IsDeployed",
            compares("$.serves", "StringEqualsPath", "$.name"),
            otherwise=[end("Superseded")],
        ),
        end("Deployed"),
        *failure(
            "${ProjectName}: a commit did not reach the endpoint",
            topic,
            storage.key,
            about=ABOUT_WORDS,
        ),
    ]
    machine = add_state_machine(
        template,
        "TrainingWorkflow",
        "training",
        "Trains the image of a commit, and deploys the model if it is good enough",
        story,
        parameters,
        storage.key,
    )
    return Training(workflow=machine)


def _configure(settings: TrainingSettings) -> Step:
    """Typed settings and the version's name.

    The name holds the commit, and 8 digits that make a second run of the same commit another
    version. With `-spot` and the retry count of the job it stays below SageMaker's 63 characters.
    """
    unique = "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"
    return put(
        "Configure",
        None,
        {
            **{f"{name}.$": f"$.{name}" for name in (*_NEEDED, "about", "turn")},
            "name.$": f"States.Format('${{VersionPrefix}}-{{}}-{{}}', $.version, {unique})",
            "settings": {**setting_values(settings), "seedFiles": list(SEEDS)},
        },
        tokens={"VersionPrefix": version_prefix(), **setting_tokens(settings)},
        comment="Parameters of the stack arrive as text; numbers are parsed here",
    )


def _summarize(name: str, more: Mapping[str, str] = {}) -> Step:
    return put(
        name,
        None,
        {
            "name.$": VERSION_NAME,
            "commit.$": "$.commit",
            "image.$": IMAGE,
            "trainingJob.$": f"{RESULT}.TrainingJobName",
            "modelDataUrl.$": MODEL,
            "accuracy.$": ACCURACY,
            "verdict.$": WORDS,
            "package.$": PACKAGE,
            **more,
        },
    )
