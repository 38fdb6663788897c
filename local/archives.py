"""Zip files that keep symbolic links and never write outside their folder.

Executable bits are lost, as in the source artifacts of CodePipeline.
"""

import io
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 4 << 30


class ArchiveError(ValueError):
    """The archive is no zip, too large, or would write outside its folder."""


def pack(files: Iterable[tuple[Path, str]]) -> bytes:
    """A zip of (file, name inside)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in files:
            archive.write(path, name)
    return out.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """Write the files of a zip below `folder`; raises ArchiveError."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise ArchiveError(str(error)) from None
    with archive:
        if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
            raise ArchiveError(f"the archive unpacks to more than {MAX_BYTES} bytes")
        links = []
        for info in archive.infolist():
            target = folder / info.filename
            if not target.resolve().is_relative_to(folder.resolve()):
                raise ArchiveError(f"'{info.filename}' leaves the folder")
            if stat.S_ISLNK(info.external_attr >> 16):
                links.append((target, archive.read(info).decode()))
            else:
                archive.extract(info, folder)
        for target, destination in links:  # last, so that nothing is written through one
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(destination)


def read(data: bytes, name: str) -> bytes:
    """One file of a zip; raises ArchiveError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(name)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ArchiveError(str(error).strip("\"'")) from None
