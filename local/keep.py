"""python -m local.keep PROGRAM ARGUMENT…: run a program as a container does, so that nothing of it
stays.

When the program ends, all that it has started is killed. When standard input ends, because whoever
holds its other end has closed it or is gone (kill -9 included), the program is killed too. Signals
go to the program's process group, whose exit status is told as a shell tells it (128 + signal).

On Linux nothing escapes by a session or a parent of its own: orphans come to their nearest
subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), which is this process. Should this process itself be
killed, the program goes with it (PR_SET_PDEATHSIG). Elsewhere what has left the program's process
group is not found.
"""

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
LINUX = sys.platform == "linux"
SWEEP_SECONDS = 10.0  # what runs as another user (sudo) cannot be killed, and is not waited for
PAUSE = 0.01
MARK = "LOCAL_ENDPOINT"  # <home>#<one program's own>, in the environment of all that is started


def keep(argv: Sequence[str], report: int | None, run: Callable[[], object] | None = None) -> int:
    """Run the program to its end, and end what is left; its exit status. `run` becomes the program
    in another way than to execute `argv`."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    news, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    for watched in (signal.SIGCHLD, *FORWARDED):
        signal.signal(watched, lambda *_: None)
    program = _start(argv, report, run or partial(os.execvp, argv[0], list(argv)))
    status = None
    while status is None:
        ready = select.select([sys.stdin.fileno(), news], [], [])[0]
        if sys.stdin.fileno() in ready and not os.read(sys.stdin.fileno(), 1024):
            break
        for number in os.read(news, 1024) if news in ready else b"":
            if number in FORWARDED:
                _signal_group(program, number)
        status = _reap(program)
    _end_all(program)
    if status is None:
        return 128 + signal.SIGKILL
    return 128 - status if status < 0 else status


def end_marked(mark: str) -> None:
    """Kill every process that was started with `mark` (NAME=begin of a value) in its environment,
    and what these start meanwhile. Does nothing where there is no /proc."""
    wanted, deadline = b"\0" + os.fsencode(mark), time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < deadline:
        found = [pid for pid in _pids() if wanted in b"\0" + _read(pid, "environ")]
        for pid in found:
            _kill(pid)
        if not found:
            return
        time.sleep(PAUSE)


def _start(argv: Sequence[str], report: int | None, run: Callable[[], object]) -> int:
    """The program in a session of its own; its process id. The number of an error that keeps it
    from starting is written to `report`, which is closed once it runs."""
    keeper = os.getpid()
    program = os.fork()
    if program:
        if report is not None:
            os.close(report)
        return program
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if LINUX and os.getppid() != keeper:
            os._exit(128 + signal.SIGKILL)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        for number in IGNORED_BY_PYTHON:
            signal.signal(number, signal.SIG_DFL)
        run()
    except OSError as error:
        if report is None:
            os.write(sys.stderr.fileno(), f"cannot run {argv[0]}: {error.strerror}\n".encode())
        else:
            os.write(report, str(error.errno).encode())
    finally:
        os._exit(127)


def _reap(program: int) -> int | None:
    """The program's status if it has ended; orphans that have ended are let go."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == program:
                status = os.waitstatus_to_exitcode(ended[1])
    return status


def _end_all(program: int) -> None:
    """Kill all that descends from here, until no child is left: while one lives, there is one."""
    deadline = time.monotonic() + SWEEP_SECONDS
    while time.monotonic() < deadline:
        _signal_group(program, signal.SIGKILL)
        for pid in _descendants():
            _kill(pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(PAUSE)


def _descendants() -> set[int]:
    parents = {}
    for pid in _pids():
        if words := _read(pid, "stat").rpartition(b")")[2].split():  # proc_pid_stat(5)
            parents[pid] = int(words[1])
    found, new = set[int](), {os.getpid()}
    while new:
        new = {pid for pid, parent in parents.items() if parent in new}
        found |= new
    return found


def _pids() -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError):
        yield from (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())


def _read(pid: int, name: str) -> bytes:
    """A file of /proc; empty where the process is gone or another user's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, number)


def _prctl(option: int, value: int) -> None:
    if LINUX:
        import ctypes  # which not every Python outside Linux can load

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def main(words: Sequence[str]) -> int:
    report = None
    if words and words[0].startswith("--report="):  # processes.py asks for it
        report = int(words[0].partition("=")[2])
        os.set_inheritable(report, False)
        words = words[1:]
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    return keep(words, report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
