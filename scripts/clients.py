"""The AWS clients that scripts hand to functions, each made when it is first needed."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
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


class Clients:
    """One session's clients; the endpoint (AWS or AWS_ENDPOINT_URL) is boto3's business."""

    def __init__(self, session: boto3.Session, region: str, config: Config | None = None) -> None:
        self._session, self._config, self.region = session, config, region

    @property
    def partition(self) -> str:
        """aws, aws-cn, aws-us-gov, by the region."""
        return self._session.get_partition_for_region(self.region)

    def _client(self, service: str, **more: Any) -> Any:
        # The overloads of boto3-stubs want a literal name
        make: Any = self._session.client
        return make(service, region_name=self.region, config=self._config, **more)

    @cached_property
    def application_autoscaling(self) -> Any:
        return self._client("application-autoscaling")

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        return self._client("cloudformation")

    @cached_property
    def codebuild(self) -> "CodeBuildClient":
        return self._client("codebuild")

    @cached_property
    def codecommit(self) -> "CodeCommitClient":
        return self._client("codecommit")

    @cached_property
    def codepipeline(self) -> "CodePipelineClient":
        return self._client("codepipeline")

    @cached_property
    def ecr(self) -> "ECRClient":
        return self._client("ecr")

    @cached_property
    def kms(self) -> "KMSClient":
        return self._client("kms")

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        return self._client("logs")

    @cached_property
    def s3(self) -> "S3Client":
        return self._client("s3")

    @cached_property
    def sagemaker(self) -> "SageMakerClient":
        return self._client("sagemaker")

    @cached_property
    def sagemaker_runtime(self) -> "SageMakerRuntimeClient":
        return self._client("sagemaker-runtime")

    @cached_property
    def stepfunctions(self) -> "SFNClient":
        return self._client("stepfunctions")

    @cached_property
    def sts(self) -> "STSClient":
        return self._client("sts")
