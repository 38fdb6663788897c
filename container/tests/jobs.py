"""Training jobs as SageMaker runs them: the executable `train` in a process for each host.

The processes are forks of one that has imported TensorFlow, which takes longer than most jobs here.
"""

import hashlib
import json
import multiprocessing
import os
import re
import runpy
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from waiting import SECONDS, until

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3"}  # read on import
CONTAINER = Path(__file__).parents[1]


@dataclass
class Host:
    """One /opt/ml and the process that works in it."""

    base: Path
    process: BaseProcess

    def end(self) -> tuple[int, str]:
        """Exit code and log."""
        self.process.join(SECONDS)
        assert self.process.exitcode is not None, "it did not end"
        return self.process.exitcode, (self.base / "log").read_text()

    def send(self, number: int) -> None:
        """A signal."""
        assert self.process.pid
        os.kill(self.process.pid, number)

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
            **QUIET,
        }
        arguments = (str(self.folder / "program/train"), environment, str(base / "log"))
        process = _processes().Process(target=_run, args=arguments)
        process.start()
        return Host(base, process)


@cache
def _processes() -> Any:
    """On macOS its libraries bear no fork."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tensorflow", "keras"])
    with patch.dict(os.environ, QUIET):
        forkserver.ensure_running()
    return context


def _run(program: str, environment: dict[str, str], log: str) -> None:
    """What `python3 PROGRAM` does, in the process."""
    with Path(log).open("w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [program]
    sys.path.insert(0, str(Path(program).parent))
    runpy.run_path(program, run_name="__main__")


def resumed_at(log: str) -> int:
    found = re.search(r"resumed after step (\d+)", log)
    assert found, log
    return int(found[1])
