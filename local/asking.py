"""What the endpoint's own commands have in common: they ask the endpoint of the environment."""

import json
import os
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

SIGNED_AS = "sagemaker"  # any service's signature shows who asks
START = "start one in another terminal and `source .local/env` in this one"


def ask(path: str, document: dict[str, Any], deed: str, seconds: int = 10) -> str | None:
    """POST the document with the keys of the environment; why not, or None if it is done.

    `deed` is what only a local endpoint can do, in words.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if urlsplit(endpoint).hostname not in ("127.0.0.1", "localhost"):
        what = f"AWS_ENDPOINT_URL={endpoint} is not one" if endpoint else "this is AWS"
        return f"only a local endpoint can {deed}, and {what}: {START}"
    region, keys = os.environ.get("AWS_REGION"), boto3.Session().get_credentials()
    if not region or not keys:
        return f"the endpoint's region and keys are not in this shell: {START}"
    request = AWSRequest(
        "POST",
        endpoint.rstrip("/") + path,
        headers={"Content-Type": "application/json"},
        data=json.dumps(document),
    )
    SigV4Auth(keys, SIGNED_AS, region).add_auth(request)
    try:
        answer = URLLib3Session(timeout=seconds).send(request.prepare())
        said = json.loads(answer.content)
    except BotoCoreError:
        return f"is the local endpoint running at {endpoint}? If not, {START}"
    except ValueError:
        return f"what answers at {endpoint} is not the local endpoint"
    return None if answer.status_code == 200 else str(said.get("message", said))
