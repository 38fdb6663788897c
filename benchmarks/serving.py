"""How quick serving is: ratios to other servers, measured side by side in one run.

All answer the same JSON, one image of 32x32, by the same network, each as it comes: `serve` and
BentoML with a process for each core, the others with one. Figures are medians of some rounds, in
each of which all take their turn. Linux only, for the memory.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import numpy as np

from benchmarks.load import Load, ask
from benchmarks.report import Row, write
from benchmarks.servers import Running, running
from benchmarks.serving_ways import (
    BENTO,
    MLFLOW,
    MLFLOW_ONNX,
    NO_MODEL,
    OURS,
    OURS_ALONE,
    TENSORFLOW,
    install,
    ways,
)

FOLDER = Path("build/benchmarks/serving")
# Connections, and who is asked over so many
TURNS = {
    1: (OURS,),
    8: (OURS, OURS_ALONE, TENSORFLOW, BENTO, MLFLOW, MLFLOW_ONNX),
    32: (OURS, NO_MODEL),
}


class ServingBench:
    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder, self._seconds = folder, seconds
        self._peers = install(folder.parent / "venv")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "model").mkdir(parents=True)
        for python, what in ((sys.executable, "artifact"), (self._peers / "python", "mlflow")):
            module = (str(python), "-m", "benchmarks.serving_peers")
            subprocess.run((*module, what, "--folder", str(folder / "model")), check=True)
        image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).tolist()
        for key in ("instances", "inputs"):
            text = json.dumps({key: image}, separators=(",", ":"))
            (folder / f"{key}.json").write_text(text)
        self._ways = ways(folder / "model", self._peers)

    def start(self, name: str) -> AbstractContextManager[Running]:
        way = self._ways[name]
        return running(way.command, self._folder / f"{name}.log", way.environment, way.ping)

    def load(self, name: str, server: Running, connections: int) -> Load:
        way = self._ways[name]
        body = self._folder / f"{way.key}.json"
        return ask(server.port, way.path, body, connections, self._seconds)

    def reading(self) -> tuple[float, float]:
        """Microseconds for the JSON of one image: the quick way, and lists of Python objects."""
        words = (sys.executable, "-m", "benchmarks.serving_peers", "read", "--folder")
        done = subprocess.run(
            (*words, str(self._folder)), check=True, stdout=subprocess.PIPE, text=True
        )
        quick, lists = map(float, done.stdout.split())
        return quick, lists


def measure(bench: ServingBench, rounds: int) -> list[Row]:
    starts: dict[str, list[float]] = {OURS: [], TENSORFLOW: []}
    for _ in range(rounds):
        for name, seconds in starts.items():
            with bench.start(name) as server:
                seconds.append(server.start_seconds)
    loads: dict[tuple[str, int], list[Load]] = {}
    with ExitStack() as stack:
        names = {name for turn in TURNS.values() for name in turn}
        servers = {name: stack.enter_context(bench.start(name)) for name in sorted(names)}
        for round_ in range(rounds):
            for connections, turn in TURNS.items():
                for name in turn:
                    load = bench.load(name, servers[name], connections)
                    loads.setdefault((name, connections), []).append(load)
                    print(
                        f"round {round_ + 1}: {name}, {connections} connections: {load}", flush=True
                    )
        memory = {name: servers[name].megabytes() for name in starts}

    def median(name: str, connections: int, figure: str) -> float:
        return statistics.median(getattr(load, figure) for load in loads[name, connections])

    def speed(against: str, connections: int, least: float, way: str = OURS) -> Row:
        """The ratio is the median of the rounds', for what else the machine does changes slowly."""
        names, figure = (way, against), "requests_a_second"
        ours, other = (median(name, connections, figure) for name in names)
        pairs = zip(*(loads[name, connections] for name in names), strict=True)
        ratio = statistics.median(
            first.requests_a_second / second.requests_a_second for first, second in pairs
        )
        what = f"requests to {way}, {connections} connections"
        return Row(what, against, f"{ours:,.0f} : {other:,.0f} a second", ratio, least)

    def saving(what: str, unit: str, figures: dict[str, float], most: float) -> Row:
        ours, other = figures[OURS], figures[TENSORFLOW]
        text = f"{ours:,.3g} : {other:,.3g} {unit}"
        return Row(what, TENSORFLOW, text, ours / other, most=most)

    quick, lists = bench.reading()
    p99, p50 = (median(OURS, 1, figure) for figure in ("p99", "p50"))
    return [
        speed(MLFLOW, 8, least=100),
        speed(MLFLOW_ONNX, 8, least=10),
        speed(BENTO, 8, least=8),
        speed(TENSORFLOW, 8, least=3),
        speed(TENSORFLOW, 8, least=2, way=OURS_ALONE),
        speed(NO_MODEL, 32, least=0.7),
        Row(
            "reading JSON",
            "orjson, numpy",
            f"{quick:.0f} : {lists:.0f} µs",
            quick / lists,
            most=0.5,
        ),
        Row("p99, 1 connection", "p50", f"{p99:.2f} : {p50:.2f} ms", p99 / p50, most=5),
        saving("memory (PSS)", "MB", memory, most=0.2),
        saving("start", "s", {name: statistics.median(starts[name]) for name in starts}, most=0.25),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of each turn")
    args = parser.parse_args()
    rows = measure(ServingBench(FOLDER.absolute(), args.seconds), args.rounds)
    write("serving", rows, "`serve` and BentoML run a process for each core, the others one.")


if __name__ == "__main__":
    main()
