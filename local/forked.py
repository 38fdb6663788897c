"""python forked.py HOME PYTHON ARGUMENT…: what `PYTHON ARGUMENT…` does, as a fork of what the
endpoint of this home has loaded (loaded.py), or by PYTHON itself where that would differ.

It stands before the Python of a build, and imports little, so that it costs little.
"""

import contextlib
import io
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

SOCKET = "loaded"  # in the endpoint's home, as soon as all is imported
SECONDS = 10.0
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LIMITS = [value for name, value in sorted(vars(resource).items()) if name.startswith("RLIMIT_")]


class Forked:
    """The keeper of a program that is a fork, as if it had been started here."""

    returncode: int
    stdout: io.BufferedReader | None = None

    def __init__(
        self, home: str, request: Mapping[str, object], descriptors: Sequence[int]
    ) -> None:
        """`descriptors` are the program's output and its errors; to a third, if there is one, an
        error that keeps it from starting is told. Raises OSError where no fork comes."""
        held, hold = os.pipe()
        self.stdin = os.fdopen(hold, "wb")
        with contextlib.ExitStack() as failed, socket.socket(socket.AF_UNIX) as channel:
            failed.enter_context(self.stdin)
            try:
                _send(channel, home, request, [held, *descriptors])
            finally:
                os.close(held)
            self._told = failed.enter_context(channel.makefile())
            answer = self._told.readline()
            if not answer:
                raise OSError("a fork would differ")
            channel.settimeout(None)
            failed.pop_all()
        self.pid = int(answer)
        with contextlib.suppress(ProcessLookupError):  # it may have ended by now
            self._process = os.pidfd_open(self.pid)

    def wait(self) -> int:
        """Tells its status itself; one that was killed cannot."""
        self.returncode = int(self._told.readline() or -signal.SIGKILL)
        self._told.close()
        return self.returncode

    def send_signal(self, how: int) -> None:
        with contextlib.suppress(ProcessLookupError, AttributeError):
            signal.pidfd_send_signal(self._process, how)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            os.close(self._process)


def _send(
    channel: socket.socket, home: str, request: Mapping[str, object], descriptors: list[int]
) -> None:
    """A line of JSON, of any length."""
    line = f"{json.dumps(request)}\n".encode()
    channel.settimeout(SECONDS)
    folder = os.open(home, os.O_RDONLY)  # the name of a socket has to be short
    try:
        channel.connect(f"/proc/self/fd/{folder}/{SOCKET}")
    finally:
        os.close(folder)
    channel.sendall(line[socket.send_fds(channel, [line], descriptors) :])


def executed_with() -> dict[str, str]:
    """This process's environment, without what Python itself adds at its start (PEP 538)."""
    with open("/proc/self/environ", "rb") as file:  # noqa: PTH123 - no pathlib
        pairs = (os.fsdecode(pair).partition("=") for pair in file.read().split(b"\0") if pair)
        return {name: value for name, _, value in pairs}


def limits() -> list[object]:
    """What a shell sets for what it starts: processors, niceness and resources."""
    given = [list(resource.getrlimit(each)) for each in LIMITS]
    return [sorted(os.sched_getaffinity(0)), os.nice(0), *given]


def main(home: str, python: str, *arguments: str) -> int:
    environment = executed_with()
    try:
        if not os.path.samestat(os.fstat(0), os.stat(os.devnull)):  # noqa: PTH116 - no pathlib
            raise OSError("a fork has no standard input")
        os.umask(umask := os.umask(0))
        request = {
            "python": python,
            "argv": arguments,
            "cwd": os.getcwd(),  # noqa: PTH109 - no pathlib
            "environment": environment,
            "umask": umask,
            "limits": limits(),
        }
        forked = Forked(home, request, [1, 2])
    except OSError:
        os.execve(python, [python, *arguments], environment)  # noqa: S606 - no shell is wanted
    for number in FORWARDED:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda number, _: forked.send_signal(number))
    status = forked.wait()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
