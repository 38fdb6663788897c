"""How a mistake is told: one sentence that names the fix, and an exit status.

This is the first that every command imports, so it imports only what Python has at hand.
"""

import errno
import os
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

USAGE, FAILED, INTERRUPTED = 2, 1, 130
FULL = (errno.ENOSPC, errno.EDQUOT)
FOLDER_EXPECTED = (errno.EEXIST, errno.ENOTDIR)


class Problem(Exception):
    """Something the person can fix, in one sentence; `code` is the exit status."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


def guarded(work: Callable[[], int], interrupted: str) -> int:
    """Run a script's work; whatever ends it becomes a sentence and an exit status."""
    open_streams()
    try:
        code = work()
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        say(f"\nStopped looking. {interrupted}".rstrip())
        return INTERRUPTED
    # Of any kind: what a machine, a disk and a terminal can come up with cannot be listed
    except Exception as error:
        if isinstance(error, BrokenPipeError):
            return FAILED  # whoever reads has enough, as `head` has
        code, sentence = told(error)
        say(wrapped(f"Error: {sentence}"))
        if os.environ.get("TRACEBACK"):
            raise
        return code
    finally:
        drop_what_waits()


def told(error: Exception) -> tuple[int, str]:
    """The exit status and the sentence of what ended a script's work."""
    if isinstance(error, Problem):
        return error.code, str(error)
    if is_of_aws(error):
        from scripts.lib.refusals import explain  # botocore takes a while to import

        return FAILED, explain(error)
    if isinstance(error, OSError):
        return FAILED, in_the_system(error)
    said = " ".join(str(error).split())
    return FAILED, f"a fault of this program: {said}. Repeated with TRACEBACK=1 it shows the place"


def is_of_aws(error: Exception) -> bool:
    """Whether an error comes from a call to AWS, or from what prepares one."""
    packages, trace = set[str](), error.__traceback__
    while trace:
        packages.add(str(trace.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        trace = trace.tb_next
    made_by = type(error).__module__.partition(".")[0]
    return bool({"boto3", "botocore", "s3transfer"} & {made_by, *packages})


def in_the_system(error: OSError) -> str:
    """What the machine refused: the file, why, and what to do where that can be known."""
    # Of two files, as of a file and its new name, the second is what could not be made
    file = error.filename2 or error.filename
    name = f"{file}: " if file else ""
    if error.errno in FULL:
        return f"{name or 'what a file or the output goes to: '}the disk is full: free some space"
    if error.errno in FOLDER_EXPECTED and file:
        for path in (Path(file), *Path(file).parents):
            if path.exists() and not path.is_dir():
                return f"{path} is a file, and a folder is needed there: move it away, then repeat"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{name}{error.strerror}: work in a folder that you may write to"
    return f"{name}{error.strerror or ' '.join(str(error).split())}"


def open_streams() -> None:
    """Something to read and to write where there is nothing, and no letter that stops a script.

    A descriptor that is closed is given to the next file that is opened, which would then get what
    is printed; and a terminal of another encoding may lack a letter, for which it gets `?`.
    """
    streams: dict[str, TextIO | None] = vars(sys)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = streams[name]
        if stream is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
            streams[name] = stream = os.fdopen(number, "w" if number else "r", encoding="utf-8")
        forgive = getattr(stream, "reconfigure", None)
        if forgive:
            forgive(errors="replace")


def drop_what_waits() -> None:
    """Throw away what an output does not take: Python would try again at its end, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say(text: str) -> None:
    """To the person, if anybody can be reached."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def wrapped(text: str) -> str:
    """The text in lines of at most 80 columns; words that do not fit, as addresses, stay whole."""
    return textwrap.fill(text, 80, break_long_words=False, break_on_hyphens=False)


def error_code(error: "ClientError") -> str:
    """The code AWS gives its error, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", ""))


def overridden() -> str:
    """The address that stands in for AWS, about which the console has no pages; or empty."""
    return os.environ.get("AWS_ENDPOINT_URL", "")
