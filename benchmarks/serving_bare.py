"""The least that serves: an ASGI function behind uvicorn, forked as `serve` forks.

It answers in the handler: no queue, no batches, no limits, no metrics, no log.
"""

import argparse
import functools
import socket
import sys
from typing import Any

import uvicorn

from benchmarks.serving_answers import WAYS, Answer  # which also finds `serving`
from serving.workers import listen, supervise

JSON = [(b"content-type", b"application/json")]


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
