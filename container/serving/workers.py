"""Several server processes on one port."""

import contextlib
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGTERM, signal.SIGINT)
RESTART_SECONDS = 1.0  # before a worker is replaced, which may die at once again


def say(text: str) -> None:
    """A line that no other worker's can end up in the middle of."""
    os.write(sys.stderr.fileno(), f"serve: {text}\n".encode())


def listen(host: str, port: int, count: int) -> list[socket.socket]:
    """A socket for each worker on the same address; the kernel shares connections out.

    Raises OSError where another program has the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET

    def bind(shared: bool) -> socket.socket:
        return socket.create_server((host, port), family=family, backlog=2048, reuse_port=shared)

    if count == 1:
        return [bind(shared=False)]
    bind(shared=False).close()  # a port that others share would not be refused below
    return [bind(shared=True) for _ in range(count)]


def supervise(sockets: list[socket.socket], work: Callable[[int, socket.socket], int]) -> int:
    """Runs work(number, socket), which gives an exit status, in a process for each socket.

    SIGTERM is passed on; then, all workers gone, it returns the exit status. A worker that is
    killed is replaced and its waiting connections are kept; one that ends with an error cannot
    serve and has said why, so the others end too.
    """
    running: dict[int, int] = {}
    status, stopping = 0, False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        for one in sockets:
            one.close()
        for pid in running:
            os.kill(pid, signal.SIGTERM)

    def start(number: int) -> None:
        with _no_signals():
            if stopping:
                return
            pid = os.fork()
            if pid:
                running[pid] = number
                return
            for signum in SIGNALS:
                signal.signal(signum, signal.SIG_DFL)
            for other in {*sockets} - {sockets[number]}:
                other.close()
        try:
            os._exit(work(number, sockets[number]))
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    for signum in SIGNALS:
        signal.signal(signum, stop)
    gc.freeze()  # memory that the collector does not mark stays shared
    for number in range(len(sockets)):
        start(number)
    while running:
        pid, ended = os.wait()
        if pid not in running:
            continue  # the first process of a container gets the children of others too
        number, code = running.pop(pid), os.waitstatus_to_exitcode(ended)
        if code > 0 and not stopping:
            status = code
            stop()
        elif not stopping:
            say(f"worker {number} has ended ({code}): another one starts")
            time.sleep(RESTART_SECONDS)
            start(number)
    return status


@contextlib.contextmanager
def _no_signals() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
