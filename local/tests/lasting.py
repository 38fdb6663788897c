"""A process that outlasts every wait, and is told from all others of this machine."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

SECONDS = 120.0  # what has to come is waited for so long
LINUX = sys.platform == "linux"
# How a program gets away from those that started it; each starts `{}` and goes on at once.
# Elsewhere a process that leaves its group is not found, and that is not promised (keep.py)
ESCAPES = {"a child": "{} &", "a second fork": "({} &)"} | (
    {
        "a session": "setsid {} &",
        "a session of an orphan": "(setsid {} &)",
        "no hang-up": "nohup setsid {} >/dev/null 2>&1 &",
        "no environment": "env -i setsid {} &",
    }
    if LINUX
    else {}
)


def comes(question: Callable[[], object]) -> bool:
    """Whether the answer has become true in time."""
    deadline = time.monotonic() + SECONDS
    while not question():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def commands() -> dict[int, str]:
    """The command line of every process that has not ended."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True
    ).stdout
    lines = [line.split(None, 2) for line in listed.splitlines()]
    return {int(pid): args for pid, state, args in lines if not state.startswith("Z")}


class Lasting:
    """`command` starts it; in whatever way it got away, it is ended with the block."""

    def __init__(self) -> None:
        self.command = f"sleep 600.{uuid.uuid4().int % 10**12:012}"

    @property
    def pids(self) -> list[int]:
        return [pid for pid, args in commands().items() if args == self.command]

    def runs(self) -> bool:
        return comes(lambda: self.pids)

    def ends(self) -> bool:
        return comes(lambda: not self.pids)

    def __enter__(self) -> "Lasting":
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.pids:
            with suppress(ProcessLookupError):  # it may end between the listing and here
                os.kill(pid, signal.SIGKILL)
