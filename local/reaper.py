"""The process that outlives the endpoint for a moment: it ends what the endpoint left behind.

Run as a child of the endpoint with its standard input as the lifeline. It reads "+PID" when a
process group starts and "-PID" when it ends; at end of file, however the endpoint died (kill -9
included), it kills the groups that are left.
"""

import contextlib
import os
import signal
import sys
from typing import TextIO


def reap(lifeline: TextIO) -> None:
    groups: set[int] = set()
    for line in lifeline:
        pid = int(line[1:])
        if line[0] == "+":
            groups.add(pid)
        else:
            groups.discard(pid)
    for pid in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reap(sys.stdin)
