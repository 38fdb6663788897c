"""python -m local.reclaim JOB: take a spot training job's instances away, as EC2 does unasked.

Only the local endpoint can; AWS takes back what it needs.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from local.server import RECLAIM

START = "start one in another terminal and `source .local/env` in this one"


def reclaim(job: str, seconds: float) -> str | None:
    """Ask the endpoint of the environment, with its keys; why not, or None if it is done."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if urlsplit(endpoint).hostname not in ("127.0.0.1", "localhost"):
        what = f"AWS_ENDPOINT_URL={endpoint} is not one" if endpoint else "this is AWS"
        return f"only a local endpoint can reclaim instances, and {what}: {START}"
    region, keys = os.environ.get("AWS_REGION"), boto3.Session().get_credentials()
    if not region or not keys:
        return f"the endpoint's region and keys are not in this shell: {START}"
    request = AWSRequest(
        "POST",
        endpoint.rstrip("/") + RECLAIM,
        headers={"Content-Type": "application/json"},
        data=json.dumps({"TrainingJobName": job, "Seconds": seconds}),
    )
    SigV4Auth(keys, "sagemaker", region).add_auth(request)
    try:
        answer = URLLib3Session(timeout=10).send(request.prepare())
        said = json.loads(answer.content)
    except BotoCoreError:
        return f"is the local endpoint running at {endpoint}? If not, {START}"
    except ValueError:
        return f"what answers at {endpoint} is not the local endpoint"
    return None if answer.status_code == 200 else str(said.get("message", said))


def duration(text: str) -> float:
    """Seconds, none or more. Raises ValueError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"'{text}' is no number of seconds: say 0 or more")
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.reclaim", description=__doc__)
    parser.add_argument("job", help="name of a training job on spot instances")
    parser.add_argument(
        "--for",
        dest="seconds",
        default="0",
        metavar="SECONDS",
        help="how long there is no capacity for new instances (default 0)",
    )
    options = parser.parse_args(argv)
    try:
        seconds = duration(options.seconds)
        why = reclaim(options.job, seconds)
    except ValueError as error:
        why = str(error)
    if why:
        print(f"Error: {why}", file=sys.stderr)
        return 2
    print(
        f"{options.job}: the instances are being taken away, 120 s after SIGTERM at the latest; "
        f"new ones come {f'{seconds:g} s later' if seconds else 'at once'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
