"""Checkpoints of a training job: /opt/ml/checkpoints and its place in S3, kept the same.

SageMaker Developer Guide, "Checkpoints in Amazon SageMaker AI": what lies in S3 is copied to every
instance when the job starts; what is written to the folder goes to S3 while the job runs; a file
that is deleted in the container is deleted in S3. All instances share the one prefix, and names of
their own are the program's business ("Considerations for checkpointing"). The guide does not say
whose delete counts; here an instance deletes only what it restored or wrote, and what another has
written since stays.
"""

import contextlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from local.background import background
from local.sagemaker import container

# What AWS's own containers name their unfinished files, so that they are not uploaded
# (github.com/aws/sagemaker-xgboost-container, checkpointing.py)
IGNORED = ".sagemaker-ignore"
SYNC_SECONDS = 1.0

Version = tuple[int, int, int]


@contextlib.contextmanager
def synced(s3: Any, uri: str | None, folders: Sequence[Path]) -> Iterator[None]:
    """Fill the folders, one an instance, and copy their changes while the block runs and after it.

    Raises ClientError where S3 refuses; without a `uri` nothing is copied.
    """
    if uri is None:
        yield
        return
    checkpoints = CheckpointSync(s3, uri, folders)
    ended = threading.Event()
    follower = background(checkpoints.follow, ended)
    try:
        yield
    finally:
        ended.set()
        follower.join()
    checkpoints.sync()


class CheckpointSync:
    """What each instance's folder held when it was last the same as S3."""

    def __init__(self, s3: Any, uri: str, folders: Sequence[Path]) -> None:
        self._s3 = s3
        self._bucket, prefix = container.split(uri)
        self._prefix = prefix and prefix.rstrip("/") + "/"
        for folder in folders:
            container.download(s3, f"s3://{self._bucket}/{self._prefix}", folder)
        self._known = {folder: _versions(folder) for folder in folders}
        self._writers: dict[str, Path] = {}

    def follow(self, ended: threading.Event) -> None:
        """Sync until `ended`. What S3 refuses ends it: the last sync will tell the job."""
        while not ended.wait(SYNC_SECONDS):
            self.sync()

    def sync(self) -> None:
        """Copy what has changed since the last time; a file that is being written comes again."""
        for folder, known in self._known.items():
            found = _versions(folder)
            for name, version in found.items():
                if known.get(name) != version and self._upload(folder, name):
                    known[name] = version
            for name in known.keys() - found.keys():
                if self._writers.get(name, folder) == folder:
                    self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + name)
                del known[name]

    def _upload(self, folder: Path, name: str) -> bool:
        """From a copy, whose length does not change on the way; False if the file is gone."""
        with tempfile.NamedTemporaryFile(dir=folder.parents[1]) as copy:  # beside /opt/ml
            try:
                shutil.copyfile(folder / name, copy.name)
            except FileNotFoundError:
                return False
            self._s3.upload_file(copy.name, self._bucket, self._prefix + name)
        self._writers[name] = folder
        return True


def _versions(folder: Path) -> dict[str, Version]:
    """Every file's name, and what differs once it is written or replaced. Raises OSError."""
    found = {}
    for parent, _, names in os.walk(folder, onerror=_unless_gone):
        for path in (Path(parent, name) for name in names if not name.endswith(IGNORED)):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                if stat.S_ISREG(status.st_mode):
                    name = path.relative_to(folder).as_posix()
                    found[name] = (status.st_ino, status.st_size, status.st_mtime_ns)
    return found


def _unless_gone(error: OSError) -> None:
    """A folder may go while we look; one that cannot be read must not count as empty."""
    if not isinstance(error, FileNotFoundError):
        raise error
