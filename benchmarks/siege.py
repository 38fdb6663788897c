"""How soon others are answered while clients are slow and greedy, beside what they may wait.

Health checks and predictions in turn, by one worker, in the midst of the clients of
container/tests/siege.py. Linux only.
"""

import shutil
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.report import Row, write
from benchmarks.servers import Running, running

CONTAINER = Path(__file__).parents[1] / "container"
sys.path[:0] = [str(CONTAINER), str(CONTAINER / "tests")]

from bodies import instances  # noqa: E402
from raw_http import PING, ask, post  # noqa: E402
from serving_models import write_onnx  # noqa: E402
from siege import besieged  # noqa: E402

FOLDER = Path("build/benchmarks/siege").absolute()
SECONDS = 4.0
SHAPE = (6, 5, 3)


def measure(server: Running) -> list[float]:
    """Seconds of each answer, in order of their length."""
    waits = []
    with besieged(server.port, SHAPE):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            for request in (PING, post(instances(np.ones((1, *SHAPE))))):
                began = time.monotonic()
                assert ask(server.port, request).status == 200
                waits.append(time.monotonic() - began)
    return sorted(waits)


def rows(waits: list[float]) -> list[Row]:
    tenth, worst = waits[len(waits) * 9 // 10], waits[-1]
    return [
        Row("answers", f"50 in {SECONDS:g} s", f"{len(waits)} : 50", len(waits) / 50, least=1),
        Row("nine of ten, s", "a quarter of a second", f"{tenth:.3f} : 0.25", tenth / 0.25, most=1),
        Row("the slowest, s", "SageMaker's limit for /ping", f"{worst:.3f} : 2", worst / 2, most=1),
    ]


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    write_onnx(FOLDER / "model/export/Servo", SHAPE)
    settings = {
        "SAGEMAKER_BASE_DIR": str(FOLDER),
        "SAGEMAKER_BIND_TO_PORT": "{port}",
        "SERVE_WORKERS": "1",
    }
    command = (sys.executable, "container/serve")
    with running(command, FOLDER / "log", settings) as server:
        waits = measure(server)
    write("siege", rows(waits))


if __name__ == "__main__":
    main()
