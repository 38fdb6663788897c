"""python loaded.py MODULE…: a process that has imported what programs begin with, each of which is
then a fork of it, below a keeper of its own.

It stands for no part of AWS: a container's Python imports anew. TensorFlow takes it seconds of
processor time, though, which a machine with two cores has to find for every job. Nothing but the
import is shared: no operation of it has run before the fork. On Linux only, as elsewhere such
libraries bear no fork.

Standard input is a socket: a request is what to run in JSON, with four descriptors beside it, which
are the program's standard input as keep.py takes it, its output, where an error that keeps it from
starting is told, and where the keeper's process id and its status are.
"""

import atexit
import contextlib
import ctypes
import importlib
import io
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SHEBANG = "#!/usr/bin/env python3"
REQUEST_BYTES = 256 * 1024
READY = b"ready"
# Those that a running Python can still heed; with any other a program is started on its own
HEEDED = {"PYTHONPATH", "PYTHONUNBUFFERED"}
# What libraries read when they are imported
READ_AT_IMPORT = (
    *("TF_", "KERAS_", "ABSL_", "PROTOCOL_BUFFERS_", "OMP_", "OPENBLAS_", "MKL_"),
    *("LD_", "MALLOC_", "GLIBC_", "LC_"),
)


def suits(
    argv: Sequence[str],
    environment: Mapping[str, str],
    modules: Sequence[str],
    imported_with: Mapping[str, str],
) -> bool:
    """Whether a fork with these modules is what `argv` would be: a script of this Python that does
    not want it, or what it has imported, to be another."""
    program = Path(argv[0])
    search = os.pathsep.join([environment.get("PATH", ""), os.defpath])
    python = shutil.which("python3", path=search)
    try:
        with program.open(errors="replace") as file:
            script = file.readline().strip() == SHEBANG
    except OSError:
        return False
    own = [program.parent, *map(Path, _entries(environment))]
    return bool(
        script
        and python
        and os.access(program, os.X_OK)
        and Path(python).parent.resolve() == Path(sys.executable).parent.resolve()
        and {name for name in environment if name.startswith("PYTHON")} <= HEEDED
        and {name: environment[name] for name in environment if name.startswith(READ_AT_IMPORT)}
        == imported_with
        and not [1 for folder in own for name in modules if any(folder.glob(f"{name}*"))]
    )


def _entries(environment: Mapping[str, str]) -> list[str]:
    return [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]


def main(modules: Sequence[str]) -> None:
    sys.path[0] = str(Path(__file__).parents[1])
    from local import keep

    # A program may have modules of these names
    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "local"]:
        del sys.modules[name]
    for name in modules:
        importlib.import_module(name)
    channel = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers here
    for number in keep.FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    channel.send(READY)
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 4)
        if not request:
            return
        if os.fork() == 0:
            try:
                channel.close()
                _keep(keep, json.loads(request), descriptors)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        for each in descriptors:
            os.close(each)


def _keep(keep: Any, request: dict[str, Any], descriptors: Sequence[int]) -> None:
    """Become the program's keeper, as processes.py would have started one, to its end."""
    held, output, report, status = descriptors
    os.setsid()
    _take_mark(os.environ[keep.MARK].encode(), request["environment"][keep.MARK].encode())
    os.umask(request["umask"])
    for target, source in ((0, held), (1, output), (2, output)):
        os.dup2(source, target)
    os.write(status, f"{os.getpid()}\n".encode())
    code = keep.keep(request["argv"], report, lambda: _run(request))
    os.write(status, f"{code}\n".encode())
    os._exit(code)


def _run(request: dict[str, Any]) -> None:
    """Be the program: what `python3 PROGRAM` does, in a process that has nothing of another's."""
    argv, environment = request["argv"], request["environment"]
    os.chdir(request["cwd"])
    os.closerange(3, 1024)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)  # as Python itself begins
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = argv
    sys.path[:0] = [str(Path(argv[0]).parent), *_entries(environment)]
    time.tzset()
    tempfile.tempdir = None
    if "PYTHONUNBUFFERED" in environment:
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.FileIO(number, "w", closefd=False), write_through=True)
            for number in (1, 2)
        )
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # its own, as in a process of its own
    os._exit(_status(argv[0]))


def _take_mark(loaders: bytes, own: bytes) -> None:
    """What /proc shows as the environment of a process is what it was executed with, at this place
    in its memory (proc_pid_stat(5), env_start): by that keep.py finds what is left of a program."""
    words = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    begin, end = int(words[47]), int(words[48])
    at = ctypes.string_at(begin, end - begin).find(loaders)
    if at >= 0 and len(own) == len(loaders):
        ctypes.memmove(begin + at, own, len(own))


def _status(program: str) -> int:
    """Of the program, once it and all that waits for its end is through."""
    code: object = 0
    main_module = types.ModuleType("__main__")
    main_module.__file__ = program
    sys.modules["__main__"] = main_module
    try:
        exec(compile(Path(program).read_bytes(), program, "exec"), vars(main_module))  # noqa: S102 - running what it is given is its purpose
    except SystemExit as end:
        code = end.code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):  # closed
            stream.flush()
    return (code or 0) & 0xFF


if __name__ == "__main__":
    main(sys.argv[1:])
