"""Programs that end with the endpoint, with all that they have started, however it ends.

Each runs below a process of its own, its keeper (keep.py), which the endpoint holds by the
keeper's standard input. What a keeper that was killed itself leaves behind is found by a mark in
its environment. Jobs may be forks of one process that has imported what they need (loaded.py), and
so may the tests that builds run (forked.py).
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from local import keep, loaded
from local.forked import SOCKET, Forked
from local.keep import MARK

LineHandler = Callable[[str], None]
MAX_LINE = 64 * 1024
UMASK = 0o022  # a container's; the home folder keeps others out

_lock = threading.Lock()
_running: set["Child"] = set()
_loaded: "subprocess.Popen[bytes] | None" = None
_home = ""
_stopping = False


class _Keeper(Protocol):
    """As subprocess.Popen."""

    pid: int
    returncode: Any
    stdin: Any
    stdout: Any

    def wait(self) -> int: ...

    def send_signal(self, how: int) -> None: ...


class Child:
    """A running program. Its output, stderr included, goes line by line to `on_line`."""

    def __init__(self, keeper: _Keeper, mark: str, on_line: LineHandler | None) -> None:
        self._keeper, self._mark, self._on_line = keeper, mark, on_line
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True, name=f"process-{keeper.pid}").start()

    @property
    def returncode(self) -> int | None:
        """The exit status as a container runtime gives it; None while it runs."""
        if not self._ended.is_set():
            return None
        status = self._keeper.returncode
        return 128 - status if status < 0 else status

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, once all output was handed on; None if `timeout` seconds passed."""
        self._ended.wait(timeout)
        return self.returncode

    def terminate(self, grace: float = 10.0) -> None:
        """SIGTERM to the group, SIGKILL after `grace` seconds; returns when the process is gone."""
        terminate([self], grace)

    def _ask_to_end(self, how: signal.Signals) -> None:
        self._keeper.send_signal(how)

    def _kill(self) -> None:
        self._keeper.stdin.close()

    def _watch(self) -> None:
        reader = threading.Thread(target=self._read, args=(self._keeper.stdout,), daemon=True)
        reader.start()
        if self._keeper.wait() < 0:
            keep.end_marked(self._mark)
        reader.join(timeout=10)
        self._kill()
        with _lock:
            _running.discard(self)
        self._ended.set()

    def _read(self, stream: IO[bytes]) -> None:
        while line := stream.readline(MAX_LINE):
            if self._on_line:
                try:
                    self._on_line(line.decode(errors="replace").rstrip("\r\n"))
                except Exception:  # a reader's failure must not block the child on a full pipe
                    traceback.print_exc()
                    self._on_line = None


def begin(home: Path) -> None:
    """From now on programs are this home's; what an earlier endpoint of it left is killed."""
    global _home
    _home = str(home)
    keep.end_marked(f"{MARK}={_home}#")


def load(modules: Sequence[str], environment: Mapping[str, str]) -> None:
    """Import these once for all jobs and builds, with what they read of the environment then, where
    a fork bears that."""
    global _loaded
    if keep.LINUX:
        _loaded = subprocess.Popen(
            [sys.executable, loaded.__file__, *modules],
            cwd=_home,
            env={**base_environment(), **environment, MARK: _mark()},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def loads() -> bool:
    return _loaded is not None


def unload() -> None:
    global _loaded
    gone, _loaded = _loaded, None
    if gone:
        with gone:
            gone.kill()
        with contextlib.suppress(OSError):  # something else of this name
            Path(_home, SOCKET).unlink()


def start(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    on_line: LineHandler | None = None,
    may_fork: bool = False,
) -> Child:
    """Start `argv` in a session of its own; it may be a fork of what is loaded, if that makes no
    difference. Raises OSError if it cannot be started."""
    mark = _mark()
    said, report = os.pipe()
    with _lock, os.fdopen(said) as answer:
        try:
            if _stopping:
                raise OSError("the local endpoint is being stopped")
            environment = {**env, MARK: mark}
            keeper = _fork(argv, cwd, environment, report) if may_fork else None
            keeper = keeper or _keeper(argv, cwd, environment, report)
        finally:
            os.close(report)
        child = Child(keeper, f"{MARK}={mark}", on_line)
        _running.add(child)
        if error := answer.read():
            raise OSError(int(error), os.strerror(int(error)), argv[0])
    return child


def _mark() -> str:
    return f"{_home}#{uuid.uuid4().hex}"


def _fork(
    argv: Sequence[str], cwd: Path, environment: Mapping[str, str], report: int
) -> _Keeper | None:
    """The keeper of a fork of what is loaded; None where the program has to be started anew: until
    all is imported, if that fails, and where a fork would differ."""
    if not _loaded:
        return None
    request = {"argv": [*argv], "cwd": str(cwd), "environment": environment, "umask": UMASK}
    stdout, output = os.pipe()
    try:
        forked = Forked(_home, request, [output, output, report])
        forked.stdout = os.fdopen(stdout, "rb")
        return forked
    except OSError as error:
        os.close(stdout)
        if isinstance(error, TimeoutError):
            print(
                "local: what was loaded does not answer: nothing is a fork from now on", flush=True
            )
            unload()
        return None
    finally:
        os.close(output)


def _keeper(argv: Sequence[str], cwd: Path, env: Mapping[str, str], report: int) -> _Keeper:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", keep.__file__, f"--report={report}", *argv],
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[report],
        start_new_session=True,
        umask=UMASK,
    )


def terminate(
    children: Sequence[Child], grace: float, first: signal.Signals = signal.SIGTERM
) -> None:
    """`first` to all groups, SIGKILL to those left after `grace` seconds; returns when all end."""
    running = [child for child in children if child.returncode is None]
    for child in running:
        child._ask_to_end(first)
    deadline = time.monotonic() + grace
    for child in running:
        if child.wait(max(0.0, deadline - time.monotonic())) is None:
            child._kill()
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
        left = list(_running)
    terminate(left, grace)
    unload()
