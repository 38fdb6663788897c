"""The bootstrap bucket, from which a stack is created: whose it is, and what lies where in it."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import ClientError

from scripts.lib.problems import Problem, error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TEMPLATE = Path("build/mlops.yaml")
CODE, SEED = "seed/code.zip", "seed/data/"


def bootstrap_name(stack: str) -> str:
    """The stack of the bucket that must exist before everything else."""
    return f"{stack}-bootstrap"


def read_template(path: Path) -> str:
    """The generated template's text."""
    if not path.is_file():
        raise Problem(f"{path} is missing: run `make generate`")
    return path.read_text(encoding="utf-8")


def template_key(template: str) -> str:
    """An S3 key that changes with the content, so that a launch link never changes its meaning."""
    return f"templates/{hashlib.sha256(template.encode()).hexdigest()[:16]}.yaml"


def template_url(bucket: str, key: str, region: str, partition: str) -> str:
    """The S3 address that CloudFormation reads a template from."""
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://{bucket}.s3.{region}.{suffix}/{quote(key)}"


def metadata(s3: "S3Client", bucket: str, key: str) -> dict[str, str] | None:
    """What is noted of the object under a key, or None where there is none."""
    try:
        return s3.head_object(Bucket=bucket, Key=key).get("Metadata", {})
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchKey", "NotFound"):
            return None
        raise
