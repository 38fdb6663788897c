"""Programs that end with the endpoint, with all that they have started, however it ends.

Each runs below a process of its own, its keeper (keep.py), which the endpoint holds by the
keeper's standard input. What a keeper that was killed itself leaves behind is found by a mark in
its environment. Jobs may be forks of one process that has imported what they need (loaded.py).
"""

import contextlib
import json
import os
import select
import signal
import socket
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
from local.keep import MARK

LineHandler = Callable[[str], None]
MAX_LINE = 64 * 1024
FORK_SECONDS = 10.0
UMASK = 0o022  # a container's; the home folder keeps others out

_lock = threading.Lock()
_running: set["Child"] = set()
_loaded: "_Loaded | None" = None
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


class _Forked:
    """The keeper of a program that is a fork, as if it had been started here."""

    returncode: int

    def __init__(self, stdin: int, stdout: int, status: int) -> None:
        self.stdin, self.stdout = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb")
        self._status = os.fdopen(status)
        try:
            answers = select.select([status], [], [], FORK_SECONDS)[0]
            self.pid = int(self._status.readline() if answers else "")
            self._process = os.pidfd_open(self.pid)
        except (ValueError, OSError):
            for each in (self.stdin, self.stdout, self._status):
                each.close()
            raise OSError("what was loaded does not answer") from None

    def wait(self) -> int:
        """Tells its status itself; one that was killed cannot."""
        self.returncode = int(self._status.readline() or -signal.SIGKILL)
        self._status.close()
        return self.returncode

    def send_signal(self, how: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, how)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):
            os.close(self._process)


class _Loaded:
    """The process of loaded.py, and what it has imported."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._modules, self._environment = modules, environment
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, loaded.__file__, *modules],
                env={**base_environment(), **environment, MARK: _mark()},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._ready = False

    def serves(self, argv: Sequence[str], environment: Mapping[str, str]) -> bool:
        """Until all is imported, and if that fails, programs import for themselves."""
        if not self._ready:
            with contextlib.suppress(OSError):
                self._ready = self._channel.recv(len(loaded.READY)) == loaded.READY
        there = self._ready and self._process.poll() is None
        return there and loaded.suits(argv, environment, self._modules, self._environment)

    def fork(self, request: Mapping[str, Any], report: int) -> _Forked:
        """Raises OSError."""
        pipes = stdin, output, status = os.pipe(), os.pipe(), os.pipe()
        theirs = [stdin[0], output[1], report, status[1]]
        try:
            socket.send_fds(self._channel, [json.dumps(request).encode()], theirs)
        except OSError:
            for pair in pipes:
                os.close(pair[0])
                os.close(pair[1])
            raise
        for each in (stdin[0], output[1], status[1]):
            os.close(each)
        return _Forked(stdin[1], output[0], status[0])

    def end(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()


def begin(home: Path) -> None:
    """From now on programs are this home's; what an earlier endpoint of it left is killed."""
    global _home
    _home = str(home)
    keep.end_marked(f"{MARK}={_home}#")


def load(modules: Sequence[str], environment: Mapping[str, str]) -> None:
    """Import these once for all jobs, with what they read of the environment then, where a fork
    bears that."""
    global _loaded
    if keep.LINUX:
        _loaded = _Loaded(modules, environment)


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
    """The keeper of a fork of what is loaded; None where the program has to be started anew."""
    global _loaded
    if not _loaded or not _loaded.serves(argv, environment):
        return None
    request = {"argv": [*argv], "cwd": str(cwd), "environment": environment, "umask": UMASK}
    try:
        return _loaded.fork(request, report)
    except OSError as error:
        print(f"local: {error}: jobs import for themselves from now on", flush=True)
        _loaded.end()
        _loaded = None
        return None


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
    if _loaded:
        _loaded.end()
