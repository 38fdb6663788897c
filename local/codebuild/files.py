"""Which files a buildspec's artifacts and reports sections name; pure but for reading folders."""

from collections.abc import Iterator
from pathlib import Path

from local.codebuild.buildspec import Files


class NoFiles(ValueError):
    """Nothing matches; the message is CodeBuild's."""


def collect(source: Path, files: Files) -> list[tuple[Path, str]]:
    """(file, name in the archive) in stable order; raises NoFiles."""
    base = source / files.base
    if not base.is_dir():
        raise NoFiles(f"no matching base directory path found for {files.base}")
    excluded = {path for pattern in files.exclude for path in _match(base, pattern)}
    found = []
    for pattern in files.patterns:
        matched = [path for path in _match(base, pattern) if path not in excluded]
        if not matched:
            raise NoFiles(f"no matching artifact paths found: {pattern}")
        found += matched
    names = {
        path: path.name if files.discard_paths else str(path.relative_to(base))
        for path in dict.fromkeys(found)
    }
    return list(names.items())


def _match(base: Path, pattern: str) -> Iterator[Path]:
    # `**/*` names the files of all folders; Path.glob's `**` names folders only
    return (path for path in sorted(base.glob(pattern)) if path.is_file())
