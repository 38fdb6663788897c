"""python -m local: serve until Ctrl-C."""

import argparse
import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO

from local.context import Context
from local.refusals import unsupported
from local.server import Server, create

DEFAULT_PORT = 4599


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="An AWS endpoint on 127.0.0.1, with real builds, jobs and endpoints behind it.",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"port to listen on (default {DEFAULT_PORT}; 0 takes a free one)",
    )
    parser.add_argument(
        "--region",
        default=os.environ.get("AWS_REGION") or "us-east-1",
        help="region to be; it decides the partition too (default AWS_REGION or us-east-1)",
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(".local"),
        help="folder for all state; emptied at each start (default .local)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    began = time.monotonic()
    options = parser().parse_args(argv)
    runtime = os.environ.get("LOCAL_RUNTIME", "process")
    problem = _problem(options.port, runtime)
    if problem:
        print(f"local: {problem}", file=sys.stderr)
        return 2
    home = options.home.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = _lock(home)
    except OSError as error:
        print(f"local: cannot use --home {options.home}: {error.strerror}", file=sys.stderr)
        return 2
    if lock is None:
        print(
            f"local: another local endpoint uses {options.home}; stop it or give --home another "
            "folder",
            file=sys.stderr,
        )
        return 2
    try:
        server = create(Context(options.region, options.port, home, runtime=runtime))
    except OSError as error:
        print(
            f"local: cannot listen on port {options.port}: "
            f"{os.strerror(error.errno or 0)}; give --port another (0 takes a free one)",
            file=sys.stderr,
        )
        return 2
    _write_environment(server, home / "env")
    _announce(server, options.home, time.monotonic() - began)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: _stop_soon(server))
    server.serve()
    (home / "env").unlink(missing_ok=True)
    print("local: stopped, nothing is left running")
    return 0


def _problem(port: int, runtime: str) -> str | None:
    if not 0 <= port <= 65535:
        return f"--port {port} is not a port (0 to 65535)"
    if runtime != "process":
        return unsupported(f"LOCAL_RUNTIME={runtime}", "process")
    for program in ("git", "bash"):
        if shutil.which(program) is None:
            return f"{program} is not on PATH; install it first"
    return None


def _lock(home: Path) -> IO[str] | None:
    lock = (home / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return lock


def _stop_soon(server: Server) -> None:
    # shutdown() waits for the loop that this handler interrupts, so another thread calls it
    threading.Thread(target=server.stop).start()


def _write_environment(server: Server, path: Path) -> None:
    from local.credentials import administrator

    variables = {**administrator().environment(), **_git_settings(server.context.url)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join([*lines, "unset AWS_PROFILE AWS_SESSION_TOKEN"]) + "\n")


def _git_settings(url: str) -> dict[str, str]:
    """Lets git sign in to this endpoint, and to it only, with the exported keys.

    The helper is the one that AWS documents for CodeCommit; it wants a flag for hosts that are not
    AWS's (AWS CLI reference, codecommit credential-helper).
    """
    aws = Path(sys.executable).with_name("aws")
    # git also asks to store and erase, where the command has no such flag and complains
    get = f"{shlex.quote(str(aws))} codecommit credential-helper --ignore-host-check get"
    helper = f'!f() {{ [ "$1" != get ] || {get}; }}; f'
    settings = [
        (f"credential.{url}.helper", ""),
        (f"credential.{url}.helper", helper),
        (f"credential.{url}.useHttpPath", "true"),
    ]
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return variables


def _announce(server: Server, home: Path, seconds: float) -> None:
    context = server.context
    print(f"local: {context.url} is {context.region}, account {context.account} ({seconds:.1f} s)")
    print("local: in another terminal, from this folder:\n")
    print(f"    source {home / 'env'}\n")
    print("local: then any AWS client, git and every make target work here. Ctrl-C stops it.")
    with contextlib.suppress(ValueError):
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # before it served
        sys.exit(130)
