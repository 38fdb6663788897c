"""python -m local.throttle SERVICE[:OPERATION]: refuse calls that come too fast, as AWS does when
an account makes too many.

Only the local endpoint can be told to; the limits of AWS are its own.
"""

import argparse
import sys
from collections.abc import Sequence

from local.asking import ask
from local.server import THROTTLE


def throttle(calls: str, rate: float | None) -> str | None:
    """Ask the endpoint of the environment; why not, or None if it is done."""
    return ask(THROTTLE, {"Calls": calls, "Rate": rate}, "be told to throttle")


def _rate(text: str) -> float:
    """Calls each second, none or more."""
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of calls each second")
    return rate


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.throttle", description=__doc__)
    parser.add_argument(
        "calls",
        help="a service by the name that signs its requests (s3, states), or one operation of it "
        "(sagemaker:CreateModel)",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--rate",
        type=_rate,
        default=0.0,
        metavar="CALLS",
        help="how many calls each second are let through (default 0: none)",
    )
    how.add_argument("--off", action="store_true", help="let every call through again")
    options = parser.parse_args(argv)
    rate = None if options.off else options.rate
    why = throttle(options.calls, rate)
    if why:
        print(f"Error: {why}", file=sys.stderr)
        return 2
    limit = "no limit" if rate is None else f"{rate:g} calls each second"
    print(f"{options.calls}: {limit} from now on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
