"""What opens the door without a push (door.py): data that has arrived, and a time that has come."""

from awacs import states
from awacs.aws import Statement
from troposphere import Parameter, Sub, Template
from troposphere.events import InputTransformer, Rule, Target
from troposphere.scheduler import FlexibleTimeWindow, Schedule
from troposphere.scheduler import Target as ScheduleTarget
from troposphere.stepfunctions import StateMachine

from templates.kit.iam import allow, arn, service_role
from templates.kit.render import pretty
from templates.parameters import Parameters
from templates.parts.storage import Storage
from templates.parts.undelivered import Undelivered

# What is uploaded last, when all data is there: of `make data-upload`, and of what writes as Hadoop
# does. Exact keys, so that of 10,000 files one starts something
MANIFEST, SUCCESS = "data/manifest.json", "data/_SUCCESS"


def add_data_trigger(
    template: Template, storage: Storage, training: StateMachine, undelivered: Undelivered
) -> Rule:
    """A manifest in the data bucket starts a training, which finds out whether the data is new.

    The event: Object Created (EventBridge, Amazon S3 User Guide). It may come twice: its ID is what
    the run knows it by.
    """
    role = template.add_resource(
        service_role(
            "DataTriggerRole",
            "Lets data that arrives start the training workflow",
            "events",
            arn("events", "rule/${ProjectName}-data"),
            [start_training(training)],
        )
    )
    asked = {"trigger": {"kind": "data", "by": "s3://<bucket>/<key>", "id": "<event>"}}
    return template.add_resource(
        Rule(
            "DataTrigger",
            Name=Sub("${ProjectName}-data"),
            Description="A manifest in the data bucket starts the training workflow",
            EventPattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {
                    "bucket": {"name": [storage.data.ref()]},
                    "object": {"key": [MANIFEST, SUCCESS]},
                },
            },
            State="ENABLED",
            Targets=[
                Target(
                    Id="Training",
                    Arn=training.ref(),
                    RoleArn=role.get_att("Arn"),
                    DeadLetterConfig=undelivered.of_rule(),
                    InputTransformer=InputTransformer(
                        InputPathsMap={
                            "bucket": "$.detail.bucket.name",
                            "key": "$.detail.object.key",
                            "event": "$.id",
                        },
                        InputTemplate=pretty(asked),
                    ),
                )
            ],
        )
    )


def add_schedules(
    template: Template,
    parameters: Parameters,
    training: StateMachine,
    drift: StateMachine,
    undelivered: Undelivered,
) -> None:
    """A training, and a look for drift, when the parameters say so.

    Only cron: a rate begins with an invocation at once, so that creating a stack would train
    (Schedule types, EventBridge Scheduler User Guide). A firing that is delivered again has the
    same scheduled time, which is what the run knows it by (Context attributes, there).
    """
    _schedule(
        template,
        parameters,
        "Retraining",
        "Trains the last commit that passed the gate, with the data that is there",
        parameters.retrain_schedule,
        parameters.schedule_wanted,
        training,
        undelivered,
    )
    _schedule(
        template,
        parameters,
        "Drift",
        "Compares what was captured with what the model was made for",
        parameters.drift_schedule,
        parameters.drift_wanted,
        drift,
        undelivered,
    )


def _schedule(
    template: Template,
    parameters: Parameters,
    title: str,
    description: str,
    when: Parameter,
    condition: str,
    machine: StateMachine,
    undelivered: Undelivered,
) -> None:
    role = template.add_resource(
        service_role(
            f"{title}ScheduleRole",
            "Lets a schedule start a workflow",
            "scheduler",
            # The group is the source, not the schedule (Cross-service confused deputy prevention,
            # EventBridge Scheduler User Guide)
            arn("scheduler", "schedule-group/default"),
            [start_training(machine), undelivered.keep()],
            condition=condition,
        )
    )
    asked = {
        "trigger": {
            "kind": "schedule",
            "by": "<aws.scheduler.schedule-arn>",
            "id": "<aws.scheduler.scheduled-time>",
        }
    }
    template.add_resource(
        Schedule(
            f"{title}Timer",
            Condition=condition,
            Name=Sub(f"${{ProjectName}}-{title.lower()}"),
            Description=description,
            ScheduleExpression=when.ref(),
            ScheduleExpressionTimezone=parameters.schedule_timezone.ref(),
            FlexibleTimeWindow=FlexibleTimeWindow(Mode="OFF"),
            State="ENABLED",
            Target=ScheduleTarget(
                Arn=machine.ref(),
                RoleArn=role.get_att("Arn"),
                Input=pretty(asked),
                DeadLetterConfig=undelivered.of_schedule(),
            ),
        )
    )


def start_training(machine: StateMachine) -> Statement:
    return allow("StartRun", [states.StartExecution], [machine.ref()])
