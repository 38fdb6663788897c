"""How quick serving is, beside what one might pick instead.

Two networks, as many processes on each side as there are cores, and one against one. In each round
every server is started alone, one after the other, warmed up, asked the same image over 1, 8 and 32
connections, and its answer compared. Linux only, for the memory.
The benchmark itself loads no numpy or uvloop, whose pages some servers would share with it.

`--add` adds rounds to those that were measured before from the same sources, and `--only` makes
those of one network: for a machine that one does not have for long.
"""

import argparse
import json
import math
import os
import random
import signal
import subprocess
import sys
import urllib.request
from dataclasses import asdict
from pathlib import Path

from benchmarks.kept import Kept
from benchmarks.load import ask
from benchmarks.servers import Running, running
from benchmarks.serving_page import CONNECTIONS, NETWORKS, Round, Turn, write
from benchmarks.serving_ways import HELLO, TENSORFLOW, Launch, ways

SOURCES = (
    *("container", "benchmarks/serving*.py", ":!benchmarks/serving_page.py"),
    *("benchmarks/load.py", "benchmarks/networks.py", "benchmarks/servers.py"),
    *("benchmarks/environments.py", "benchmarks/requirements"),
)
PROCESSES = os.cpu_count() or 1
WARM_SECONDS = 1.5
# One network says it all
ONLY = {HELLO: "cnn"} | {name: "resnet" for name, *_ in TENSORFLOW}
SPREAD, TRIES = 0.75, 4  # the share of the cores below which connections are opened anew


class ServingBench:
    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        numbers = random.Random(0).choices(range(256), k=32 * 32 * 3)  # noqa: S311
        pixels = [numbers[at : at + 3] for at in range(0, len(numbers), 3)]
        image = [pixels[at : at + 32] for at in range(0, len(pixels), 32)]
        flat = {"name": "inputs", "shape": [1, 32, 32, 3], "datatype": "FP32"}
        bodies = {"instances": [image], "inputs": [flat | {"data": numbers}]}
        for key, value in bodies.items():
            text = json.dumps({key: value}, separators=(",", ":"))
            (folder / f"{key}.json").write_text(text)

    def round(self, network: str, processes: int, backwards: bool) -> Round:
        launches = ways(self._base(network), processes)
        names = [name for name in launches if ONLY.get(name, network) == network]
        turns: Round = {}
        for name in reversed(names) if backwards else names:
            turns[name] = self._turn(name, launches[name], processes)
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

    def _turn(self, name: str, launch: Launch, processes: int) -> Turn:
        body = self._folder / f"{launch.body}.json"
        log = self._folder / f"{name}.log"
        with running(launch.command, log, launch.environment, launch.ping) as server:
            ask(server.port, launch.path, body, 8, WARM_SECONDS)
            least = SPREAD * processes if processes > 1 and name != HELLO else 0
            loads = [
                self._spread(server, launch, body, number, least if number > 1 else 0)
                for number in CONNECTIONS
            ]
            return {
                "loads": loads,
                "start": server.start_seconds,
                "megabytes": server.megabytes(),
                "answer": _probabilities(server, launch, body) if name != HELLO else None,
            }

    def _spread(
        self, server: Running, launch: Launch, body: Path, connections: int, least: float
    ) -> Turn:
        """Where too many of the connections came to one process, they are opened anew."""
        for _ in range(TRIES):
            load = self._load(server, launch, body, connections)
            if load["cores"] >= least:
                break
        return load | {"uneven": load["cores"] < least}

    def _load(self, server: Running, launch: Launch, body: Path, connections: int) -> Turn:
        before = server.cpu_seconds()
        load = ask(server.port, launch.path, body, connections, self._seconds)
        used = server.cpu_seconds() - before
        cores = used / self._seconds
        return asdict(load) | {"cpu": 1000 * cores / load.requests_a_second, "cores": cores}

    def _compare(self, turns: Round) -> None:
        answers = {name: turn.pop("answer") for name, turn in turns.items() if name != HELLO}
        for name, answer in answers.items():
            pairs = zip(answer, answers["serve"], strict=True)
            if not all(math.isclose(one, ours, abs_tol=1e-4) for one, ours in pairs):
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
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
        notes = {
            name: launch.note
            for network, processes in groups
            for name, launch in ways(kept.folder / network, processes).items()
        }
        write(rounds, notes, kept.read())


if __name__ == "__main__":
    main()
