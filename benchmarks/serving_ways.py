"""How each compared server starts, and what it does not do that the others do."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import programs, version

HELLO = "hello"
TENSORFLOW = (
    ("TensorFlow", "0", "oneDNN off, as it is by itself on processors without VNNI or bfloat16"),
    ("TensorFlow, oneDNN", "1", "oneDNN on, as `train` has it"),
)


@dataclass(frozen=True)
class Launch:
    """How a server starts; {port} is filled in. `body` names the file that it is asked."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    note: str
    path: str = "/invocations"
    ping: str = "/ping"
    body: str = "instances"


def ways(base: Path, processes: int) -> dict[str, Launch]:
    """Those that run with so many processes; `base` has the model as /opt/ml of an endpoint has."""
    servable = base / "model/export/Servo/1"
    given = {
        "BENCHMARK_ONNX": str(servable / "assets.extra/model.onnx"),
        "PYTHONPATH": str(Path.cwd()),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OPENBLAS_NUM_THREADS": "1",  # as `serve` has it
    }
    port, count = ("--port", "{port}"), ("--processes", str(processes))
    bare = (sys.executable, "-m", "benchmarks.serving_bare")
    serve = {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": "{port}"}
    found = {
        "serve": Launch(
            (sys.executable, "container/serve"),
            serve | {"SERVE_WORKERS": str(processes), "SERVE_THREADS": "1"},
            "the product, with batches, limits, metrics and its access log on, and one thread of "
            "the engine in each process, as the others have it: where there is a process for each "
            "core an endpoint has that too, but with one process as many threads as cores",
        ),
        "bare ASGI": Launch(
            (*bare, "onnx", *port, *count),
            given,
            "the least that serves: uvicorn (uvloop, httptools), `serve`'s own decoder, ONNX "
            "Runtime in the handler, orjson, forked as `serve` is; no batches, limits, metrics or "
            "log",
        ),
        "MLServer": Launch(
            (str(programs("mlserver") / "mlserver"), "start", _mlserver(base)),
            given
            | {
                "MLSERVER_HOST": "127.0.0.1",
                "MLSERVER_HTTP_PORT": "{port}",
                "MLSERVER_GRPC_PORT": "0",
                "MLSERVER_METRICS_ENDPOINT": "",
                "MLSERVER_DEBUG": "false",
                "MLSERVER_PARALLEL_WORKERS": str(processes if processes > 1 else 0),
            },
            f"{version('mlserver')}; a custom runtime, asked in its own form, with the same "
            "numbers in one flat list; its gRPC server runs too, its metrics and its batching are "
            "off, the latter as by default; one more process speaks HTTP beside those that "
            "predict, or with one process all is in that one (`parallel_workers=0`)",
            path="/v2/models/classifier/infer",
            ping="/v2/health/ready",
            body="inputs",
        ),
    }
    if processes == 1:
        return found
    granian = (str(programs("granian") / "granian"), "--interface", "rsgi", "--http", "1")
    uvicorn = (str(programs("fastapi") / "uvicorn"),)
    options = ("--workers", str(processes), "--no-access-log", "--log-level", "error")
    return found | {
        "granian": Launch(
            (
                *(*granian, "--no-ws", "--loop", "uvloop", "--log-level", "error", *port),
                *("--workers", str(processes), "benchmarks.serving_granian:application"),
            ),
            given,
            f"{version('granian')}; as bare ASGI, with the same decoder, but by RSGI, its own "
            "interface; HTTP is a thread's in each process, and each imports all for itself",
        ),
        "FastAPI, untyped": Launch(
            (*uvicorn, "benchmarks.serving_fastapi:untyped", *options, *port),
            given,
            f"{version('fastapi')}; `request.json()` in an async function, which checks nothing; "
            "uvicorn's own workers, each of which imports all for itself and so shares less memory "
            "than forked ones, no access log",
        ),
        "FastAPI, orjson": Launch(
            (*uvicorn, "benchmarks.serving_fastapi:quick", *options, *port),
            given,
            f"{version('fastapi')}; the same, but reading and writing JSON with orjson",
        ),
        "FastAPI, decoder": Launch(
            (*uvicorn, "benchmarks.serving_fastapi:decoded", *options, *port),
            given,
            f"{version('fastapi')}; the same, but with `serve`'s decoder, as bare ASGI",
        ),
        "FastAPI, typed": Launch(
            (*uvicorn, "benchmarks.serving_fastapi:typed", *options, *port),
            given,
            f"{version('fastapi')}; as its tutorial has it: pydantic checks each number of the "
            "body, and the answer; uvicorn's own workers, no access log",
        ),
        "LitServe": Launch(
            (
                *(str(programs("litserve") / "python"), "-m", "benchmarks.serving_litserve"),
                *(*port, *count),
            ),
            given,
            f"{version('litserve')}; a worker for each core, and by default as many processes "
            "beside them that speak HTTP; with its `fast_queue`; its access log is off, and as by "
            "default its batching",
            ping="/health",
        ),
        "BentoML": Launch(
            (
                *(str(programs("bentoml") / "bentoml"), "serve", "--host", "127.0.0.1", *port),
                "benchmarks.serving_bento:Classifier",
            ),
            given | {"BENTOML_HOME": str(base / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"},
            f"{version('bentoml')}; a worker for each core, with uvloop and httptools; its access "
            "log is off, and as by default its batching",
            path="/predict",
            ping="/readyz",
        ),
        **{
            name: Launch(
                (*bare, "tensorflow", *port, *count),
                given | {"TF_ENABLE_ONEDNN_OPTS": onednn},
                f"as bare ASGI, but with lists of orjson and the SavedModel's signature; {how}; "
                "each process imports it for itself, so that it shares its libraries alone",
            )
            for name, onednn, how in TENSORFLOW
        },
        HELLO: Launch(
            (*bare, "hello", *port, *count),
            given,
            "bare ASGI that reads nothing and predicts nothing: no competitor, but the limit that "
            "HTTP sets, with this client",
        ),
    }


def _mlserver(base: Path) -> str:
    folder = base / "mlserver"
    folder.mkdir(exist_ok=True)
    settings = {
        "name": "classifier",
        "implementation": "benchmarks.serving_mlserver.Classifier",
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))
    return str(folder)
