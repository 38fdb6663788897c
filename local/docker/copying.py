"""COPY (Dockerfile reference, "COPY"): files of one folder into another."""

import glob
import posixpath
import shutil
from collections.abc import Sequence
from pathlib import Path

from local.refusals import unsupported


def copy(
    source: Path, names: Sequence[str], root: Path, destination: str, chmod: str | None
) -> None:
    """Copy `names` (globs below `source`) to the absolute path `destination` below `root`.

    A folder's content is copied, not the folder; several sources need a destination that ends
    in /. chmod: octal text. Raises ValueError.
    """
    found = [path for name in names for path in _sources(source, name)]
    target = root / posixpath.normpath(destination).lstrip("/")
    into = destination.endswith(("/", "/.")) or target.is_dir()
    if (len(found) > 1 or len(names) > 1) and not into:
        raise ValueError("COPY of several sources needs a destination folder that ends with /")
    for path in found:
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
            copied = [target / file.relative_to(path) for file in sorted(path.rglob("*"))]
        else:
            file = target / path.name if into else target
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, file, follow_symlinks=False)
            copied = [file]
        if chmod is not None:
            _chmod(copied, chmod)


def _sources(source: Path, name: str) -> list[Path]:
    # a path that climbs out is read from the context's root, as docker does
    inside = posixpath.normpath("/" + name).lstrip("/")
    found = sorted(source.glob(inside)) if glob.has_magic(inside) else [source / inside]
    if not found or not all(path.exists() or path.is_symlink() for path in found):
        raise ValueError(f'failed to compute cache key: "/{inside}": not found')
    return found


def _chmod(paths: Sequence[Path], mode: str) -> None:
    if not mode or set(mode) - set("01234567"):
        raise ValueError(unsupported(f"COPY --chmod={mode}", "octal modes"))
    for path in paths:
        if not path.is_symlink():
            path.chmod(int(mode, 8))
