"""The shape of every policy: a statement says its intent in its Sid, a role trusts one service
from this account only."""

from collections.abc import Iterable
from typing import TypeAlias

from awacs import sts
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Condition,
    ConditionElement,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
    StringEqualsIfExists,
)
from troposphere import AccountId, AWSHelperFn, If, NoValue, Ref, Sub, encode_to_dict
from troposphere.iam import Policy, Role
from troposphere.s3 import Bucket

from templates.parameters import BOUNDED

Resource: TypeAlias = str | AWSHelperFn
VERSION = "2012-10-17"


def allow(
    sid: str,
    actions: Iterable[Action],
    resources: Iterable[Resource],
    *conditions: ConditionElement,
) -> Statement:
    """An identity statement; conditions are joined by AND."""
    statement = Statement(Sid=sid, Effect=Allow, Action=list(actions), Resource=list(resources))
    if conditions:
        statement.Condition = Condition(list(conditions))
    return statement


def arn(service: str, resource: str, **values: object) -> Sub:
    """An ARN of this stack's partition, region and account; `values` fill further ${tokens} of
    `resource`."""
    return Sub(
        f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}",
        **values,
    )


def trust(service: str, source_arn: Resource | None) -> PolicyDocument:
    """Who may assume the role: one service, for this account, and where the service is documented
    to send it, for one resource.

    The confused deputy problem (IAM User Guide). CodePipeline documents neither key (Create the
    CodePipeline service role), and creating a pipeline fails where its role cannot be assumed: its
    caller passes None, so that the account is checked if it is sent. A role of another account
    cannot be given to a pipeline in any case.
    """
    if source_arn is None:
        conditions: list[ConditionElement] = [StringEqualsIfExists("aws:SourceAccount", AccountId)]
    else:
        account = StringEquals("aws:SourceAccount", AccountId)
        conditions = [account, ArnLike("aws:SourceArn", source_arn)]
    return PolicyDocument(
        Version=VERSION,
        Statement=[
            Statement(
                Effect=Allow,
                Principal=Principal("Service", f"{service}.amazonaws.com"),
                Action=[sts.AssumeRole],
                Condition=Condition(conditions),
            )
        ],
    )


def service_role(
    title: str,
    description: str,
    service: str,
    source_arn: Resource | None,
    grants: Iterable[Statement],
    condition: str | None = None,
    more: Iterable[If] = (),
) -> Role:
    """A role that is the sum of `grants`. `more` are policies that depend on a condition."""
    made = Role(
        title,
        Description=description,
        AssumeRolePolicyDocument=trust(service, source_arn),
        PermissionsBoundary=If(BOUNDED, Ref("PermissionsBoundary"), NoValue),
        Policies=[policy("Work", grants), *more],
    )
    if condition:
        made.Condition = condition
    return made


def policy(name: str, grants: Iterable[Statement]) -> Policy:
    """Each grant once, in order; refuses one Sid with two meanings."""
    by_sid: dict[str, Statement] = {}
    for grant in grants:
        known = by_sid.setdefault(grant.Sid, grant)
        if known is not grant and encode_to_dict(known) != encode_to_dict(grant):
            raise ValueError(f"two different grants are called {grant.Sid}")
    statements = list(by_sid.values())
    return Policy(
        PolicyName=name, PolicyDocument=PolicyDocument(Version=VERSION, Statement=statements)
    )


def objects(bucket: Bucket, prefix: str = "") -> Sub:
    """The ARN pattern of a bucket's objects under a prefix (`models/`)."""
    return Sub(f"${{{bucket.title}.Arn}}/{prefix}*")


def via(service: str) -> Sub:
    """A value of kms:ViaService: `s3.eu-west-1.amazonaws.com`, `s3.cn-north-1.amazonaws.com`.

    No AWS::URLSuffix: "Use the .amazonaws.com suffix of the AWS KMS ViaService name in all AWS
    partitions" (AWS KMS condition keys, KMS Developer Guide).
    """
    return Sub(f"{service}.${{AWS::Region}}.amazonaws.com")
