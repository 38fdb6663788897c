"""Who is asking, and where: the options that say so, and the AWS clients that follow from them."""

import argparse
import difflib
import os
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import NoCredentialsError, PartialCredentialsError, ProfileNotFound

from scripts.lib.problems import USAGE, Problem, wrapped
from scripts.lib.refusals import LOCAL, explain

if TYPE_CHECKING:
    from botocore.config import _RetryDict
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_codebuild import CodeBuildClient
    from mypy_boto3_codecommit import CodeCommitClient
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_sts import STSClient


# How often a call is tried. Who calls a lot at once goes more slowly after a refusal, in all
# threads of a client (boto3 guide, "Retries", adaptive mode): of some calls, as DeleteLogStream, an
# account may have no more than five a second (CloudWatch Logs quotas)
FEW: "_RetryDict" = {"mode": "standard", "total_max_attempts": 5}
PATIENT: "_RetryDict" = {"mode": "adaptive", "total_max_attempts": 10}


def add_session_arguments(parser: argparse.ArgumentParser) -> None:
    """The three arguments that every script shares."""
    parser.add_argument(
        "--stack",
        default="mlops",
        action=Matching,
        # It leaves room for `-bootstrap` (AWS: CreateChangeSet, StackName)
        pattern=r"[A-Za-z][A-Za-z0-9-]{0,117}",
        problem="is no stack name: a letter first, then letters, digits or hyphens, at most 118 "
        "characters",
        help="stack name (mlops)",
    )
    parser.add_argument("--region", help="AWS region (default: the environment's or the profile's)")
    parser.add_argument("--profile", help="profile in ~/.aws/config (default: the environment's)")


def add_role_argument(parser: argparse.ArgumentParser) -> None:
    """The role for commands that change stacks."""
    parser.add_argument(
        "--role",
        default="",
        action=Matching,
        pattern=r"(arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+)?",
        problem="is no role: pass the ARN that the deployer stack has as output, "
        "arn:aws:iam::<account>:role/<name>",
        metavar="ARN",
        help="what CloudFormation works with, from now on (default: you)",
    )


class Matching(argparse.Action):
    """Takes a text that matches; of another it tells, by the name that make gives it, the problem.

    Not by parser.error: how a script is called says nothing to whoever typed STACK=.
    """

    def __init__(self, *, pattern: str, problem: str, **rest: Any) -> None:
        super().__init__(**rest)
        self._pattern, self._problem = pattern, problem

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, text: Any, _: Any = ""
    ) -> None:
        if not re.fullmatch(self._pattern, text):
            told = f"Error: {self.dest.upper()}={text} {self._problem}"
            parser.exit(USAGE, wrapped(told) + "\n")
        setattr(namespace, self.dest, text)


def connect(region: str | None, profile: str | None, retries: "_RetryDict" = FEW) -> "Clients":
    """Clients that are known to work: region, partition, credentials and endpoint are checked."""
    try:
        # boto3 by itself reads only AWS_DEFAULT_REGION; the CLI and the other SDKs read this one
        asked = region or os.environ.get("AWS_REGION")
        session = boto3.Session(profile_name=profile or None, region_name=asked or None)
    except ProfileNotFound:
        name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
        raise Problem(f"profile {name!r} is not in ~/.aws/config: pass PROFILE=<name>") from None
    chosen = session.region_name
    if not chosen:
        raise Problem(without_region(session))
    check_region(session, chosen)
    config = Config(retries=retries, connect_timeout=10, read_timeout=60)
    clients = Clients(session, config)
    try:
        clients.sts.get_caller_identity()
    except (NoCredentialsError, PartialCredentialsError):
        raise Problem(
            "no AWS credentials: run `aws configure` or `aws sso login`, or pass PROFILE=<name>; "
            f"or, for the local endpoint, {LOCAL}"
        ) from None
    # Of any kind: botocore hands on what a value of the settings makes its parts raise
    except Exception as error:
        where = f" in {clients.region} (partition {clients.partition})"
        if profile:
            where += f" with profile {profile}"
        raise Problem(explain(error, where)) from None
    return clients


def without_region(session: boto3.Session) -> str:
    """What to do without a region, and without credentials where these lack too."""
    if session.get_credentials():
        lacking = "no region: pass REGION=<region> or set AWS_REGION"
    else:
        lacking = (
            "no region and no AWS credentials: run `aws configure`, or pass REGION=<region> and "
            "PROFILE=<name>"
        )
    return f"{lacking}; or, for the local endpoint, {LOCAL}"


def check_region(session: boto3.Session, region: str) -> None:
    """Refuse a region that AWS does not have before anything tries to reach it."""
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("cloudformation", partition)
    ]
    if region not in known:
        near = difflib.get_close_matches(region, known, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "pass one such as REGION=eu-west-1"
        raise Problem(f"region {region!r} is unknown: {hint}")


class Clients:
    """One session's clients, each made when it is first needed.

    The endpoint (AWS or AWS_ENDPOINT_URL) is boto3's business.
    """

    def __init__(self, session: boto3.Session, config: Config | None = None) -> None:
        self._session, self._config = session, config

    def make(self, *services: str) -> None:
        """Before several threads ask for them: a session makes one client at a time (boto3 guide,
        "Multithreading or multiprocessing with clients")."""
        for service in services:
            getattr(self, service)

    @property
    def region(self) -> str:
        return self._session.region_name

    @property
    def partition(self) -> str:
        """aws, aws-cn, aws-us-gov, by the region."""
        return self._session.get_partition_for_region(self.region)

    @cached_property
    def application_autoscaling(self) -> Any:  # the environment holds no stubs of this service
        return self._session.client("application-autoscaling", config=self._config)

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return self._session.client("cloudformation", config=self._config)

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        return self._session.client("cloudwatch", config=self._config)

    @cached_property
    def codebuild(self) -> "CodeBuildClient":
        return self._session.client("codebuild", config=self._config)

    @cached_property
    def codecommit(self) -> "CodeCommitClient":
        return self._session.client("codecommit", config=self._config)

    @cached_property
    def codepipeline(self) -> "CodePipelineClient":
        return self._session.client("codepipeline", config=self._config)

    @cached_property
    def ecr(self) -> "ECRClient":
        return self._session.client("ecr", config=self._config)

    @cached_property
    def kms(self) -> "KMSClient":
        return self._session.client("kms", config=self._config)

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        return self._session.client("logs", config=self._config)

    @cached_property
    def pricing(self) -> Any:
        """Prices of all regions are asked in few: three, and one for China (AWS Price List API
        endpoints). The environment holds no stubs of this service."""
        where = {"aws-cn": "cn-northwest-1"}.get(self.partition, "us-east-1")
        if self.partition == "aws" and self.region.startswith(("eu-", "ap-")):
            where = "eu-central-1" if self.region.startswith("eu-") else "ap-south-1"
        return self._session.client("pricing", region_name=where, config=self._config)

    @cached_property
    def s3(self) -> "S3Client":
        return self._session.client("s3", config=self._config)

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        return self._session.client("sagemaker", config=self._config)

    @cached_property
    def sagemaker_runtime(self) -> "SageMakerRuntimeClient":
        return self._session.client("sagemaker-runtime", config=self._config)

    @cached_property
    def stepfunctions(self) -> "SFNClient":
        return self._session.client("stepfunctions", config=self._config)

    @cached_property
    def sts(self) -> "STSClient":
        return self._session.client("sts", config=self._config)
