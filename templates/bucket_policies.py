"""Who may reach a bucket at all: nobody without TLS; S3 itself, to deliver access logs."""

from awacs import s3
from awacs.aws import (
    Action,
    Allow,
    ArnLike,
    Bool,
    Condition,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
)
from troposphere import AccountId, Sub
from troposphere.s3 import Bucket, BucketPolicy

from templates.iam import VERSION, objects


def bucket_policy(bucket: Bucket, *allowed: Statement) -> BucketPolicy:
    """The policy of one bucket: what is allowed to others, and TLS for everybody."""
    everything = [bucket.get_att("Arn"), objects(bucket)]
    tls_only = Statement(
        Sid="DenyWithoutTls",
        Effect=Deny,
        Principal=Principal("*"),
        Action=[Action("s3", "*")],
        Resource=everything,
        Condition=Condition([Bool("aws:SecureTransport", "false")]),
    )
    return BucketPolicy(
        f"{bucket.title}Policy",
        Bucket=bucket.ref(),
        PolicyDocument=PolicyDocument(Version=VERSION, Statement=[*allowed, tls_only]),
    )


def log_delivery(logs: Bucket, sources: list[str]) -> list[Statement]:
    """Let S3 write the access logs of `sources` (Enabling Amazon S3 server access logging)."""
    return [
        Statement(
            Sid=f"LogAccessTo{source}",
            Effect=Allow,
            Principal=Principal("Service", "logging.s3.amazonaws.com"),
            Action=[s3.PutObject],
            Resource=[objects(logs, f"{source}/")],
            Condition=Condition(
                [
                    StringEquals("aws:SourceAccount", AccountId),
                    # A pattern, as naming the bucket here would be circular
                    ArnLike("aws:SourceArn", Sub("arn:${AWS::Partition}:s3:::*")),
                ]
            ),
        )
        for source in sources
    ]
