"""python -m local.clock --forward 7d: drive the clock of schedules forward, so that all that is due
meanwhile is started now, in its order.

Only the local endpoint can; what is started lives by the machine's own clock, and so does all else.
"""

import argparse
import re
import sys
from collections.abc import Sequence

from local.asking import ask
from local.server import CLOCK

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PATIENCE = 90  # seconds; the endpoint gives up before


def forward(seconds: float) -> str | None:
    """Ask the endpoint of the environment, with its keys; why not, or None if it is done."""
    return ask(CLOCK, {"Forward": seconds}, "be told the time", PATIENCE)


def duration(text: str) -> int:
    """Seconds of a text like 90m or 7d."""
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: say 30s, 90m, 12h or 7d")
    return int(match[1]) * UNITS[match[2]]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.clock", description=__doc__)
    parser.add_argument(
        "--forward",
        type=duration,
        required=True,
        metavar="DURATION",
        help="how far, as 30s, 90m, 12h or 7d",
    )
    options = parser.parse_args(argv)
    why = forward(options.forward)
    if why:
        print(f"Error: {why}", file=sys.stderr)
        return 2
    print("the schedules' clock was driven forward; what was due meanwhile has been started")
    return 0


if __name__ == "__main__":
    sys.exit(main())
