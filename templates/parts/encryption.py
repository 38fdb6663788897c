"""One customer key for everything at rest, and the services that may use it without a role."""

from collections.abc import Sequence

from awacs import kms
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    AWSPrincipal,
    BoolIfExists,
    Condition,
    ConditionElement,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
)
from troposphere import Ref, Retain, RetainExceptOnCreate, Sub, Tags, Template
from troposphere.kms import Alias, Key

from templates.kit.iam import VERSION, arn


def add_key(template: Template) -> Key:
    """A rotating key. Losing it would lose every bucket, image and log."""
    key = template.add_resource(
        Key(
            "Key",
            DeletionPolicy=RetainExceptOnCreate,
            UpdateReplacePolicy=Retain,
            Description=Sub("Data, models, images, logs and messages of ${ProjectName}"),
            EnableKeyRotation=True,
            # Known by its tag to those who may make it without being administrators
            Tags=Tags(project=Ref("ProjectName")),
            KeyPolicy=PolicyDocument(
                Version=VERSION,
                Statement=[
                    _for_the_account(),
                    _for_logs(),
                    _for_events(),
                    _no_grants_to_others(),
                ],
            ),
        )
    )
    name = Sub("alias/${ProjectName}")
    template.add_resource(Alias("KeyAlias", AliasName=name, TargetKeyId=key.ref()))
    return key


def _for_the_account() -> Statement:
    """Leaves the decision to the account's IAM policies, as the default key policy does."""
    return Statement(
        Sid="LetIamDecide",
        Effect=Allow,
        Principal=AWSPrincipal(Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")),
        Action=[Action("kms", "*")],
        Resource=["*"],  # in a key policy "*" is this key
    )


def _for_logs() -> Statement:
    """CloudWatch Logs (Encrypt log data using KMS): all that its guide lists, which does not say
    what creating a log group needs.

    Delivered logs of workflows need no statement of their own: delivery.logs.amazonaws.com decrypts
    what a state machine with a customer key hands on (Data at rest encryption, Step Functions
    Developer Guide), and ours have none. With one, "Execution Input, Output, Error, and Cause will
    not be included" in the events that tell of a failed execution (the same page), and whoever
    looks at an execution needs the key.
    """
    listed = [
        kms.Encrypt,
        kms.ReEncryptFrom,
        kms.ReEncryptTo,
        kms.GenerateDataKeyWithoutPlaintext,
        kms.DescribeKey,
    ]
    groups = ArnLike("kms:EncryptionContext:aws:logs:arn", arn("logs", "log-group:*"))
    # A principal with the suffix of the partition, as the CDK has it (region-info)
    logs = Sub("logs.${AWS::Region}.${AWS::URLSuffix}")
    return _for_service("EncryptLogs", logs, groups, more=listed)


def _for_events() -> Statement:
    """EventBridge publishing to the encrypted topic.

    No condition: EventBridge sends no context on this path (Encrypting Amazon SNS topics with
    EventBridge sources, and "You can't use Condition blocks in Amazon SNS topic policies for
    EventBridge", EventBridge User Guide).
    """
    return _for_service("EncryptEvents", "events.amazonaws.com")


def _no_grants_to_others() -> Statement:
    """Nobody lends the key but to an AWS service, whatever a policy of the account allows: a grant
    outlasts the policy that let somebody create it (CT.KMS.PV.1, AWS Control Tower)."""
    return Statement(
        Sid="LendToServicesOnly",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[kms.CreateGrant],
        Resource=["*"],
        Condition=Condition([BoolIfExists("kms:GrantIsForAWSResource", "false")]),
    )


def _for_service(
    sid: str, service: object, *conditions: ConditionElement, more: Sequence[Action] = ()
) -> Statement:
    statement = Statement(
        Sid=sid,
        Effect=Allow,
        Principal=Principal("Service", service),
        Action=[kms.Decrypt, kms.GenerateDataKey, *more],
        Resource=["*"],
    )
    if conditions:
        statement.Condition = Condition(list(conditions))
    return statement
