"""The state of a training in one file, so that it can go on at exactly the step it was at.

SageMaker copies /opt/ml/checkpoints to S3 while the job runs, and back when it starts again
(SageMaker Developer Guide, "Checkpoints in Amazon SageMaker AI"). It copies file by file and at any
moment: hence one file a checkpoint, written aside and renamed, whose checksums tell whether it is
whole.
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
_NAME = re.compile(r"step-(\d{9})\.npz")


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training, in a folder that no other training uses."""

    folder: Path

    def save(self, step: int, arrays: Arrays) -> None:
        """Writes the state after `step` steps, then removes all but the newest two."""
        self.folder.mkdir(parents=True, exist_ok=True)
        aside = self.folder / ".writing"
        with aside.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.folder / f"step-{step:09d}.npz")
        for old in sorted(self._files())[:-KEPT]:
            self._files()[old].unlink()

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
