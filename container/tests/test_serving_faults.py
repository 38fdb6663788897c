"""A real server among clients that are slow, hostile or mistaken: it stays up and serves others."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bodies import instances
from mistakes import Mistakes
from raw_http import PING, ask, post
from serving_models import write_onnx
from serving_process import Process, resident_bytes, serving
from siege import besieged
from waiting import SECONDS

pytestmark = pytest.mark.slow

SHAPE = (6, 5, 3)
METHODS = {"-", "GET", "POST", "PUT", "DELETE", "OPTIONS"}
BODY = instances(np.ones((1, *SHAPE)))
MISTAKES, CONNECTIONS, LEAVES_IN = 20_000, 4, 100


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = tmp_path_factory.mktemp("ml")
    write_onnx(folder / "model/export/Servo", SHAPE)
    with (
        serving(folder, SERVE_WORKERS="1") as process,
        ThreadPoolExecutor(2) as threads,
    ):
        assert process.child.stdout and process.child.stderr
        out = threads.submit(process.child.stdout.read)
        err = threads.submit(process.child.stderr.read)
        yield process
        process.child.send_signal(signal.SIGTERM)
        assert process.child.wait(SECONDS) == 0
        # No traceback, no warning, and of each request its line and nothing else
        assert err.result(SECONDS).count("\n") == 1
        assert {json.loads(line)["method"] for line in out.result(SECONDS).splitlines()} == METHODS


async def make_mistakes(port: int, seed: int, count: int) -> Counter[int]:
    """How often each status came back, which is the expected one with a reason each time.

    Until there were `count` mistakes. Now and then a client leaves in the middle of a request.
    """
    mistakes, chance, seen = Mistakes(SHAPE, seed), random.Random(seed), Counter[int]()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while seen.total() - seen[200] < count:
        asked = mistakes()
        sent = b"".join(request for request, _ in asked)
        leaves = not chance.randrange(LEAVES_IN)
        writer.write(sent[: chance.randrange(len(sent))] if leaves else sent)
        head = b"connection: close" if leaves else b""
        for request, expected in () if leaves else asked:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r")[0]))
            status = int(head.split()[1])
            assert status == expected, (request, head, body)
            assert status == 200 or json.loads(body)["error"], (request, body)
            assert len(body) < 1000, body
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
    sizes = [resident_bytes(process.child.pid)]
    for seed in (200, 300, 400):  # what is only held for a while comes and goes; a leak stays
        asyncio.run(run(seed, MISTAKES // 40))
        sizes.append(resident_bytes(process.child.pid))
    assert min(sizes) - before < 4_000_000
    assert {status for status, count in seen.items() if count > 100} >= {400, 404, 405, 406, 415}
    assert ask(process.port, post(BODY)).status == 200


def test_others_are_served_while_clients_are_slow_and_greedy(process: Process) -> None:
    """How soon, benchmarks/siege.py tells. Here: none of them waits for those to give up."""
    with besieged(process.port, SHAPE):
        for _ in range(50):
            for request in (PING, post(BODY)):
                began = time.monotonic()
                assert ask(process.port, request).status == 200
                assert time.monotonic() - began < 30
