"""How quick serving is, beside what one might pick instead.

Two networks, as many processes on each side as there are cores, and one against one. In each round
every server is started alone, one after the other, warmed up, asked the same image over 1, 8 and 32
connections, and its answer compared. Linux only, for the memory.

`--add` adds rounds to those that were measured before from the same sources, and `--only` makes
those of one network: for a machine that one does not have for long.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept import Kept
from benchmarks.load import ask
from benchmarks.report import Row, ratios, table, write_page
from benchmarks.servers import Running, running
from benchmarks.serving_ways import HELLO, Launch, ways

SOURCES = ("container", "benchmarks/serving*.py", "benchmarks/load.py", "benchmarks/requirements")
NETWORKS = {"resnet": "ResNet-20", "cnn": "a small CNN"}
PROCESSES = os.cpu_count() or 1
CONNECTIONS = (1, 8, 32)
WARM_SECONDS = 0.7

Turn = dict[str, Any]  # what one server did in one round
Round = dict[str, Turn]


class ServingBench:
    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3))
        flat = {"name": "inputs", "shape": image.shape, "datatype": "FP32"}
        bodies = {
            "instances": image.tolist(),
            "inputs": [flat | {"data": image.ravel().tolist()}],
        }
        for key, value in bodies.items():
            text = json.dumps({key: value}, separators=(",", ":"))
            (folder / f"{key}.json").write_text(text)

    def round(self, network: str, processes: int, backwards: bool) -> Round:
        launches = ways(self._base(network), processes)
        names = [name for name in launches if name != HELLO or network == "cnn"]
        turns: Round = {}
        for name in reversed(names) if backwards else names:
            turns[name] = self._turn(name, launches[name])
            speeds = (f"{turn['requests_a_second']:,.0f}" for turn in turns[name]["loads"])
            print(f"{network}, {processes} processes, {name}: {', '.join(speeds)}", flush=True)
        self._compare(turns)
        return turns

    def _base(self, network: str) -> Path:
        base = self._folder / network
        if not base.exists():
            words = (sys.executable, "-m", "benchmarks.networks", network, str(base / "model"))
            subprocess.run(words, check=True)
        return base

    def _turn(self, name: str, launch: Launch) -> Turn:
        body = self._folder / f"{launch.body}.json"
        log = self._folder / f"{name}.log"
        with running(launch.command, log, launch.environment, launch.ping) as server:
            ask(server.port, launch.path, body, 8, WARM_SECONDS)
            loads = [self._load(server, launch, body, number) for number in CONNECTIONS]
            return {
                "loads": loads,
                "start": server.start_seconds,
                "megabytes": server.megabytes(),
                "answer": _probabilities(server, launch, body) if name != HELLO else None,
            }

    def _load(self, server: Running, launch: Launch, body: Path, connections: int) -> Turn:
        before = server.cpu_seconds()
        load = ask(server.port, launch.path, body, connections, self._seconds)
        used = server.cpu_seconds() - before
        cpu = 1000 * used / (load.requests_a_second * self._seconds)
        return asdict(load) | {"cpu": cpu}

    def _compare(self, turns: Round) -> None:
        answers = {name: turn.pop("answer") for name, turn in turns.items() if name != HELLO}
        for name, answer in answers.items():
            if not np.allclose(answer, answers["serve"], atol=1e-4):
                raise SystemExit(f"Error: {name} answers {answer}, serve {answers['serve']}")


def _probabilities(server: Running, launch: Launch, body: Path) -> list[float]:
    """The list of ten numbers in an answer, whatever its form."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{launch.path}",
        body.read_bytes(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  on loopback
        waiting = [json.load(answer)]
    for value in waiting:
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            if len(value) == 10:
                return value
            waiting += value
    raise SystemExit(f"Error: no ten probabilities are in the answer of {launch.command}")


class Comparison:
    """What came of some rounds of one network."""

    def __init__(self, rounds: Sequence[Round]) -> None:
        self._rounds = rounds
        self.names = list(rounds[0])

    def median(self, name: str, figure: str, at: int | None = None) -> float:
        return statistics.median(_figure(turns[name], figure, at) for turns in self._rounds)

    def ratio(self, name: str, figure: str, at: int | None = None) -> float:
        """The figure of `serve` by that of the other: the median of the rounds' own ratios."""
        return statistics.median(
            _figure(turns["serve"], figure, at) / _figure(turns[name], figure, at)
            for turns in self._rounds
        )

    def table(self) -> str:
        header = [
            "server",
            *(f"requests/s, {at} connections" for at in CONNECTIONS),
            *(f"p50 / p99 ms, {at}" for at in CONNECTIONS),
            "CPU ms a request, 8",
            "memory, MB",
            "start, s",
        ]
        return table(header, [self._row(name) for name in self.names])

    def _row(self, name: str) -> list[str]:
        speeds = [
            f"{self.median(name, 'requests_a_second', at):,.0f}"
            + ("" if name == "serve" else f" ({self.ratio(name, 'requests_a_second', at):.2f})")
            for at in CONNECTIONS
        ]
        waits = [
            f"{self.median(name, 'p50', at):.1f} / {self.median(name, 'p99', at):.1f}"
            for at in CONNECTIONS
        ]
        rest = [
            f"{self.median(name, 'cpu', 8):.2f}",
            f"{self.median(name, 'megabytes'):.0f}",
            f"{self.median(name, 'start'):.1f}",
        ]
        return [name, *speeds, *waits, *rest]

    def aim(
        self,
        where: str,
        against: str,
        figure: str,
        at: int | None = None,
        *,
        least: float | None = None,
        most: float | None = None,
    ) -> Row:
        ours, other = self.median("serve", figure, at), self.median(against, figure, at)
        what = f"{where}: {FIGURES[figure]}" + (f", {at} connections" if at else "")
        return Row(
            what,
            against,
            f"{ours:,.4g} : {other:,.4g}",
            self.ratio(against, figure, at),
            least,
            most,
        )


FIGURES = {
    "requests_a_second": "requests/s",
    "p99": "p99, ms",
    "megabytes": "memory, MB",
    "start": "start, s",
}


def _figure(turn: Turn, figure: str, at: int | None) -> float:
    return float(turn[figure] if at is None else turn["loads"][CONNECTIONS.index(at)][figure])


def write(folder: Path, rounds: dict[tuple[str, int], list[Round]]) -> None:
    found = {key: Comparison(value) for key, value in rounds.items()}
    parts = []
    for (network, processes), comparison in found.items():
        many = f"{processes} processes" if processes > 1 else "one process"
        parts += [f"## {NETWORKS[network]}, {many} on each side", comparison.table()]
    resnet, cnn = found["resnet", PROCESSES], found["cnn", PROCESSES]
    speed, bare = "requests_a_second", "bare ASGI"
    aims = [
        *(resnet.aim("ResNet-20", bare, speed, at, least=1) for at in (8, 32)),
        *(cnn.aim("small CNN", bare, speed, at, least=0.95) for at in (8, 32)),
        *(
            resnet.aim("ResNet-20", other, speed, 8, least=1.2)
            for other in ("FastAPI, untyped", "MLServer")
        ),
        resnet.aim("ResNet-20", bare, "p99", 32, most=1),
        *(
            resnet.aim("ResNet-20", "FastAPI, untyped", one, most=1)
            for one in ("megabytes", "start")
        ),
    ]
    parts += ["## What was aimed at", ratios(aims)]
    notes = {
        name: launch.note
        for (network, processes) in found
        for name, launch in ways(folder / network, processes).items()
    }
    parts += [READING, "\n".join(f"- **{name}**: {note}." for name, note in notes.items())]
    counts = sorted({len(value) for value in rounds.values()})
    write_page("serving", parts, f"Medians of {' to '.join(map(str, counts))} rounds.")


READING = """\
## How to read it

- `(0.92)`: `serve` answers 0.92 times as many requests as this one; above 1 it leads. It is the
  median of the ratios of the rounds, not the ratio of the medians.
- In each round every server is started, alone on the machine, warmed up, and asked the same image
  with its 3,072 numbers as JSON; then the next one, in the opposite order every second round. All
  answers are compared: the same ten probabilities, to 0.0001.
- The client runs on the same cores, and the quicker a server answers, the more it takes of them.
- The engine has one thread in each process that predicts, and none spins.
- CPU is of all processes of the server, the kernel's for it included. Memory is of all processes,
  after the load, what they share counted once (PSS). Start is until the first healthy answer; of
  those with several processes one may answer before the others do, but for LitServe and MLServer.

What each is, and what it does not do:
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.2, help="of each load")
    parser.add_argument("--only", choices=NETWORKS)
    parser.add_argument("--add", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers have to end too
    kept = Kept("serving", *SOURCES, add=args.add)
    bench = ServingBench(kept.folder, args.seconds)
    groups = [(network, processes) for processes in (PROCESSES, 1) for network in NETWORKS]
    rounds: dict[tuple[str, int], list[Round]] = {group: [] for group in groups}
    for line in kept.read():
        rounds[line["network"], line["processes"]].append(line["turns"])
    for _ in range(args.rounds):
        for network, processes in groups:
            if args.only in (None, network):
                before = rounds[network, processes]
                turns = bench.round(network, processes, backwards=len(before) % 2 == 1)
                # In the order of the first round
                before.append({name: turns[name] for name in (before[0] if before else turns)})
                kept.add({"network": network, "processes": processes, "turns": before[-1]})
    if all(rounds.values()):
        write(kept.folder, rounds)


if __name__ == "__main__":
    main()
