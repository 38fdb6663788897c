"""Who hears of a failure: an encrypted topic, and one subscription if an address was given.

A workflow tells of its own failures, in a person's words (workflows/failure.py). What it cannot
tell, because it was stopped, broke or never began, the rules below do.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from awacs import sns
from awacs.aws import Allow, Bool, Condition, Deny, PolicyDocument, Principal, Statement
from troposphere import Sub, Template
from troposphere.cloudwatch import Alarm
from troposphere.codebuild import Project
from troposphere.events import InputTransformer, Rule, Target
from troposphere.kms import Key
from troposphere.sns import SubscriptionResource, Topic, TopicPolicy
from troposphere.stepfunctions import StateMachine

from templates.kit.console import EXECUTIONS, console_page
from templates.kit.iam import VERSION
from templates.kit.names import version_prefix
from templates.parameters import Parameters

# The error of a workflow that failed and whose notice failed too
NOT_TOLD = "NotTold"


@dataclass(frozen=True)
class Notifications:
    topic: Topic


def add_notifications(template: Template, parameters: Parameters, key: Key) -> Notifications:
    """The topic that workflows and the pipeline publish to."""
    topic = template.add_resource(Topic("NotificationTopic", KmsMasterKeyId=key.get_att("Arn")))
    template.add_resource(
        TopicPolicy(
            "NotificationTopicPolicy",
            Topics=[topic.ref()],
            PolicyDocument=PolicyDocument(
                Version=VERSION,
                Statement=[
                    # No condition: EventBridge sends no context here (see encryption.py)
                    Statement(
                        Sid="PublishEvents",
                        Effect=Allow,
                        Principal=Principal("Service", "events.amazonaws.com"),
                        Action=[sns.Publish],
                        Resource=[topic.ref()],
                    ),
                    Statement(
                        Sid="DenyWithoutTls",
                        Effect=Deny,
                        Principal=Principal("*"),
                        Action=[sns.Publish],
                        Resource=[topic.ref()],
                        Condition=Condition([Bool("aws:SecureTransport", "false")]),
                    ),
                ],
            ),
        )
    )
    template.add_resource(
        SubscriptionResource(
            "NotificationSubscription",
            Condition=parameters.email_wanted,
            Protocol="email",
            Endpoint=parameters.notification_email.ref(),
            TopicArn=topic.ref(),
        )
    )
    return Notifications(topic=topic)


def add_stage_alert(
    template: Template,
    parameters: Parameters,
    notifications: Notifications,
    silent: Sequence[str],
    telling: Sequence[str],
) -> Rule:
    """Tell of the stages that do not tell of their own failures, and of the others where what they
    run did not begin: then the action names no execution (Monitoring CodePipeline events)."""
    never_began = {"execution-result": {"external-execution-id": [{"exists": False}]}}
    return _alert(
        template,
        notifications,
        "StageAlert",
        "A stage failed that does not tell of it itself",
        "aws.codepipeline",
        "CodePipeline Action Execution State Change",
        {
            "pipeline": [parameters.project_name.ref()],
            "state": ["FAILED"],
            "$or": [{"stage": list(silent)}, {"stage": list(telling), **never_began}],
        },
        what="<pipeline>: stage <stage> failed (execution <execution>)",
        paths={"pipeline": "pipeline", "stage": "stage", "execution": "execution-id"},
        look=console_page(
            "/codesuite/codepipeline/pipelines/<pipeline>/executions/<execution>/timeline"
            "?region=${AWS::Region}"
        ),
        details="the execution-result says why; the page names the commit",
    )


def add_workflow_alert(
    template: Template, notifications: Notifications, machines: Sequence[StateMachine]
) -> Rule:
    """Tell of executions that ended without telling it themselves.

    That is known by how one ended. A story that fails has told, and gives an error of its own.
    Whatever nothing catches has a name that begins with `States.`, which a story may not give
    (Error representation, Amazon States Language); one that was stopped or timed out got no chance.
    One whose notice failed says so by its error. An event without an error is told too: twice is
    better than never. A deployment that a training started is left to that, which hears of its end
    and tells it (hand_over.py), or is told of. It is known by its name, which is that of a version:
    its input may be copied by a person who goes back.

    The event: Step Functions Execution Status Change (EventBridge Events Reference).
    """
    return _alert(
        template,
        notifications,
        "WorkflowAlert",
        "A workflow ended and could not tell why itself",
        "aws.states",
        "Step Functions Execution Status Change",
        {
            "stateMachineArn": [machine.ref() for machine in machines],
            "name": [{"anything-but": {"prefix": version_prefix()}}],
            "$or": [
                {"status": ["TIMED_OUT", "ABORTED"]},
                {
                    "status": ["FAILED"],
                    "error": [{"prefix": "States."}, NOT_TOLD, {"exists": False}],
                },
            ],
        },
        what="${ProjectName}: a workflow ended as <status> and could not tell why (<execution>)",
        paths={"status": "status", "execution": "executionArn"},
        look=console_page(f"{EXECUTIONS}<execution>"),
        details="error and cause say why; the input names the commit",
    )


def add_start_alert(
    template: Template, notifications: Notifications, project: Project, condition: str
) -> Rule:
    """Tell where the build that starts the workflow failed before it had: in China the action names
    the build, whether a workflow began or not. What fails in the phase BUILD is the workflow (Build
    notifications input format reference, CodeBuild User Guide)."""
    rule = _alert(
        template,
        notifications,
        "StartAlert",
        "The training workflow could not be started",
        "aws.codebuild",
        "CodeBuild Build Phase Change",
        {
            "project-name": [project.ref()],
            "$or": [
                {
                    "completed-phase": [{"anything-but": ["BUILD", "COMPLETED"]}],
                    "completed-phase-status": [{"anything-but": ["SUCCEEDED"]}],
                },
                {"completed-phase": ["BUILD"], "completed-phase-status": ["FAULT"]},
            ],
        },
        what="${ProjectName}: stage Train ended as <status> in its phase <phase> (<build>)",
        paths={
            "status": "completed-phase-status",
            "phase": "completed-phase",
            "build": "build-id",
        },
        look=console_page(
            "/codesuite/codebuild/projects/${Project}/history?region=${AWS::Region}",
            Project=project.ref(),
        ),
        details="completed-phase-context says why; the execution of the pipeline names the commit",
    )
    rule.Condition = condition
    return rule


def add_alarm_alert(
    template: Template, notifications: Notifications, alarms: Sequence[Alarm]
) -> Rule:
    """Tell where an alarm begins to ring, and what it says is to be done (Alarm events and
    EventBridge, CloudWatch User Guide). While a version is rolled out, its deployment tells too."""
    return _alert(
        template,
        notifications,
        "AlarmAlert",
        "An alarm began to ring",
        "aws.cloudwatch",
        "CloudWatch Alarm State Change",
        {"alarmName": [each.AlarmName for each in alarms], "state": {"value": ["ALARM"]}},
        what="<alarm> rings: <todo>",
        paths={"alarm": "alarmName", "todo": "configuration.description"},
        look=console_page("/cloudwatch/home?region=${AWS::Region}#alarmsV2:alarm/<alarm>"),
        details="state.reason says which values rang it",
    )


def _alert(
    template: Template,
    notifications: Notifications,
    title: str,
    description: str,
    source: str,
    kind: str,
    detail: dict[str, object],
    *,
    what: str,
    paths: dict[str, str],
    look: Sub,
    details: str,
) -> Rule:
    """Tell the topic what happened and where to look. The reasons come as the event has them: a
    template escapes nothing, and what stands in quotation marks may hold none (Amazon EventBridge
    input transformation)."""
    text = f"""{{
  "what": "{what}",
  "look at": "${{Look}}",
  "or run": "make status STACK=${{AWS::StackName}} REGION=${{AWS::Region}}",
  "details ({details})": <detail>
}}"""
    return template.add_resource(
        Rule(
            title,
            Description=description,
            EventPattern={"source": [source], "detail-type": [kind], "detail": detail},
            State="ENABLED",
            Targets=[
                Target(
                    Id="Topic",
                    Arn=notifications.topic.ref(),
                    InputTransformer=InputTransformer(
                        InputPathsMap={
                            **{name: f"$.detail.{path}" for name, path in paths.items()},
                            "detail": "$.detail",
                        },
                        InputTemplate=Sub(text, Look=look),
                    ),
                )
            ],
        )
    )
