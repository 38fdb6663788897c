"""A real server among clients that are slow, hostile or mistaken: it stays up and serves others."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from bodies import instances
from mistakes import Mistakes
from raw_http import PING, Client, ask, post
from serving_models import write_onnx
from serving_process import Process, resident_bytes, serving

from serving.invocations import Limits

pytestmark = pytest.mark.slow

SHAPE = (6, 5, 3)
BODY = instances(np.ones((1, *SHAPE)))
MISTAKES, CONNECTIONS = 20_000, 4


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("ml")
    write_onnx(folder / "model/export/Servo", SHAPE)
    with serving(folder, SERVE_WORKERS="1", SERVE_ACCESS_LOG="off") as process:
        yield process


async def make_mistakes(port: int, seed: int, count: int) -> Counter[int]:
    """How often each status came back, which is the expected one with a reason each time."""
    mistakes, seen = Mistakes(SHAPE, seed), Counter[int]()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        request, expected = mistakes()
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
        status = int(head.split()[1])
        assert status == expected, (request, head, body)
        assert status == 200 or json.loads(body)["error"], (request, body)
        seen[status] += 1
        if b"connection: close" in head:
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return seen


def test_twenty_thousand_mistakes_each_get_their_reason_and_leave_nothing_behind(
    process: Process,
) -> None:
    async def run(seed: int, count: int) -> Counter[int]:
        seeds = range(seed, seed + CONNECTIONS)
        each = (make_mistakes(process.port, one, count // CONNECTIONS) for one in seeds)
        return sum(await asyncio.gather(*each), Counter())

    asyncio.run(run(100, MISTAKES // 4))
    before = resident_bytes(process.child.pid)
    seen = asyncio.run(run(0, MISTAKES))
    grown = resident_bytes(process.child.pid) - before
    assert grown < 4_000_000
    assert seen.total() == MISTAKES
    assert {status for status, count in seen.items() if count > 100} >= {400, 404, 405, 406, 415}
    assert seen[200] < MISTAKES / 20
    assert ask(process.port, post(BODY)).status == 200


def test_others_are_served_while_clients_are_slow_and_greedy(process: Process) -> None:
    done = threading.Event()
    failures: list[BaseException] = []

    def hostile(kind: bytes, repeat: bytes) -> None:
        """Sends the start of something, and then a little more of it for ever."""
        try:
            with Client(process.port) as client:
                client.send(kind)
                while not done.wait(0.05):
                    client.send(repeat)
        except OSError:
            pass  # refused

    def greedy(body: bytes, status: int) -> None:
        try:
            while not done.is_set():
                assert ask(process.port, post(body)).status == status
        except BaseException as error:
            failures.append(error)

    largest = Limits().body_bytes
    numbers = instances(np.random.default_rng(0).random((3000, *SHAPE)))[:-9]
    threads = [
        *(
            threading.Thread(target=hostile, args=each)
            for each in 10
            * [
                (b"GET /ping HTTP/1.1\r\nHost: ", b"x"),
                (b"GET /ping HTTP/1.1\r\nendless: ", b"x" * 10_000),
                (post(b"", length=100_000), b"1"),
                (post(b"", length=largest), b" " * 10_000),
            ]
        ),
        threading.Thread(target=greedy, args=(numbers, 400)),
        threading.Thread(target=greedy, args=(b" " * (largest + 1), 413)),
        threading.Thread(target=greedy, args=(b"[" * largest, 400)),
    ]
    for thread in threads:
        thread.start()
    waits = []
    try:
        until = time.monotonic() + 4
        while time.monotonic() < until:
            for request in (PING, post(BODY)):
                began = time.monotonic()
                assert ask(process.port, request).status == 200
                waits.append(time.monotonic() - began)
    finally:
        done.set()
        for thread in threads:
            thread.join(20)
    assert not failures
    assert len(waits) > 50
    assert sorted(waits)[len(waits) * 9 // 10] < 0.25
    assert max(waits) < 2  # SageMaker's limit for /ping
