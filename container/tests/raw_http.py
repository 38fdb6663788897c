"""HTTP as bytes: what no proper client would send, and what comes back."""

import contextlib
import functools
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from waiting import SECONDS

from serving.app import App
from serving.connections import Connection, Patience
from serving.observing import Observer
from serving.server import Server
from serving.workers import listen


def post(body: bytes, media: str = "application/json", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    head = f"POST /invocations HTTP/1.1\r\nHost: test\r\nContent-Type: {media}\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body


CHUNKED = (
    b"POST /invocations HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
SHORT = Patience(head=0.6, body=0.6, answer=0.6, idle=0.6, closing=0.6)
PING = b"GET /ping HTTP/1.1\r\nHost: test\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def reason(self) -> str:
        """Of a refusal, which is always JSON."""
        assert self.headers["content-type"] == "application/json"
        return str(json.loads(self.body)["error"])


class Client:
    """One connection, blocking."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, data: bytes) -> Reply:
        self.send(data)
        return self.reply()

    def reply(self) -> Reply:
        status = int(self._file.readline().split()[1])
        headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        return Reply(status, headers, self._file.read(int(headers["content-length"])))

    def closed(self) -> bool:
        """Waits until the server has closed the connection; False if it says something instead."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


def ask(port: int, data: bytes) -> Reply:
    with Client(port) as client:
        return client.ask(data)


@contextlib.contextmanager
def running(
    app: App,
    patience: Patience | None = None,
    most: int = 1000,
    observer: Observer | None = None,
    stop_seconds: int = 5,
) -> Iterator[int]:
    """The application behind the real server, in a thread; gives its port."""
    server: Server
    (listener,) = listen("127.0.0.1", 0, 1)
    protocol: Any = functools.partial(
        Connection, observer or Observer(), patience or Patience(), most, lambda: server.stops
    )
    config = uvicorn.Config(
        app,
        http=protocol,
        loop="uvloop",
        lifespan="off",
        ws="none",
        log_level="error",
        timeout_graceful_shutdown=stop_seconds,
    )
    server = Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(SECONDS)
        assert not thread.is_alive()
