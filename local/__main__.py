"""python -m local: serve until Ctrl-C."""

import signal

if __name__ == "__main__":  # until it serves, Ctrl-C ends it at once and without a word
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import contextlib
import gc
import os
import shlex
import shutil
import sys
import threading
import time
from pathlib import Path

from local import memory, processes
from local.context import Context
from local.home import FOLDERS, SETTINGS, HomeRefused
from local.server import Front, create

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
        help=f"folder for all state (default .local); a start empties {', '.join(FOLDERS)} in it",
    )
    parser.add_argument(
        "--load",
        action="append",
        default=[],
        metavar="MODULE",
        help="import this once for all jobs in Python and for builds' tests (python3 -m pytest), "
        "which then start sooner (on Linux); with NAME=VALUE in the environment, as the images "
        "have it",
    )
    return parser


class _CannotStart(Exception):
    """Why the endpoint cannot start, and what to do about it."""


def main(argv: list[str] | None = None) -> int:
    began = time.monotonic()
    # Seldom: to look for garbage through what moto and botocore keep in memory takes longer than
    # most requests
    gc.set_threshold(50_000, 20, 20)
    memory.begin()
    options = parser().parse_args(argv)
    os.umask(0o077)  # what it writes is its user's alone
    try:
        _check(options.port)
        front = _open(options.region, options.port, options.home)
        _load(options.load)
    except _CannotStart as why:
        print(f"local: {why}", file=sys.stderr)
        return 2
    gc.freeze()  # what there is by now stays
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, lambda *_: _stop_soon(front))
    _write_environment(front)
    _announce(front, options.home, time.monotonic() - began)
    front.serve()
    _say("local: stopped, nothing is left running")
    return 0


def _check(port: int) -> None:
    if not 0 <= port <= 65535:
        raise _CannotStart(f"--port {port} is not a port (0 to 65535)")
    for program in ("git", "bash"):
        if shutil.which(program) is None:
            raise _CannotStart(f"{program} is not on PATH; install it first")


def _open(region: str, port: int, home: Path) -> Front:
    try:
        return create(Context(region, port, home.resolve()))
    except HomeRefused as why:
        raise _CannotStart(f"cannot use --home {home}: {why}") from None
    except OSError as error:
        raise _CannotStart(
            f"cannot listen on port {port}: {os.strerror(error.errno or 0)}; "
            "give --port another (0 takes a free one)"
        ) from None


def _load(words: list[str]) -> None:
    modules = [word for word in words if "=" not in word]
    if modules:
        processes.load(modules, dict(word.split("=", 1) for word in words if "=" in word))


def _stop_soon(front: Front) -> None:
    # shutdown() waits for the loop that this handler interrupts, so another thread calls it
    threading.Thread(target=front.stop).start()


def _write_environment(front: Front) -> None:
    from local.credentials import administrator

    variables = {**administrator().environment(), **_git_settings(front.context.url)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    path = front.context.home / SETTINGS
    # Whole or not there: whoever waits for it reads it at once
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join([*lines, "unset AWS_PROFILE AWS_SESSION_TOKEN"]) + "\n")
    part.replace(path)


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


def _announce(front: Front, home: Path, seconds: float) -> None:
    context = front.context
    _say(
        f"local: {context.url} is {context.region}, account {context.account} ({seconds:.1f} s)\n"
        "local: in another terminal, from this folder:\n\n"
        f"    source {home / SETTINGS}\n\n"
        "local: then git, and whatever talks to AWS, works here. Ctrl-C stops it."
    )


def _say(text: str) -> None:
    """Also to a terminal that was closed, or a pipe that nobody reads."""
    with contextlib.suppress(OSError):
        os.write(1, f"{text}\n".encode())


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # All is in order by now: to take apart, object by object, what moto keeps in memory takes the
    # interpreter two seconds
    os._exit(code)
