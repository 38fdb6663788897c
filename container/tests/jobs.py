"""Training jobs as SageMaker runs them: the executable `train` in a process for each host."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from waiting import SECONDS, until

CONTAINER = Path(__file__).parents[1]


@dataclass
class Host:
    """One /opt/ml and the process that works in it."""

    base: Path
    process: "subprocess.Popen[str]"

    def end(self) -> tuple[int, str]:
        """Exit code and log."""
        log = self.process.communicate(timeout=SECONDS)[0]
        return self.process.returncode, log

    @property
    def failure(self) -> str | None:
        file = self.base / "output/failure"
        return file.read_text() if file.exists() else None

    def saved(self) -> list[Path]:
        """Checkpoints, the oldest first."""
        return sorted(self.base.glob("checkpoints/*/step-*.npz"))

    def step(self) -> int:
        """Of the last checkpoint; 0 before the first."""
        saved = self.saved()
        return int(saved[-1].stem[-9:]) if saved else 0

    def wait_for_step(self, step: int) -> None:
        until(lambda: self.step() >= step)

    def weights(self) -> str:
        """A digest of all that the last checkpoint holds."""
        digest = hashlib.sha256()
        with np.load(self.saved()[-1]) as stored:
            for name in sorted(stored):
                digest.update(name.encode() + stored[name].tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Job:
    """The program, its data and its hyperparameters, to be started as often as a test likes."""

    folder: Path
    hyperparameters: dict[str, str]

    @classmethod
    def create(cls, folder: Path, channel: Path, **hyperparameters: object) -> "Job":
        program = folder / "program"
        program.mkdir(parents=True)
        shutil.copy(CONTAINER / "train", program)
        shutil.copy(CONTAINER / "tests/tiny_model.py", program / "model.py")
        (program / "training").symlink_to(CONTAINER / "training")
        (folder / "channel").symlink_to(channel)
        return cls(folder, {name: str(value) for name, value in hyperparameters.items()})

    def start(self, rank: int = 0, ports: tuple[int, ...] = (0,)) -> Host:
        """The host number rank + 1 of as many as there are ports; /opt/ml stays between starts."""
        hosts = [f"algo-{number + 1}" for number in range(len(ports))]
        base = self.folder / hosts[rank]
        config = base / "input/config"
        shutil.rmtree(base / "input", ignore_errors=True)
        config.mkdir(parents=True)
        (base / "input/data").mkdir()
        (base / "input/data/training").symlink_to(self.folder / "channel")
        resources = {"current_host": hosts[rank], "hosts": hosts}
        (config / "resourceconfig.json").write_text(json.dumps(resources))
        (config / "hyperparameters.json").write_text(json.dumps(self.hyperparameters))
        environment = {
            **os.environ,
            "SAGEMAKER_BASE_DIR": str(base),
            "TRAINING_ADDRESSES": ",".join(f"127.0.0.1:{port}" for port in ports),
            # One thread: in which order numbers are added up then never changes
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        process = subprocess.Popen(
            [sys.executable, self.folder / "program/train"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Host(base, process)


def resumed_at(log: str) -> int:
    found = re.search(r"resumed after step (\d+)", log)
    assert found, log
    return int(found[1])
