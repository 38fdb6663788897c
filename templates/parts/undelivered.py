"""What a rule or a schedule could not deliver: kept for two weeks, and told.

An event that starts nothing would be lost without a word: EventBridge tries for a day, and drops it
(Using dead-letter queues to process undelivered events, EventBridge User Guide). The queue has the
event, and why, in the attributes of its message.
"""

from dataclasses import dataclass

from awacs import sqs
from awacs.aws import (
    Allow,
    ArnLike,
    Bool,
    Condition,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
)
from troposphere import Sub, Template, scheduler
from troposphere.cloudwatch import Alarm, MetricDimension
from troposphere.events import DeadLetterConfig
from troposphere.sqs import Queue, QueuePolicy

from templates.kit.iam import VERSION, allow, arn

KEPT_SECONDS = 14 * 24 * 3600  # the longest (SetQueueAttributes, SQS API Reference)
PERIOD_SECONDS = 300


@dataclass(frozen=True)
class Undelivered:
    queue: Queue

    def of_rule(self) -> DeadLetterConfig:
        """For a target of a rule of this stack."""
        return DeadLetterConfig(Arn=self.queue.get_att("Arn"))

    def of_schedule(self) -> scheduler.DeadLetterConfig:
        """For the target of a schedule, whose role has to have the grant."""
        return scheduler.DeadLetterConfig(Arn=self.queue.get_att("Arn"))

    def keep(self) -> Statement:
        """Configuring a schedule's dead-letter queue (EventBridge Scheduler User Guide)."""
        return allow("KeepUndelivered", [sqs.SendMessage], [self.queue.get_att("Arn")])


def add_undelivered(template: Template) -> Undelivered:
    """SSE-SQS: with a key of the stack's, its policy would have to name EventBridge, for events
    that hold names and addresses only."""
    queue = template.add_resource(
        Queue(
            "UndeliveredEvents",
            QueueName=Sub("${ProjectName}-undelivered"),
            MessageRetentionPeriod=KEPT_SECONDS,
            SqsManagedSseEnabled=True,
        )
    )
    send = [sqs.SendMessage]
    template.add_resource(
        QueuePolicy(
            "UndeliveredEventsPolicy",
            Queues=[queue.ref()],
            PolicyDocument=PolicyDocument(
                Version=VERSION,
                Statement=[
                    Statement(
                        Sid="KeepEvents",
                        Effect=Allow,
                        Principal=Principal("Service", "events.amazonaws.com"),
                        Action=send,
                        Resource=[queue.get_att("Arn")],
                        Condition=Condition(
                            [ArnLike("aws:SourceArn", arn("events", "rule/${ProjectName}-*"))]
                        ),
                    ),
                    Statement(
                        Sid="DenyWithoutTls",
                        Effect=Deny,
                        Principal=Principal("*"),
                        Action=send,
                        Resource=[queue.get_att("Arn")],
                        Condition=Condition([Bool("aws:SecureTransport", "false")]),
                    ),
                ],
            ),
        )
    )
    return Undelivered(queue)


def add_undelivered_alarm(template: Template, undelivered: Undelivered) -> Alarm:
    """Rings while something lies there (Available CloudWatch metrics for Amazon SQS, SQS Developer
    Guide)."""
    return template.add_resource(
        Alarm(
            "UndeliveredAlarm",
            AlarmName=Sub("${ProjectName}-undelivered"),
            AlarmDescription=Sub(
                "An event started nothing: the queue ${ProjectName}-undelivered says why. Mend "
                "that, and do by hand what it was to do (make train)"
            ),
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[
                MetricDimension(Name="QueueName", Value=undelivered.queue.get_att("QueueName"))
            ],
            Period=PERIOD_SECONDS,
            Statistic="Maximum",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            Threshold=1,
            EvaluationPeriods=1,
            DatapointsToAlarm=1,
            TreatMissingData="notBreaching",
        )
    )
