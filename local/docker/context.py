"""The build context, as docker sends it to its daemon."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from local.docker.ignore import excluded, patterns


def send(context: Path, folder: Path) -> None:
    """Copy the context's files to `folder`, without what its .dockerignore keeps out."""
    ignored = context / ".dockerignore"
    rules = patterns(ignored.read_text()) if ignored.is_file() else []
    folder.mkdir(parents=True)
    for path in _walk(context):
        name = path.relative_to(context).as_posix()
        if not excluded(name, rules):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / name, follow_symlinks=False)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        yield from (Path(parent) / name for name in sorted(files + links))
