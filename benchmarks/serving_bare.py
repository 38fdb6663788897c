"""The least that serves: an ASGI function behind uvicorn, forked as `serve` forks.

`onnx` reads a request with the product's own decoder, asks ONNX Runtime in the handler and
answers: no queue, no batches, no limits, no metrics, no log. `tensorflow` is what one writes
first: the lists of the JSON, and the model's signature. `hello` gives every request the same
answer: the limit of HTTP.
"""

import argparse
import functools
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1] / "container"))

import orjson
import uvicorn

from benchmarks.networks import SHAPE
from serving.workers import listen, supervise

ANSWER = b"x" * 180  # as long as a prediction
JSON = [(b"content-type", b"application/json")]

Answer = Callable[[bytes], bytes]


def hello() -> Answer:
    return lambda body: ANSWER


def onnx() -> Answer:
    from benchmarks.serving_engine import Engine
    from serving.decoding import decode

    engine = Engine()

    def answer(body: bytes) -> bytes:
        classes, probabilities = engine(decode("application/json", body, SHAPE))
        rows = zip(classes.tolist(), probabilities, strict=True)
        found = [{"classes": one, "probabilities": row} for one, row in rows]
        return orjson.dumps({"predictions": found}, option=orjson.OPT_SERIALIZE_NUMPY)

    answer(orjson.dumps({"instances": [[[[0.0] * 3] * 32] * 32]}))
    return answer


def tensorflow() -> Answer:
    import tensorflow as tf

    from benchmarks.serving_engine import as_rows

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(str(Path(os.environ["BENCHMARK_ONNX"]).parents[1]))
    signature = model.signatures["serving_default"]

    def answer(body: bytes) -> bytes:
        instances = orjson.loads(body)["instances"]
        found = signature(inputs=tf.constant(instances, tf.float32))
        return orjson.dumps(as_rows(found["classes"].numpy(), found["probabilities"].numpy()))

    answer(orjson.dumps({"instances": [[[[0.0] * 3] * 32] * 32]}))
    return answer


WAYS: dict[str, Callable[[], Answer]] = {"hello": hello, "onnx": onnx, "tensorflow": tensorflow}


def application(answer: Answer) -> Any:
    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        found = answer(body) if scope["path"] == "/invocations" else b""
        headers = [*JSON, (b"content-length", str(len(found)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found})

    return asgi


def work(way: str, number: int, listener: socket.socket) -> int:
    config = uvicorn.Config(
        application(WAYS[way]()),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="error",
    )
    uvicorn.Server(config).run([listener])
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--processes", type=int, required=True)
    args = parser.parse_args()
    sockets = listen("127.0.0.1", args.port, args.processes)
    if args.way == "onnx":
        import onnxruntime  # noqa: F401  once, for all the processes
    run = functools.partial(work, args.way)
    sys.exit(supervise(sockets, run) if len(sockets) > 1 else run(0, sockets[0]))


if __name__ == "__main__":
    main()
