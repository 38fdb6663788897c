"""python loaded.py MODULE…: a process that has imported what programs begin with, each of which is
then a fork of it, below a keeper of its own: jobs, and the tests that builds run (forked.py).

It stands for no part of AWS: a container's Python imports anew. TensorFlow takes it seconds of
processor time, though, which a machine with two cores has to find for every job. Nothing but the
import is shared: no operation of it has run before the fork. On Linux only, as elsewhere such
libraries bear no fork.

A socket in the working folder takes requests as long as standard input lasts: each is what to run,
a line of JSON, with descriptors beside it, which are the program's standard input as keep.py takes
it, its output, its errors, and maybe where an error that keeps it from starting is told. The answer
is the keeper's process id, and later its status; none where the fork would differ.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import select
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

SHEBANG = "#!/usr/bin/env python3"
MODULES = ("pytest",)  # what a build runs as a fork
OVERLAY = "endpoint.pth"  # all that is in a build's own packages before it installs any
CHUNK = 64 * 1024
# Those that a running Python can still heed; with any other a program is started on its own
HEEDED = {"PYTHONPATH", "PYTHONUNBUFFERED"}
# What libraries read when they are imported
READ_AT_IMPORT = (
    *("TF_", "KERAS_", "ABSL_", "PROTOCOL_BUFFERS_", "OMP_", "OPENBLAS_", "MKL_"),
    *("LD_", "MALLOC_", "GLIBC_", "LC_", "LANG"),
)


def suits(
    request: Mapping[str, Any],
    names: Collection[str],
    imported_with: Mapping[str, str],
    limits: Sequence[object],
) -> bool:
    """Whether a fork with modules of these names is what the program would be: one of this Python
    that does not want it, what it has imported, or its limits, to be another."""
    environment = request["environment"]
    own = [_folder(request), *(Path(request["cwd"], one) for one in _entries(environment))]
    hidden = {
        path.name.partition(".")[0]
        for folder in own
        for path in folder.glob("*")
        if path.suffix in (".py", ".so") or path.is_dir()
    }
    return bool(
        (_is_builds(request, limits) if "python" in request else _is_script(request))
        and {name for name in environment if name.startswith("PYTHON")} <= HEEDED
        and read_at_import(environment) == read_at_import(imported_with)
        and hidden.isdisjoint({*names} - {"__main__"})
    )


def _folder(request: Mapping[str, Any]) -> Path:
    """Where the program's own modules are."""
    return Path(request["cwd"]) if "python" in request else Path(request["argv"][0]).parent


def _is_script(request: Mapping[str, Any]) -> bool:
    program = Path(request["argv"][0])
    search = os.pathsep.join([request["environment"].get("PATH", ""), os.defpath])
    python = shutil.which("python3", path=search)
    try:
        with program.open(errors="replace") as file:
            script = file.readline().strip() == SHEBANG
    except OSError:
        return False
    return bool(
        script
        and python
        and os.access(program, os.X_OK)
        and Path(python).parent.resolve() == Path(sys.executable).parent.resolve()
    )


def _is_builds(request: Mapping[str, Any], limits: Sequence[object]) -> bool:
    """One of the modules, by a Python to which its build has added nothing."""
    return (
        request["argv"][:1] == ["-m"]
        and request["argv"][1] in MODULES
        and request["limits"] == limits
        and {path.name for path in packages(request["python"]).iterdir()} == {OVERLAY}
        and sysconfig.get_path("purelib") in sys.path
    )


def packages(python: str) -> Path:
    """Where the packages of this virtual environment are."""
    base = str(Path(python).parents[1])
    return Path(sysconfig.get_path("purelib", "venv", vars={"base": base}))


def read_at_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in environment if name.startswith(READ_AT_IMPORT)}


def _entries(environment: Mapping[str, str]) -> list[str]:
    return [one for one in environment.get("PYTHONPATH", "").split(os.pathsep) if one]


def main(modules: Sequence[str]) -> None:
    sys.path[0] = str(Path(__file__).parents[1])
    from local import forked, keep

    # A program may have modules of these names
    del sys.path[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == "local"]:
        del sys.modules[name]
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # no program looks through what it has not made itself
    where = Path(forked.SOCKET)
    if where.is_socket():  # of an endpoint that was killed
        where.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(forked.SOCKET)
    listener.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers here
    for number in keep.FORWARDED:
        signal.signal(number, signal.SIG_DFL)
    while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
        channel = listener.accept()[0]
        if os.fork() == 0:
            try:
                listener.close()
                channel.settimeout(forked.SECONDS)
                _keep(keep, channel, forked.executed_with(), forked.limits())
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        channel.close()


def _keep(
    keep: Any, channel: socket.socket, loaded_with: Mapping[str, str], limits: Sequence[object]
) -> None:
    """Become the program's keeper, as processes.py would have started one, to its end."""
    line, descriptors, _, _ = socket.recv_fds(channel, CHUNK, 4)
    while line[-1:] != b"\n":
        if not (more := channel.recv(CHUNK)):
            return
        line += more
    request = json.loads(line)
    names = {name.partition(".")[0] for name in sys.modules}
    home, own = (each[keep.MARK].partition("#") for each in (loaded_with, request["environment"]))
    if own[:2] != home[:2] or not suits(request, names, loaded_with, limits):
        return
    channel.settimeout(None)
    held, output, errors, *report = descriptors
    os.setsid()
    _take_mark(*("".join(each).encode() for each in (home, own)))
    os.umask(request["umask"])
    for target, source in enumerate((held, output, errors)):
        os.dup2(source, target)
    channel.sendall(f"{os.getpid()}\n".encode())
    code = keep.keep(request["argv"], report[0] if report else None, lambda: _run(request))
    with contextlib.suppress(OSError):  # whoever has asked is gone
        channel.sendall(f"{code}\n".encode())
    os._exit(code)


def _run(request: dict[str, Any]) -> None:
    """Be the program: what `python3 PROGRAM` or `python3 -m MODULE` does, in a process that has
    nothing of another's."""
    argv, environment = request["argv"], request["environment"]
    os.chdir(request["cwd"])
    os.closerange(3, 1024)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_IGN)  # as Python itself begins
    # Python itself chooses it at its start where the environment tells no encoding (PEP 538)
    chosen = os.environ.get("LC_CTYPE")
    os.environ.clear()
    os.environ.update(environment | ({"LC_CTYPE": chosen} if chosen else {}))
    sys.path[:0] = [str(_folder(request)), *_entries(environment)]
    if python := request.get("python"):
        sys.path.insert(sys.path.index(sysconfig.get_path("purelib")), str(packages(python)))
        sys.executable, sys.prefix = python, str(Path(python).parents[1])
        sys.exec_prefix = sys.prefix
        importlib.reload(sysconfig)
    time.tzset()
    tempfile.tempdir = None
    if "PYTHONUNBUFFERED" in environment:
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.FileIO(number, "w", closefd=False), write_through=True)
            for number in (1, 2)
        )
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # its own, as in a process of its own
    os._exit(_status(partial(_module if python else _script, argv)))


def _take_mark(loaders: bytes, own: bytes) -> None:
    """What /proc shows as the environment of a process is what it was executed with, at this place
    in its memory (proc_pid_stat(5), env_start): by that keep.py finds what is left of a program."""
    words = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    begin, end = int(words[47]), int(words[48])
    at = ctypes.string_at(begin, end - begin).find(loaders)
    if at >= 0 and len(own) == len(loaders):
        ctypes.memmove(begin + at, own, len(own))


def _script(argv: Sequence[str]) -> None:
    sys.argv[:] = argv
    main_module = sys.modules["__main__"]
    main_module.__file__ = argv[0]
    exec(compile(Path(argv[0]).read_bytes(), argv[0], "exec"), vars(main_module))  # noqa: S102 - running what it is given is its purpose


def _module(argv: Sequence[str]) -> None:
    sys.argv[:] = argv[1:]
    runpy._run_module_as_main(argv[1])  # type: ignore[attr-defined]


def _status(program: Callable[[], None]) -> int:
    """Of the program, once it and all that waits for its end is through."""
    code: object = 0
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        program()
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
