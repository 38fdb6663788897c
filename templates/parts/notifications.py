"""Who hears of a failure: an encrypted topic, and one subscription if an address was given."""

from dataclasses import dataclass

from awacs import sns
from awacs.aws import Allow, Bool, Condition, Deny, PolicyDocument, Principal, Statement
from troposphere import Template
from troposphere.events import InputTransformer, Rule, Target
from troposphere.kms import Key
from troposphere.sns import SubscriptionResource, Topic, TopicPolicy

from templates.kit.iam import VERSION
from templates.parameters import Parameters


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
    template: Template, parameters: Parameters, notifications: Notifications, stages: list[str]
) -> Rule:
    """Tell of the stages that do not tell of their own failures, as the workflow does.

    CodePipeline events (Monitoring CodePipeline events).
    """
    return template.add_resource(
        Rule(
            "StageAlert",
            Description="A stage failed that does not tell of it itself",
            EventPattern={
                "source": ["aws.codepipeline"],
                "detail-type": ["CodePipeline Stage Execution State Change"],
                "detail": {
                    "pipeline": [parameters.project_name.ref()],
                    "stage": stages,
                    "state": ["FAILED"],
                },
            },
            State="ENABLED",
            Targets=[
                Target(
                    Id="Topic",
                    Arn=notifications.topic.ref(),
                    InputTransformer=InputTransformer(
                        InputPathsMap={
                            "pipeline": "$.detail.pipeline",
                            "stage": "$.detail.stage",
                            "execution": "$.detail.execution-id",
                        },
                        InputTemplate='"<pipeline>: stage <stage> failed (execution <execution>)"',
                    ),
                )
            ],
        )
    )
