"""The resource types that the local endpoint can make."""

from functools import partial

from local.cfn.bundled import bundled
from local.cfn.handler import Registry
from local.cfn.types import (
    cloudwatch,
    codebuild,
    codecommit,
    codepipeline,
    ecr,
    events,
    iam,
    kms,
    logs,
    s3,
    sns,
    ssm,
    stepfunctions,
)

MODULES = (
    cloudwatch, codebuild, codecommit, codepipeline, ecr, events, iam, kms, logs, s3, sns, ssm,
    stepfunctions,
)  # fmt: skip


def registry(region: str) -> Registry:
    """Our handlers over what AWS offers in `region`."""
    handlers = {name: one for module in MODULES for name, one in module.HANDLERS.items()}
    return Registry(handlers, partial(bundled, region))
