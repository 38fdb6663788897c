"""How quick training is: the product's job beside what one might write instead.

Handwritten digits, ResNet-20, batches of 128. In each round all ways take their turn, in the
opposite order every second round; the figures are medians of the rounds.

`--add` adds rounds to those that were measured before from the same sources, and `--only` makes
those of one group: for a machine that one does not have for long.
"""

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.environments import programs, version
from benchmarks.kept import Kept
from benchmarks.report import Row, processor, ratios, table, write_page
from scripts.lib import tfrecord
from scripts.lib.digits import write_digits

SOURCES = (
    *("container", "benchmarks/training*.py", "benchmarks/environments.py"),
    *("benchmarks/requirements/torch.txt", "scripts/lib/digits.py"),
)
DEPTH = 20
BATCH = 128
EPOCHS = 2  # the first is that of the tracing
SECONDS = 6.0
SPREAD, TRIES = 0.75, 4  # the share of the cores below which Keras' `fit` is started anew
# TensorFlow decides by the processor where this is not given (its DefaultOneDnnPolicy)
PLAIN, ONEDNN = {"TF_ENABLE_ONEDNN_OPTS": "0"}, {"TF_ENABLE_ONEDNN_OPTS": "1"}
ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


@dataclass(frozen=True)
class TrainingBench:
    """`folder/training` is the channel that all ways read, but torch, which gets arrays."""

    folder: Path

    @classmethod
    def create(cls, folder: Path) -> "TrainingBench":
        digits, channel = folder / "digits", folder / "training"
        if channel.exists():
            return cls(folder)
        write_digits(digits)
        records = digits / "train.tfrecords"
        images, labels = zip(
            *(tfrecord.read(records, at) for at in range(tfrecord.count(records))), strict=True
        )
        np.savez(folder / "training.npz", images=np.stack(images), labels=np.array(labels))
        channel.mkdir()
        for number in (0, 1):
            shutil.copy(records, channel / f"train-{number}.tfrecords")
        for name in ("validation", "eval"):
            shutil.copy(digits / f"{name}.tfrecords", channel)
        return cls(folder)

    def peer(self, way: str, environment: dict[str, str]) -> float:
        """Images a second of a way in training_peers."""
        return _speed(self._peer(way, environment))

    def fit(self, environment: dict[str, str]) -> float:
        """At its best: some processes of it leave a core idle from first step to last."""
        speeds = []
        for _ in range(TRIES):
            log = self._peer("fit", environment)
            speeds.append(_speed(log))
            if _last("cores", log) >= SPREAD * (os.cpu_count() or 1):
                break
        return max(speeds)

    def _peer(self, way: str, environment: dict[str, str]) -> str:
        module = (sys.executable, "-m", "benchmarks.training_peers", way)
        return self._ask(*module, str(self.folder / "training"), environment=environment)

    def torch(self, *options: str) -> float:
        module = (str(programs("torch") / "python"), "-m", "benchmarks.training_torch", *options)
        kept = {"TORCHINDUCTOR_CACHE_DIR": str(self.folder / "inductor")}
        return _speed(self._ask(*module, str(self.folder / "training.npz"), environment=kept))

    def _ask(self, *words: str, environment: dict[str, str]) -> str:
        command = (*words, f"--seconds={SECONDS}")
        given = os.environ | environment
        done = subprocess.run(command, env=given, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"Error: a way to train failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def job(self, precision: str = "float32", workers: int = 1, threads: str = "all") -> float:
        """Images a second in the last epoch of a job as SageMaker runs it."""
        choice = {"depth": DEPTH, "epochs": EPOCHS, "batch_size": BATCH * workers}
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
    return _last("images_per_second", log)


def _last(what: str, log: str) -> float:
    """The last that was told."""
    found = re.findall(rf"{what}=([\d.]+)", log)
    if not found:
        sys.exit(f"Error: a way to train ended without a result:\n{log}")
    return float(found[-1])


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@dataclass(frozen=True)
class Way:
    measure: Callable[[], float]
    note: str


JOB, ONE, TWO = "the job", "one worker", "two workers"
FIT, FIT_ONEDNN = "Keras `fit`, oneDNN off", "Keras `fit`, oneDNN on"
BARE, CONVOLUTIONS, TUTORIAL = "a bare step", "the convolutions alone", "image by image"
TORCH, TORCH_COMPILED, JOB_BFLOAT16 = "torch, channels last", "torch, compiled", "the job, bfloat16"


def groups(bench: TrainingBench) -> dict[str, dict[str, Way]]:
    ways = {
        JOB: Way(
            bench.job,
            "`train` as SageMaker runs it: records read, mixed, flipped and shifted, its results "
            "read and a stop heeded at each step; float32; the second epoch, into which no "
            "checkpoint falls (one a minute)",
        ),
        FIT: Way(
            lambda: bench.fit(PLAIN),
            "the same network of Keras' own layers, the same reading, flipping and shifting, as "
            "its guides write it; oneDNN off, as it is by itself on processors without VNNI "
            "or bfloat16",
        ),
        FIT_ONEDNN: Way(
            lambda: bench.fit(ONEDNN),
            "the same with `TF_ENABLE_ONEDNN_OPTS=1`, which `train` sets too, and TensorFlow by "
            "itself on processors with one of these",
        ),
        TORCH: Way(
            bench.torch,
            f"{version('torch')}; the same network, optimizer, flips and shifts, in eager mode; "
            "the data is a tensor in memory, flipped and shifted by the training itself before "
            "each step, not ahead of it as with TensorFlow, which was not measured apart",
        ),
        BARE: Way(
            lambda: bench.peer("bare", ONEDNN),
            "the product's network on one batch in memory, oneDNN on: nothing is read or shifted",
        ),
        CONVOLUTIONS: Way(
            lambda: bench.peer("convolutions", ONEDNN),
            "those of the network, there and back, oneDNN on, and nothing between them: no network "
            "trains so; it is the limit of TensorFlow's kernels on this processor",
        ),
        TUTORIAL: Way(
            lambda: bench.peer("tutorial", PLAIN),
            "no competitor: batches of one, each parsed for itself, oneDNN off: how the tutorial "
            "trains that this project began as",
        ),
    }
    if shutil.which("g++"):
        ways[TORCH_COMPILED] = Way(
            lambda: bench.torch("--compile"),
            "the same by `torch.compile`, which needs a compiler of C++, and a minute at first, "
            "which is not counted",
        )
    if "bf16" in processor():
        ways[JOB_BFLOAT16] = Way(lambda: bench.job("mixed_bfloat16"), "the same in bfloat16")
    workers = {
        ONE: Way(lambda: bench.job(threads="one"), "the job with one thread, batches of 128"),
        TWO: Way(
            lambda: bench.job(workers=2, threads="one"),
            "two such jobs, of one thread and 128 images a step each, on this machine over "
            "loopback: what a network between two machines takes is not in it; they normalize over "
            "both batches together, by other operations than one worker does",
        ),
    }
    return {"ways": ways, "workers": workers}


Rounds = list[dict[str, float]]  # images a second by way


def medians(rounds: Rounds, name: str, against: str) -> tuple[float, float, float]:
    """Of both, and of the ratios of the rounds."""
    one, other = (statistics.median(speeds[each] for speeds in rounds) for each in (name, against))
    return one, other, statistics.median(speeds[name] / speeds[against] for speeds in rounds)


def write(
    groups: dict[str, dict[str, Way]],
    rounds: dict[str, Rounds],
    kept: Sequence[Mapping[str, Any]],
) -> None:
    def row(what: str, against: str, least: float, group: str = "ways") -> Row:
        ours, theirs, ratio = medians(rounds[group], what, against)
        each = [speeds[what] / speeds[against] for speeds in rounds[group]]
        figures = f"{ours:.0f} : {theirs:.0f} images/s"
        return Row(what, against, figures, ratio, least, spread=each)

    parts = []
    for group, ways in groups.items():
        lines = []
        for name, way in ways.items():
            if group == "ways":
                _, speed, ratio = medians(rounds[group], JOB, name)
            else:
                speed, _, ratio = medians(rounds[group], name, ONE)
            lines.append((name, f"{speed:.0f}", f"{ratio:.2f}", way.note))
        compared = "the job ÷ this" if group == "ways" else "this ÷ one worker"
        parts.append(table(("way", "images/s", compared, "what it is"), lines))
    aims = [
        row(JOB, FIT, 1.8),
        row(JOB, FIT_ONEDNN, 1.1),
        *(row(JOB, way, 0.95) for way in (TORCH, TORCH_COMPILED) if way in groups["ways"]),
        row(JOB, BARE, 0.9),
        row(JOB, CONVOLUTIONS, 0.8),
        row(TWO, ONE, 1.4, "workers"),
    ]
    parts.insert(1, ratios(aims))
    parts.insert(0, READING)
    if TORCH_COMPILED not in groups["ways"]:
        parts.append("`torch.compile` is left out: it needs a compiler of C++, and none was there.")
    counts = f"Medians of {len(rounds['ways'])} rounds, of the workers of {len(rounds['workers'])}."
    write_page("training", parts, counts, kept)


READING = f"""\
A ResNet-{DEPTH} learns 1,257 pictures of handwritten digits, 32 x 32 x 3, each twice an epoch, in
batches of {BATCH}. The job's second epoch is timed, 19 steps, or 9 with two workers; of the other
ways {SECONDS:g} s after 22 steps. Before that epoch the job judges itself on other pictures, which
is not timed, and may read its first two batches meanwhile.

A ratio is the median of the ratios of the rounds, not that of the medians beside it; the least and
the most of them are in brackets.

Some processes of Keras' `fit` leave one of two cores idle throughout, for a reason that was not
found, and are half as quick: where less than three quarters of the cores were used, it was started
anew, up to three times, and the quickest counts. Of the other ways the cores were not looked at."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("ways", "workers"))
    parser.add_argument("--add", action="store_true")
    args = parser.parse_args()
    kept = Kept("training", *SOURCES, add=args.add)
    found = groups(TrainingBench.create(kept.folder))
    rounds: dict[str, Rounds] = {group: [] for group in found}
    for line in kept.read():
        rounds[line["group"]].append(line["speeds"])
    for _ in range(args.rounds):
        for group, ways in found.items():
            if args.only in (None, group):
                backwards = len(rounds[group]) % 2 == 1
                speeds = {}
                for name in reversed(ways) if backwards else ways:
                    speeds[name] = ways[name].measure()
                    print(f"{name}: {speeds[name]:.0f} images/s", flush=True)
                rounds[group].append(speeds)
                kept.add({"group": group, "speeds": speeds})
    if all(rounds.values()):
        write(found, rounds, kept.read())


if __name__ == "__main__":
    main()
