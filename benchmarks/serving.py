"""How quick serving is: ratios to other servers, measured side by side in one run.

All answer the same JSON, one image of 32x32, with the same network. Figures are medians of some
rounds, in each of which all servers take their turn. Linux only, for the memory.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.load import Load, ask
from benchmarks.report import Row, write
from benchmarks.servers import Running, running

FOLDER = Path("build/benchmarks/serving")
REQUIREMENTS = Path("benchmarks/requirements.txt")
OURS, NO_MODEL, TENSORFLOW = "serve", "no model", "uvicorn + TensorFlow"
BENTO, MLFLOW, MLFLOW_ONNX = "BentoML", "mlflow, Keras", "mlflow, ONNX"
ANSWER_BYTES = 180
# Connections, and who is asked over so many
TURNS = {
    1: (OURS,),
    8: (OURS, TENSORFLOW, BENTO, MLFLOW, MLFLOW_ONNX),
    32: (OURS, NO_MODEL),
}


@dataclass(frozen=True)
class Way:
    """How a server starts; {port} is filled in. `key` names the numbers in its JSON."""

    command: tuple[str, ...]
    environment: dict[str, str]
    path: str = "/invocations"
    ping: str = "/ping"
    key: str = "instances"


def ways(model: Path, peers: Path) -> dict[str, Way]:
    module = (sys.executable, "-m", "benchmarks.serving_peers")
    port = ("--port", "{port}")
    mlflow = (str(peers / "mlflow"), "models", "serve", "--env-manager", "local", *port, "-m")
    bento = (str(peers / "bentoml"), "serve", "--host", "127.0.0.1", *port)
    found = {"PATH": f"{peers}{os.pathsep}{os.environ['PATH']}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {
        OURS: Way(
            (sys.executable, "container/serve"),
            {"SAGEMAKER_BASE_DIR": str(model.parent), "SAGEMAKER_BIND_TO_PORT": "{port}"},
        ),
        NO_MODEL: Way((*module, "no-model", *port, "--answer", "x" * ANSWER_BYTES), {}),
        TENSORFLOW: Way((*module, "tensorflow", *port, "--folder", str(model)), {}),
        BENTO: Way(
            (*bento, "benchmarks.serving_bento:Classifier"),
            found
            | {"BENTOML_HOME": str(model.parent / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
            | {"BENCHMARK_ONNX": str(model / "export/Servo/1/assets.extra/model.onnx")},
            path="/predict",
            ping="/readyz",
        ),
        MLFLOW: Way((*mlflow, str(model / "mlflow-keras")), found, key="inputs"),
        MLFLOW_ONNX: Way((*mlflow, str(model / "mlflow-onnx")), found, key="inputs"),
    }


def install(environment: Path) -> Path:
    """The folder of the compared servers' programs, after installing them where they are not."""
    done = environment / "requirements.txt"
    if not done.exists() or done.read_text() != REQUIREMENTS.read_text():
        print("Installing the servers to compare with (two minutes, 2 GB, once)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        pip = (str(environment / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-q")
        words = (*pip, "install", "--require-hashes", "--requirement", str(REQUIREMENTS))
        subprocess.run(words, check=True)
        done.write_text(REQUIREMENTS.read_text())
    return environment / "bin"


class Bench:
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


def measure(bench: Bench, rounds: int) -> list[Row]:
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

    def speed(against: str, connections: int, least: float) -> Row:
        ours, other = (median(name, connections, "requests_a_second") for name in (OURS, against))
        what = f"requests, {connections} connections"
        return Row(what, against, f"{ours:,.0f} : {other:,.0f} a second", ours / other, least)

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
    write("serving", measure(Bench(FOLDER.absolute(), args.seconds), args.rounds))


if __name__ == "__main__":
    main()
