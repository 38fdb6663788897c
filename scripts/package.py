"""The repository's first content as a zip that is the same bytes every time."""

import hashlib
import io
import os
import stat
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path

from scripts.session import Problem

CACHES = {
    "__pycache__",
    ".pytest_cache",
    ".ruff_cache",
    ".mypy_cache",
    ".git",
    ".venv",
    ".DS_Store",
    ".ipynb_checkpoints",
}
# The oldest time a zip can hold: a checkout's own times would change the bytes
EPOCH = (1980, 1, 1, 0, 0, 0)


def code_files(root: Path) -> list[Path]:
    """The code's files, relative to root and sorted: those of git, or all but caches."""
    if not root.is_dir():
        raise Problem(f"the code folder {root} is missing: run this in the project's folder")
    files = git_files(root) or [
        path.relative_to(root) for path in root.rglob("*") if path.is_file()
    ]
    return sorted(
        path
        for path in files
        if not CACHES & set(path.parts) and path.suffix != ".pyc" and (root / path).is_file()
    )


def git_files(root: Path) -> list[Path]:
    """What git tracks or would add below root; nothing where git or the repository is absent."""
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *listing],
            capture_output=True,
            check=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return [Path(name) for name in answer.stdout.split("\0") if name]


def zip_bytes(root: Path, files: Iterable[Path]) -> bytes:
    """A zip of the files: fixed order and times, executable bits kept (CodeCommit reads them)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.as_posix(), EPOCH)
            mode = 0o755 if os.access(root / path, os.X_OK) else 0o644
            entry.create_system = 3  # Unix: the only one whose mode bits are read
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (root / path).read_bytes())
    return buffer.getvalue()


def template_key(body: bytes) -> str:
    """An S3 key that changes with the content, so that a launch link never changes its meaning."""
    return f"templates/{hashlib.sha256(body).hexdigest()[:16]}.yaml"
