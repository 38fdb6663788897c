"""The state of a training in one file, so that it can go on at exactly the step it was at.

SageMaker copies /opt/ml/checkpoints to S3 while the job runs, and back when it starts again
(SageMaker Developer Guide, "Checkpoints in Amazon SageMaker AI"). It copies file by file and at any
moment: hence one file a checkpoint, written aside and renamed, whose checksums tell whether it is
whole. It leaves names with IGNORED alone, and marks with UPLOADING and UPLOADED what it is at, as
AWS's own containers rely on (github.com/aws/sagemaker-xgboost-container, checkpointing.py).
"""

import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[np.generic]]

KEPT = 2  # a second, in case the newest did not reach S3 whole
IGNORED, UPLOADING, UPLOADED = (
    f".sagemaker-{word}" for word in ("ignore", "uploading", "uploaded")
)
_NAME = re.compile(r"step-(\d{9})\.npz")


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training, in a folder that no other training uses."""

    folder: Path

    def save(self, step: int, arrays: Arrays) -> None:
        """Writes the state after `step` steps, then removes all but the newest two."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / f"step-{step:09d}.npz{IGNORED}"
        with aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.folder / f"step-{step:09d}.npz")
        # What is beyond this step was of no use, or we would have gone on from there
        beyond = [path for number, path in self._files().items() if number > step]
        for path in beyond:
            path.unlink()
        for _, old in sorted(self._files().items())[:-KEPT]:
            if not _marked(old, UPLOADING) or _marked(old, UPLOADED):
                old.unlink()

    def steps(self) -> list[int]:
        """The newest first; a checkpoint that cannot be read counts as absent."""
        return [step for step in sorted(self._files(), reverse=True) if self._whole(step)]

    def load(self, step: int) -> dict[str, NDArray[np.generic]]:
        """The state after `step` steps."""
        with np.load(self._files()[step], allow_pickle=False) as stored:
            return dict(stored)

    def _files(self) -> dict[int, Path]:
        found = ((_NAME.fullmatch(path.name), path) for path in self.folder.glob("step-*"))
        return {int(match[1]): path for match, path in found if match}

    def _whole(self, step: int) -> bool:
        try:
            self.load(step)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
            return False
        return True


def _marked(file: Path, mark: str) -> bool:
    return file.with_name(file.name + mark).exists()
