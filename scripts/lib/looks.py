"""What looks for drift have found."""

from typing import Any

from botocore.exceptions import ClientError

from scripts.lib import workflow
from scripts.lib.problems import is_gone
from scripts.lib.session import Clients

LAST, LONGEST = "drift/last.json", 64 * 1024


def found(clients: Clients, execution: str, status: str) -> str:
    """What a look says that it has found, or why it failed."""
    if status == "RUNNING":
        return f"Now: {workflow.where(clients, execution)}"
    if status != "SUCCEEDED":
        return str(workflow.failure(clients.stepfunctions, execution))
    answer = clients.stepfunctions.describe_execution(executionArn=execution)
    said = str(workflow.parsed(answer.get("output", "")).get("found", ""))
    return f"{said[:1].upper()}{said[1:]}."


def compared(clients: Clients, bucket: str) -> dict[str, Any]:
    """What the last comparison has left; nothing where there was none."""
    try:
        answer = clients.s3.get_object(Bucket=bucket, Key=LAST)
    except ClientError as error:
        if is_gone(error):
            return {}
        raise
    return workflow.parsed(answer["Body"].read(LONGEST).decode(errors="replace"))
