"""The guard around every command: whatever ends one is told in a sentence, never as a traceback.

It is imported before all else, so it imports only what Python has at hand.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from scripts.lib.problems import FAILED, INTERRUPTED, Problem, harmless, in_the_system, wrapped


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
        print(harmless(text), file=sys.stderr, flush=True)
