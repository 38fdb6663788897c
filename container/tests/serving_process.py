"""`serve` itself, as a process."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raw_http import PING, ask
from waiting import SECONDS, until

SERVE = Path(__file__).parents[1] / "serve"


class Process:
    def __init__(self, base: Path, environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        settings = {"SAGEMAKER_BASE_DIR": str(base), "SAGEMAKER_BIND_TO_PORT": str(self.port)}
        self.child = subprocess.Popen(
            [sys.executable, str(SERVE)],
            env=os.environ | settings | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ping(self) -> int:
        """The status; 0 while nobody listens."""
        try:
            return ask(self.port, PING).status
        except ConnectionError:
            return 0

    def wait_until(self, status: int) -> None:
        def answers() -> bool:
            assert self.child.poll() is None, self.child.communicate()
            return self.ping() == status

        until(answers)

    def ended(self) -> tuple[int, str, str]:
        """Exit status and both outputs."""
        out, err = self.child.communicate(timeout=SECONDS)
        return self.child.returncode, out, err

    def workers(self) -> list[int]:
        return children(self.child.pid)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def started(base: Path, **environment: str) -> Iterator[Process]:
    process = Process(base, environment)
    try:
        yield process
    finally:
        process.child.kill()
        process.child.communicate()


@contextmanager
def serving(base: Path, **environment: str) -> Iterator[Process]:
    """Ready."""
    with started(base, **environment) as process:
        process.wait_until(200)
        yield process
