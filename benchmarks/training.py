"""How quick training is: ratios to other ways, measured side by side in one run.

Handwritten digits, ResNet-20. Each figure is the best of some rounds, in each of which all ways
take their turn: what else a machine does makes all of them slower, and none quicker.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Row, processor, write
from scripts.lib.digits import write_digits

DEPTH = 20
BATCH = 128
SECONDS = 10.0
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


@dataclass(frozen=True)
class TrainingBench:
    """`folder/training` is the channel that all ways read."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "TrainingBench":
        digits, channel = folder / "digits", folder / "training"
        write_digits(digits)
        channel.mkdir()
        for number in (0, 1):
            shutil.copy(digits / "train.tfrecords", channel / f"train-{number}.tfrecords")
        for name in ("validation", "eval"):
            shutil.copy(digits / f"{name}.tfrecords", channel)
        return cls(folder)

    def peer(self, way: str, precision: str = "float32") -> float:
        """Images a second of a way in training_peers."""
        options = {"depth": DEPTH, "seconds": SECONDS, "batch-size": BATCH, "precision": precision}
        words = [f"--{name}={value}" for name, value in options.items()]
        records = self.folder / "training/train-0.tfrecords"
        command = [sys.executable, "-m", "benchmarks.training_peers", way, str(records), *words]
        return _speed(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    def job(self, precision: str = "float32", workers: int = 1, threads: str = "all") -> float:
        """Images a second in the last epoch of a job as SageMaker runs it."""
        choice = {"depth": DEPTH, "epochs": 3, "batch_size": BATCH * workers}
        text = json.dumps({name: str(value) for name, value in choice.items()})
        hosts = [f"algo-{number + 1}" for number in range(workers)]
        addresses = ",".join(f"127.0.0.1:{port}" for port in _free_ports(workers))
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TRAINING_ADDRESSES": addresses,
            **(ONE_THREAD if threads == "one" else {}),
        }
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch, ExitStack() as running:
            processes = []
            for host in hosts:
                base = Path(scratch) / host
                config = base / "input/config"
                config.mkdir(parents=True)
                (base / "input/data").mkdir()
                (base / "input/data/training").symlink_to(self.folder / "training")
                (config / "hyperparameters.json").write_text(
                    text.replace("}", f', "precision": "{precision}"}}')
                )
                resources = {"hosts": hosts, "current_host": host}
                (config / "resourceconfig.json").write_text(json.dumps(resources))
                process = subprocess.Popen(
                    [sys.executable, "container/train"],
                    env={**environment, "SAGEMAKER_BASE_DIR": str(base)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                )
                processes.append(running.enter_context(process))
            logs = [process.communicate(timeout=600)[0] for process in processes]
        return _speed(logs[0])


def _speed(log: str) -> float:
    """The last that was told."""
    found = re.findall(r"images_per_second=([\d.]+)", log)
    if not found:
        sys.exit(f"Error: a way to train ended without a result:\n{log}")
    return float(found[-1])


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    has_bfloat16 = "bf16" in processor()
    with tempfile.TemporaryDirectory() as folder:
        bench = TrainingBench.create(Path(folder))
        ways: dict[str, Callable[[], float]] = {
            "one by one": lambda: bench.peer("one-by-one"),
            "bare step": lambda: bench.peer("bare"),
            "job": bench.job,
            **({"job, bfloat16": lambda: bench.job("mixed_bfloat16")} if has_bfloat16 else {}),
            "one worker": lambda: bench.job(threads="one"),
            "two workers": lambda: bench.job(workers=2, threads="one"),
        }
        speeds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(1, rounds + 1):
            for name, measure in ways.items():
                speeds[name].append(measure())
                print(f"round {number}: {name} {speeds[name][-1]:.0f} images/s", flush=True)
    speed = {name: max(found) for name, found in speeds.items()}

    def row(what: str, against: str, ours: str, theirs: str, least: float) -> Row:
        figures = f"{speed[ours]:.0f} : {speed[theirs]:.0f} images/s"
        return Row(what, against, figures, speed[ours] / speed[theirs], least)

    way = "batch 1, parsed one by one, float32"
    write(
        "training",
        [
            row("training, float32", way, "job", "one by one", 7),
            *(
                [row("training, bfloat16", way, "job, bfloat16", "one by one", 10)]
                if has_bfloat16
                else []
            ),
            row(
                "training, all of it, float32",
                "a bare step on data in memory, float32",
                "job",
                "bare step",
                0.9,
            ),
            row(
                "two one-thread workers, 128 images each",
                "one, 128 images",
                "two workers",
                "one worker",
                1.4,
            ),
        ],
        "" if has_bfloat16 else "The processor does not compute in bfloat16.",
    )


if __name__ == "__main__":
    main()
