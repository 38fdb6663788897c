"""Whether serving at full load grows or slows down: memory, files, threads and latency over time.

JSON and arrays in turn, each turn over new connections. Linux only.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.load import ask
from benchmarks.report import Row, write
from benchmarks.servers import Running, running

FOLDER = Path("build/benchmarks/soak").absolute()
TURN_SECONDS = 5.0
CONNECTIONS = 16


def soak(server: Running, bodies: list[Path], seconds: float) -> list[dict[str, float]]:
    """What there is after each turn."""
    found = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        loads = [
            ask(server.port, "/invocations", body, CONNECTIONS, TURN_SECONDS / len(bodies))
            for body in bodies
        ]
        time.sleep(0.5)  # until the last connections are closed
        found.append(
            {
                "memory, MB": server.megabytes(),
                "open files": server.files(),
                "threads": server.threads(),
                "p99, ms": max(load.p99 for load in loads),
            }
        )
        print({name: round(value, 2) for name, value in found[-1].items()}, flush=True)
    return found


def rows(samples: list[dict[str, float]]) -> list[Row]:
    """The last third against the first, without the warm-up."""
    third = len(samples) // 3
    most = {"memory, MB": 1.05, "open files": 1, "threads": 1, "p99, ms": 1.5}
    table = []
    for name, limit in most.items():
        first, last = (
            statistics.median(sample[name] for sample in part)
            for part in (samples[1 : third + 1], samples[-third:])
        )
        table.append(Row(name, "at first", f"{last:.4g} : {first:.4g}", last / first, most=limit))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=180)
    args = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "model").mkdir(parents=True)
    words = (sys.executable, "-m", "benchmarks.networks", "cnn")
    subprocess.run((*words, str(FOLDER / "model")), check=True)
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    bodies = [FOLDER / "images.json", FOLDER / "images.npy"]
    bodies[0].write_text(json.dumps({"instances": images.tolist()}))
    np.save(bodies[1], images)
    settings = {"SAGEMAKER_BASE_DIR": str(FOLDER), "SAGEMAKER_BIND_TO_PORT": "{port}"}
    command = (sys.executable, "container/serve")
    with running(command, FOLDER / "log", settings) as server:
        samples = soak(server, bodies, args.seconds)
    write("soak", rows(samples))


if __name__ == "__main__":
    main()
