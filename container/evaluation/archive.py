"""A model.tar.gz, unpacked as what it is: a file that anybody may have written.

Kind, name and size of a member are looked at before it is written, and the checksum at the end
before anything of it is used.
"""

import errno
import gzip
import tarfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from evaluation.errors import EvaluationError

MOST_MEMBERS = 10_000
MOST_BYTES = 20 * 1024**3  # of all members together, with what tar writes beside them
# Weights hardly get smaller; what shrinks to a hundredth is made to fill a disk. A small archive is
# mostly tar's own padding, so the rule begins where it could hurt
MOST_SHRUNK, SHRUNK_FROM = 100, 64 * 1024**2
MOST_AT_ONCE = 64 * 1024  # tarfile reads a long name in one piece, into memory
MOST_FOLDERS = 32  # inside each other: to remove them, Python goes as deep
SHOWN = 80  # characters of a member's name
# What is wrong with this machine, and not with the archive
_OURS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
)
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
_LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE)


class BadArchive(Exception):
    """An archive that is not unpacked; the text says why, of "it"."""


def unpack(archive: Path, folder: Path) -> None:
    """The regular files and folders of a tar.gz, into an empty folder.

    Raises BadArchive, or EvaluationError where this machine cannot hold it.
    """
    try:
        with archive.open("rb") as file:
            packed = _Packed(file, archive.stat().st_size)
            _unpack(tarfile.TarFile(fileobj=packed), folder)  # type: ignore[arg-type]
            while packed.read(MOST_AT_ONCE):  # to the checksum
                pass
    except FileNotFoundError:
        raise BadArchive("it is missing") from None
    except BadArchive:
        raise
    except gzip.BadGzipFile:
        raise BadArchive("it is no gzip archive, or damaged") from None
    except OSError as error:
        if error.errno in _OURS:
            raise EvaluationError(
                f"a model cannot be unpacked here: {error.strerror}. TrainingVolumeGB is the disk"
                " of the job: data and two models, packed and unpacked, have to fit"
            ) from None
        raise BadArchive(f"it cannot be unpacked: {error.strerror}") from None
    except MemoryError:
        raise
    except Exception:  # tarfile and zlib raise errors of many kinds for what is damaged
        raise BadArchive("it is damaged, cut short or no tar archive") from None


def _unpack(members: tarfile.TarFile, folder: Path) -> None:
    found = 0
    while (member := members.next()) is not None:
        members.members.clear()  # type: ignore[attr-defined]  # which it would keep, with all names
        found += 1
        if found > MOST_MEMBERS:
            raise BadArchive(f"it holds more than {MOST_MEMBERS:,} files")
        path = folder / _inside(member)
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        source = members.extractfile(member)
        assert source is not None, "a regular file"
        with path.open("xb") as target:
            while part := source.read(MOST_AT_ONCE):
                target.write(part)


def _inside(member: tarfile.TarInfo) -> PurePosixPath:
    name, path = _shown(member.name), PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\0" in member.name:
        raise BadArchive(f"{name} in it leads out of its folder")
    if len(path.parts) > MOST_FOLDERS:
        raise BadArchive(f"{name} in it lies in more than {MOST_FOLDERS} folders")
    if member.type in _LINKS:
        raise BadArchive(f"{name} in it is a link")
    if not member.isdir() and (member.type not in _FILES or member.issparse()):
        raise BadArchive(f"{name} in it is neither a file nor a folder")
    if member.size > MOST_BYTES:
        raise BadArchive(_too_large())
    return path


class _Packed:
    """What tarfile reads of a gzip file: forward only, and no more than it may give."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = gzip.GzipFile(fileobj=file), size

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_AT_ONCE:
            raise BadArchive("it has a header that is too large")
        read = self._file.read(size)
        given = self.tell()
        if given > MOST_BYTES:
            raise BadArchive(_too_large())
        if given > max(SHRUNK_FROM, MOST_SHRUNK * self._size):
            raise BadArchive(f"it unpacks to more than {MOST_SHRUNK} times its size")
        return read

    def seek(self, position: int) -> None:
        if position < self.tell():
            raise BadArchive("it has a member of no size")
        while (left := position - self.tell()) and self.read(min(left, MOST_AT_ONCE)):
            pass

    def tell(self) -> int:
        return self._file.tell()


def _too_large() -> str:
    return f"it unpacks to more than {MOST_BYTES / 1024**3:g} GiB"


def _shown(name: str) -> str:
    text = ascii(name)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
