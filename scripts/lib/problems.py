"""A mistake that a person can mend: one sentence that names the fix, and an exit status."""

import errno
import os
import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

USAGE, FAILED, INTERRUPTED = 2, 1, 130
OPTIONS = ("REGION", "PROFILE")
FULL = (errno.ENOSPC, errno.EDQUOT)
FOLDER_EXPECTED = (errno.EEXIST, errno.ENOTDIR)


class Problem(Exception):
    """Something the person can fix, in one sentence; `code` is the exit status."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code


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


def wrapped(text: str) -> str:
    """The text in lines of at most 80 columns; words that do not fit, as addresses, stay whole."""
    return textwrap.fill(text, 80, break_long_words=False, break_on_hyphens=False)


def harmless(text: str) -> str:
    """A text of any lines without what would command a terminal."""
    lines = text.replace("\r", " ")
    return "".join(one for one in lines if one.isprintable() or one in "\n\t")


def make(target: str, stack: str, more: str = "") -> str:
    """A command as this person has to type it: without the region and the profile that they gave to
    make, which hands them on, it would lead to another place."""
    given = [f"{name}={shlex.quote(os.environ[name])}" for name in OPTIONS if os.environ.get(name)]
    return f"`{' '.join(filter(None, ['make', target, f'STACK={stack}', *given, more]))}`"


def error_code(error: "ClientError") -> str:
    """The code AWS gives its error, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_gone(error: "ClientError") -> bool:
    """Whether AWS says that there is no such thing: each service has a code of its own for that,
    and SageMaker and CloudFormation only their general one."""
    code = error_code(error)
    if code in ("ValidationException", "ValidationError"):
        return "not find" in str(error) or "does not exist" in str(error)
    return (
        "NotFound" in code or "DoesNotExist" in code or code in ("404", "NoSuchBucket", "NoSuchKey")
    )


def overridden() -> str:
    """The address that stands in for AWS, about which the console has no pages; or empty."""
    return os.environ.get("AWS_ENDPOINT_URL", "")
