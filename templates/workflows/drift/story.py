"""The drift workflow: are requests still like what the model was made for?

A look takes what was captured since the last one, and lets a job compare it with the baseline that
the evaluation of the version that serves has left (container/README.md, "Drift"). What the job
finds becomes a metric, whose alarm stands until a look finds nothing; a person is told when that
changes; and where the stack says so, drift asks for a training at the one door (training/door.py).
The job decides whether that is due: its cool-down begins with the model, and with the last training
that drift asked for, so that a model that drifts at once does not train in a loop.

A look takes so many files as one state may name (basis.py). Where more are there, another look at
them follows in the same run. And where files can be of no use, as they hold too few records or end
the job, the next look begins behind them: none stands still.

Input: {"trigger": {"kind", "by", "id"}}, of a schedule or a person. It looks for the program in the
image that the newest push has built.
"""

from troposphere import Template
from troposphere.stepfunctions import StateMachine

from templates.parameters import Parameters
from templates.parts.notifications import Notifications
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.drift.basis import (
    IS_MORE,
    find_baseline,
    find_captured,
    find_image,
    find_last,
    find_served,
    write_manifest,
)
from templates.workflows.drift.compare import compare
from templates.workflows.drift.found import (
    FINDINGS,
    go_on,
    measure,
    pass_over,
    pass_over_failed,
    read_drift,
    remember,
    tell,
)
from templates.workflows.drift.retraining import ask_for_training
from templates.workflows.failure import check_input, failure
from templates.workflows.language import Step, all_of, any_of, choose, equals, put, when
from templates.workflows.machine import add_state_machine
from templates.workflows.settings import (
    DriftSettings,
    drift_settings,
    setting_tokens,
    setting_values,
)


def add_drift(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    registry: Registry,
    notifications: Notifications,
    training: StateMachine,
) -> StateMachine:
    settings, topic, key = drift_settings(parameters), notifications.topic, storage.key
    first, *served = find_served()
    remembered = remember(storage)
    few = equals(f"{FINDINGS}.verdict", "too-few")
    unread = equals(f"{FINDINGS}.verdict", "no-baseline")
    story = [
        check_input(("trigger",), ", as the schedule and `make drift` give"),
        _configure(settings),
        first,
        *served,
        *find_last(storage),
        *find_captured(storage),
        *find_baseline(storage),
        *find_image(storage),
        *write_manifest(storage),
        *compare(settings, storage, registry),
        *read_drift(storage),
        choose(
            "WasEnough",
            when(all_of(few, IS_MORE), pass_over(then=remembered[-1].name)),
            when(any_of(few, unread), "SayLooked"),
            otherwise=None,
        ),
        *measure(),
        ask_for_training(settings, training),
        tell(topic, key),
        *remembered,
        go_on(first.name),
        *failure(
            "${ProjectName}: drift could not be looked at",
            topic,
            key,
            after=pass_over_failed(storage),
        ),
    ]
    return add_state_machine(
        template,
        "DriftWorkflow",
        "drift",
        "Compares what was captured with what the model was made for",
        story,
        parameters,
        key,
    )


def _configure(settings: DriftSettings) -> Step:
    return put(
        "Configure",
        None,
        {
            "trigger.$": "$.trigger",
            "commit.$": "$$.Execution.Name",
            "run": {"id.$": "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"},
            "look": {"number": 1, "id.$": "States.Format('{}-1', $$.Execution.Name)"},
            "told": {"words": ""},
            "settings": setting_values(settings),
        },
        tokens=setting_tokens(settings),
        comment="Parameters of the stack arrive as text; numbers are parsed here",
    )
