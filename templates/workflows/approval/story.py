"""The approval workflow: a decision about a version is recorded, and carried out: an approved one
is deployed, a rejected one is told of.

Input, one of three: (a) the detail of an event of the model registry (trigger.py); (b) {"package"},
or {"record"}, of a version that waits for a decision; (c) {"record", "ModelApprovalStatus",
"LastModifiedTime", "by", "reason"}, a decision where the region has no registry: the record is
`registry/<version>.json` in the artifact bucket, and has the fields of a package. What the words of
a story mean: language.py.
"""

from dataclasses import dataclass

from troposphere import Template
from troposphere.stepfunctions import StateMachine

from templates.parameters import Parameters
from templates.parts.notifications import Notifications
from templates.parts.storage import Storage
from templates.workflows.approval.decision import (
    BY,
    MODEL,
    know_version,
    record_decision,
    stamp,
)
from templates.workflows.approval.outcome import (
    find_serving,
    tell_begun_before,
    tell_of_the_rest,
)
from templates.workflows.approval.question import (
    GIVEN,
    REFERENCE,
    find_version,
    read_input,
    settle,
)
from templates.workflows.deployment.story import Deployment
from templates.workflows.failure import failure, say_about
from templates.workflows.hand_over import BEGUN_BEFORE, deploy
from templates.workflows.language import catch, end, put
from templates.workflows.machine import add_state_machine


@dataclass(frozen=True)
class Approval:
    workflow: StateMachine


def add_approval(
    template: Template,
    parameters: Parameters,
    storage: Storage,
    notifications: Notifications,
    deployment: Deployment,
) -> Approval:
    topic, key = notifications.topic, storage.key
    story = [
        put(
            "Configure",
            None,
            # What it is known by until the version's commit is
            {"commit.$": "$$.Execution.Name", f"{GIVEN.removeprefix('$.')}.$": "$"},
        ),
        *read_input(parameters),
        *find_version(storage),
        *settle(storage, parameters),
        *know_version(),
        *record_decision(storage),
        *stamp(storage),
        *find_serving(),
        *tell_of_the_rest(topic, key, deployment.workflow),
        say_about(
            "NameDecision", f"States.Format('Commit {{}} (approved by {{}})', $.commit, {BY})"
        ),
        deploy(
            deployment.workflow,
            MODEL,
            {"package.$": REFERENCE},
            begun=[catch(tell_begun_before(topic, key), error=BEGUN_BEFORE, at="$.begun")],
        ),
        end("Deployed"),
        *failure("${ProjectName}: a decision about a model was not carried out", topic, key),
    ]
    machine = add_state_machine(
        template,
        "ApprovalWorkflow",
        "approval",
        "Records who decided about a version, deploys it if it was approved, or tells of it",
        story,
        parameters,
        key,
    )
    return Approval(workflow=machine)
