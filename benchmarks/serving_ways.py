"""How each compared server starts, and where they are installed."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path("benchmarks/requirements.txt")
OURS, OURS_ALONE = "serve", "serve, 1 process"
NO_MODEL, TENSORFLOW = "no model", "uvicorn + TensorFlow"
BENTO, MLFLOW, MLFLOW_ONNX = "BentoML", "mlflow, Keras", "mlflow, ONNX"
ANSWER_BYTES = 180


@dataclass(frozen=True)
class Launch:
    """How a server starts; {port} is filled in. `key` names the numbers in its JSON."""

    command: tuple[str, ...]
    environment: dict[str, str]
    path: str = "/invocations"
    ping: str = "/ping"
    key: str = "instances"


def ways(model: Path, peers: Path) -> dict[str, Launch]:
    serve = (sys.executable, "container/serve")
    ours = {"SAGEMAKER_BASE_DIR": str(model.parent), "SAGEMAKER_BIND_TO_PORT": "{port}"}
    module = (sys.executable, "-m", "benchmarks.serving_peers")
    port = ("--port", "{port}")
    mlflow = (str(peers / "mlflow"), "models", "serve", "--env-manager", "local", *port, "-m")
    bento = (str(peers / "bentoml"), "serve", "--host", "127.0.0.1", *port)
    found = {"PATH": f"{peers}{os.pathsep}{os.environ['PATH']}", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {
        OURS: Launch(serve, ours),
        OURS_ALONE: Launch(serve, ours | {"SERVE_WORKERS": "1", "SERVE_THREADS": "1"}),
        NO_MODEL: Launch((*module, "no-model", *port, "--answer", "x" * ANSWER_BYTES), {}),
        TENSORFLOW: Launch((*module, "tensorflow", *port, "--folder", str(model)), {}),
        BENTO: Launch(
            (*bento, "benchmarks.serving_bento:Classifier"),
            found
            | {"BENTOML_HOME": str(model.parent / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
            | {"BENCHMARK_ONNX": str(model / "export/Servo/1/assets.extra/model.onnx")},
            path="/predict",
            ping="/readyz",
        ),
        MLFLOW: Launch((*mlflow, str(model / "mlflow-keras")), found, key="inputs"),
        MLFLOW_ONNX: Launch((*mlflow, str(model / "mlflow-onnx")), found, key="inputs"),
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
