"""Where and as what the endpoint runs: one account, one region, one state folder; its services."""

from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "111122223333"
# Services, by the name that signs their requests; those that are GLOBAL may be signed for the
# partition's first region. MOTO does these well enough to be of use, others it would only pretend
GLOBAL = {"iam", "s3", "sts"}
MOTO = GLOBAL | {"ecr", "kms", "logs", "sns", "sqs", "ssm"}
OURS = {
    "application-autoscaling",
    "cloudformation",
    "codebuild",
    "codecommit",
    "codepipeline",
    "events",
    "monitoring",
    "sagemaker",
    "scheduler",
    "states",
}
SERVED = MOTO | OURS
MAX_BODY = 2 * 1024**3  # bytes of a request


@dataclass(frozen=True)
class Context:
    region: str
    port: int
    home: Path
    account: str = ACCOUNT

    @property
    def partition(self) -> str:
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def url_suffix(self) -> str:
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arn(self, service: str, resource: str) -> str:
        """ARN of a resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


_current: Context | None = None


def use(context: Context) -> None:
    """Make `context` the one this process serves."""
    global _current
    _current = context


def current() -> Context:
    """The context in use; RuntimeError before the endpoint has started."""
    if _current is None:
        raise RuntimeError("the local endpoint has not been started")
    return _current
