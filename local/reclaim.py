"""python -m local.reclaim JOB: take a spot training job's instances away, as EC2 does unasked.

Only the local endpoint can; AWS takes back what it needs.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from local.server import RECLAIM
from scripts.session import LOCAL, Problem, connect, guarded, overridden


def reclaim(job: str, seconds: float) -> int:
    """Ask the endpoint of the environment, with its credentials. Raises Problem."""
    endpoint = overridden()
    if urlsplit(endpoint).hostname not in ("127.0.0.1", "localhost"):
        what = f"AWS_ENDPOINT_URL={endpoint} is not one" if endpoint else "this is AWS"
        raise Problem(f"only a local endpoint can reclaim instances, and {what}: {LOCAL}")
    region = connect(None, None).region
    request = AWSRequest(
        "POST",
        endpoint.rstrip("/") + RECLAIM,
        headers={"Content-Type": "application/json"},
        data=json.dumps({"TrainingJobName": job, "Seconds": seconds}),
    )
    credentials = boto3.Session().get_credentials()
    assert credentials  # `connect` has used them
    SigV4Auth(credentials, "sagemaker", region).add_auth(request)
    answer = URLLib3Session(timeout=10).send(request.prepare())
    try:
        said = json.loads(answer.content)
    except ValueError:
        raise Problem(f"what answers at {endpoint} is not the local endpoint") from None
    if answer.status_code != 200:
        raise Problem(str(said.get("message", said)))
    print(
        f"{job}: the instances are being taken away, 120 s after SIGTERM at the latest; new ones "
        + (f"come {seconds:g} s later" if seconds else "come at once")
    )
    return 0


def duration(text: str) -> float:
    """Seconds, none or more."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.reclaim", description=__doc__)
    parser.add_argument("job", help="name of a training job on spot instances")
    parser.add_argument(
        "--for",
        dest="seconds",
        type=duration,
        default=0.0,
        metavar="SECONDS",
        help="how long there is no capacity for new instances (default 0)",
    )
    options = parser.parse_args(argv)
    return guarded(lambda: reclaim(options.job, options.seconds), "The job goes on.")


if __name__ == "__main__":
    sys.exit(main())
