"""The home folder: this endpoint's own before anything in it is removed, and its user's alone."""

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# New at each start
FOLDERS = ("git", "builds", "images", "training", "processing", "transform", "endpoints")
# Those of endpoints whose homes had no mark yet
BEFORE_THE_MARK = {*FOLDERS} - {"processing", "transform"}
SETTINGS = "env"  # what a shell sources
LOCK = "lock"  # held as long as an endpoint uses the home; what stands in it marks the home
MARK = "The home of a local AWS endpoint"
SENTENCE = f"{MARK} (python -m local); a start empties {', '.join(FOLDERS)} in it.\n"
PRIVATE = 0o700


class HomeRefused(Exception):
    """Why the folder cannot be used as a home, and the way out."""


@dataclass(frozen=True)
class Home:
    folder: Path
    _lock: IO[str]

    def empty(self) -> None:
        """Make every folder new; of a link only the link is removed. Raises HomeRefused."""
        try:
            (self.folder / SETTINGS).unlink(missing_ok=True)  # its keys are no longer valid
            for folder in (self.folder / name for name in FOLDERS):
                if folder.is_dir() and not folder.is_symlink():
                    _remove(folder)
                else:
                    folder.unlink(missing_ok=True)
                folder.mkdir(mode=PRIVATE)
        except OSError as error:
            why = f"it cannot be emptied: {error.strerror} ({error.filename})"
            raise HomeRefused(why) from None

    def release(self) -> None:
        (self.folder / SETTINGS).unlink(missing_ok=True)
        self._lock.close()


def claim(folder: Path) -> Home:
    """Hold the folder as this process's home until it is released or the process ends in any way.

    Nothing is touched in a folder that is neither new, empty nor a home. Raises HomeRefused.
    """
    try:
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        if not _is_home(folder):
            raise HomeRefused(
                "it holds files and is not marked as the home of a local endpoint, which empties "
                "folders in it; give --home a new or an empty one"
            )
        folder.chmod(PRIVATE)
        return Home(folder, _lock(folder / LOCK))
    except BlockingIOError:
        raise HomeRefused("another local endpoint uses it; stop it or give another") from None
    except OSError as error:
        raise HomeRefused(error.strerror) from None


def _is_home(folder: Path) -> bool:
    """Empty, or marked. Endpoints before the mark wrote an empty lock first, then the folders."""
    names = {path.name for path in folder.iterdir()}
    lock = folder / LOCK
    if lock.is_symlink() or not lock.is_file():
        return not names
    text = lock.read_text(errors="replace")
    return text.startswith(MARK) or (not text and (names == {LOCK} or names >= BEFORE_THE_MARK))


def _lock(path: Path) -> IO[str]:
    lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise
    os.fchmod(lock.fileno(), 0o600)
    lock.truncate()
    lock.write(SENTENCE)
    lock.flush()
    return lock


def _remove(folder: Path) -> None:
    """With the folders that a build made read-only."""
    folder.chmod(PRIVATE)
    for parent, names, _ in os.walk(folder):
        for path in (Path(parent) / name for name in names):
            if not path.is_symlink():
                path.chmod(PRIVATE)
    shutil.rmtree(folder)
