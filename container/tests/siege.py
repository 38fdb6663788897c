"""Clients that are slow and greedy, all at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from bodies import instances
from raw_http import Client, ask, post
from waiting import SECONDS

from serving.invocations import Limits


@contextmanager
def besieged(port: int, shape: tuple[int, ...]) -> Iterator[None]:
    """As long as the block runs; AssertionError if a greedy one did not get its refusal."""
    done = threading.Event()
    failures: list[BaseException] = []

    def hostile(kind: bytes, repeat: bytes) -> None:
        """Sends the start of something, and then a little more of it for ever."""
        try:
            with Client(port) as client:
                client.send(kind)
                while not done.wait(0.05):
                    client.send(repeat)
        except OSError:
            pass  # refused

    def greedy(body: bytes, status: int) -> None:
        try:
            while not done.is_set():
                assert ask(port, post(body)).status == status
        except BaseException as error:
            failures.append(error)

    largest = Limits().body_bytes
    numbers = instances(np.random.default_rng(0).random((3000, *shape)))[:-9]
    starts = [
        (b"GET /ping HTTP/1.1\r\nHost: ", b"x"),
        (b"GET /ping HTTP/1.1\r\nendless: ", b"x" * 10_000),
        (post(b"", length=100_000), b"1"),
        (post(b"", length=largest), b" " * 10_000),
    ]
    bodies = [(numbers, 400), (b" " * (largest + 1), 413), (b"[" * largest, 400)]
    threads = [
        *(threading.Thread(target=hostile, args=start) for start in 10 * starts),
        *(threading.Thread(target=greedy, args=body) for body in bodies),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join(SECONDS)
    assert not failures, failures
