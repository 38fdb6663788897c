"""Asks a server again and again over some connections; prints what came of it as JSON.

`python -m benchmarks.load PORT PATH BODY --connections 8 --seconds 3`, a process of its own: so
quick that the server is the bottleneck, which `busy`, its share of a core, shows.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HUNG_SECONDS = 2.0


@dataclass(frozen=True)
class Load:
    """Milliseconds are of one request; `refused` counts lost and hung connections too.

    A connection's first answer has waited until the server took the connection too: the longest of
    these is `first`, and they are none of those of which `p50` and `p99` are.
    """

    requests_a_second: float
    p50: float
    p99: float
    first: float
    refused: int
    busy: float


def ask(port: int, path: str, body: Path, connections: int, seconds: float) -> Load:
    """Runs this module as a process. Raises SystemExit if a request was refused."""
    words = [sys.executable, "-m", "benchmarks.load", str(port), path, str(body)]
    options = [f"--connections={connections}", f"--seconds={seconds}"]
    done = subprocess.run([*words, *options], check=True, stdout=subprocess.PIPE, text=True)
    load = Load(**json.loads(done.stdout))
    if load.refused:
        raise SystemExit(f"Error: {path} on port {port} refused or lost {load.refused} requests")
    return load


class Asker(asyncio.Protocol):
    """Sends the request, waits for the answer, and so on."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self.seconds: list[float] = []
        self.refused = 0
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True

    def waits(self, seconds: float) -> bool:
        """Whether there is no answer for so long."""
        return time.perf_counter() - self._began > seconds

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:
            return
        at = self._received.lower().find(b"content-length:", 0, end)
        length = int(self._received[at + 15 : self._received.find(b"\r", at)])
        if len(self._received) >= end + length:
            self.seconds.append(time.perf_counter() - self._began)
            self.refused += not self._received.startswith(b"HTTP/1.1 200")
            self._received = b""
            self._send()

    def _send(self) -> None:
        self._began = time.perf_counter()
        self._transport.write(self._request)


async def run(port: int, request: bytes, connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    began, cpu = time.perf_counter(), time.process_time()
    made = [
        (await loop.create_connection(lambda: Asker(request), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    elapsed, busy = time.perf_counter() - began, time.process_time() - cpu
    took = sorted(one for connection in made for one in connection.seconds[1:])
    first = [connection.seconds[0] for connection in made if connection.seconds]
    return Load(
        requests_a_second=(len(first) + len(took)) / elapsed,
        p50=took[len(took) // 2] * 1000,
        p99=took[len(took) * 99 // 100] * 1000,
        first=max(first) * 1000,
        refused=sum(one.refused + (one.lost or one.waits(HUNG_SECONDS)) for one in made),
        busy=busy / elapsed,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("body", type=Path)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3)
    args = parser.parse_args()
    import uvloop  # not where a benchmark only asks this to be run: others would share its memory

    body = args.body.read_bytes()
    media = {".json": "application/json", ".npy": "application/x-npy"}[args.body.suffix]
    head = f"POST {args.path} HTTP/1.1\r\nHost: test\r\nContent-Type: {media}\r\n"
    request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    load = uvloop.run(run(args.port, request, args.connections, args.seconds))
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    main()
