"""Addresses of AWS that differ between partitions."""

from urllib.parse import quote

CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}


def template_url(bucket: str, key: str, region: str, partition: str) -> str:
    """The S3 address that CloudFormation reads a template from."""
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    return f"https://{bucket}.s3.{region}.{suffix}/{quote(key)}"


def quick_create(
    template: str, stack: str, region: str, partition: str, parameters: dict[str, str]
) -> str:
    """A launch link with the form filled in (AWS: Create quick-create links for stacks)."""
    query = {"templateURL": template, "stackName": stack}
    query |= {f"param_{name}": value for name, value in parameters.items()}
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    console = CONSOLES.get(partition, "console.aws.amazon.com")
    home = f"https://{region}.{console}/cloudformation/home?region={region}"
    return f"{home}#/stacks/create/review?{pairs}"
