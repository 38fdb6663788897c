"""python -m local.reclaim JOB: take a spot training job's instances away, as EC2 does unasked.

Only the local endpoint can; AWS takes back what it needs.
"""

import argparse
import sys
from collections.abc import Sequence

from local.asking import ask
from local.server import RECLAIM


def reclaim(job: str, seconds: float) -> str | None:
    """Ask the endpoint of the environment, with its keys; why not, or None if it is done."""
    wanted = {"TrainingJobName": job, "Seconds": seconds}
    return ask(RECLAIM, wanted, "reclaim instances")


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
