"""Child processes that cannot be orphaned: each its own group, known to the reaper.

The reaper is this file run as a program: a child that outlives the endpoint for a moment, however
the endpoint died (kill -9 included), and ends what it left behind.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TextIO

LineHandler = Callable[[str], None]
MAX_LINE = 64 * 1024

_lock = threading.Lock()
_running: dict[int, "Child"] = {}
_reaper: subprocess.Popen[str] | None = None
_stopping = False


class Child:
    """A running program. Its output, stderr included, goes line by line to `on_line`."""

    def __init__(self, popen: "subprocess.Popen[bytes]", on_line: LineHandler | None) -> None:
        self._popen = popen
        self._on_line = on_line
        self._ended = threading.Event()
        self.pid = popen.pid
        threading.Thread(target=self._watch, daemon=True, name=f"process-{self.pid}").start()

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.returncode if self._ended.is_set() else None

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, once all output was handed on; None if `timeout` seconds passed."""
        return self._popen.returncode if self._ended.wait(timeout) else None

    def terminate(self, grace: float = 10.0) -> None:
        """SIGTERM to the group, SIGKILL after `grace` seconds; returns when the process is gone."""
        terminate([self], grace)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _watch(self) -> None:
        reader = threading.Thread(target=self._read, args=(self._popen.stdout,), daemon=True)
        reader.start()
        self._popen.wait()
        self._signal(signal.SIGKILL)  # as in a container: when process 1 ends, all end
        reader.join(timeout=10)
        with _lock:
            _running.pop(self.pid, None)
            _tell_reaper(f"-{self.pid}")
        self._ended.set()

    def _read(self, stream: IO[bytes]) -> None:
        while line := stream.readline(MAX_LINE):
            if self._on_line:
                try:
                    self._on_line(line.decode(errors="replace").rstrip("\r\n"))
                except Exception:  # a reader's failure must not block the child on a full pipe
                    traceback.print_exc()
                    self._on_line = None


def start(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    on_line: LineHandler | None = None,
) -> Child:
    """Start `argv` in its own process group. Raises OSError if it cannot be started."""
    with _lock:
        if _stopping:
            raise OSError("the local endpoint is being stopped")
        popen = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _tell_reaper(f"+{popen.pid}")
        child = _running[popen.pid] = Child(popen, on_line)
    return child


def terminate(children: Sequence[Child], grace: float) -> None:
    """SIGTERM to all groups, SIGKILL to those left after `grace` seconds; returns when all end."""
    running = [child for child in children if child.returncode is None]
    for child in running:
        child._signal(signal.SIGTERM)
    deadline = time.monotonic() + grace
    for child in running:
        if child.wait(max(0.0, deadline - time.monotonic())) is None:
            child._signal(signal.SIGKILL)
            child.wait()


def base_environment() -> dict[str, str]:
    """What a child needs of this process's environment, and none of its secrets."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    interpreter = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    return {**kept, "PATH": f"{interpreter}{os.pathsep}{path}"}


def stop_all(grace: float = 5.0) -> None:
    """End every child and start no more: SIGTERM to all, SIGKILL to those left after `grace`."""
    global _stopping
    with _lock:
        _stopping = True
        left = list(_running.values())
    terminate(left, grace)


def _tell_reaper(word: str) -> None:
    """ "+PID" when a process group starts, "-PID" when it ends."""
    global _reaper
    if _reaper is None or _reaper.poll() is not None:
        _reaper = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for pid in _running:
            _reaper.stdin.write(f"+{pid}\n")  # type: ignore[union-attr]
    _reaper.stdin.write(word + "\n")  # type: ignore[union-attr]
    _reaper.stdin.flush()  # type: ignore[union-attr]


def reap(lifeline: TextIO) -> None:
    """Follow what starts and ends; at end of file, kill the groups that are left."""
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
