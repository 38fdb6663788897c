"""Which files of a folder a build gets: its context (.dockerignore), and what COPY takes of it."""

import glob
import os
import posixpath
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from local.refusals import unsupported


def send(context: Path, folder: Path) -> None:
    """Copy the context to `folder`, as to a daemon: without what its .dockerignore keeps out."""
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


def patterns(text: str) -> list[tuple[re.Pattern[str], bool]]:
    """A .dockerignore as (pattern, excludes) in order: the last one that matches decides
    (Docker docs, "Build context", ".dockerignore files")."""
    found = []
    for line in text.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        excludes = not rule.startswith("!")
        rule = rule.removeprefix("!").strip("/").removeprefix("./")
        found.append((re.compile(_expression(rule) + r"(/.*)?"), excludes))
    return found


def excluded(path: str, rules: Sequence[tuple[re.Pattern[str], bool]]) -> bool:
    """Whether a file (path from the context's root, with /) stays out of the context."""
    verdict = False
    for pattern, excludes in rules:
        if pattern.fullmatch(path):
            verdict = excludes
    return verdict


def _expression(rule: str) -> str:
    out = ""
    for piece in re.findall(r"\*\*/?|\*|\?|\[[^]]*\]|.", rule):
        if piece == "**/":
            out += "(.*/)?"
        elif piece == "**":
            out += ".*"
        elif piece == "*":
            out += "[^/]*"
        elif piece == "?":
            out += "[^/]"
        else:
            out += piece if len(piece) > 1 else re.escape(piece)
    return out


def copy(
    source: Path, names: Sequence[str], root: Path, destination: str, chmod: str | None
) -> None:
    """Copy `names` (globs below `source`) to the absolute path `destination` below `root`, as
    COPY does (Dockerfile reference, "COPY").

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
