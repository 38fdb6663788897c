"""Starting a server to measure it: how soon it answers, how much memory it takes, its end."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 120


@dataclass(frozen=True)
class Running:
    port: int
    pid: int
    start_seconds: float  # from the process to a healthy answer

    def processes(self) -> list[int]:
        found = [self.pid]
        for pid in found:
            tasks = Path(f"/proc/{pid}/task").glob("*/children")
            found += [int(child) for file in tasks for child in file.read_text().split()]
        return found

    def megabytes(self) -> float:
        """Of all its processes, what they share counted once (proportional set size)."""
        return sum(map(_kilobytes, self.processes())) / 1024

    def cpu_seconds(self) -> float:
        """That all its processes have used."""
        return sum(map(_ticks, self.processes())) / os.sysconf("SC_CLK_TCK")

    def files(self) -> int:
        return self._count("fd")

    def threads(self) -> int:
        return self._count("task")

    def _count(self, folder: str) -> int:
        return sum(len(list(Path(f"/proc/{pid}/{folder}").iterdir())) for pid in self.processes())


def _kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _ticks(pid: int) -> int:
    """Of a processor, in the process and in the kernel for it (`man proc`, /proc/PID/stat)."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(after_name[11]) + int(after_name[12])


@contextmanager
def running(
    command: Sequence[str], log: Path, environment: Mapping[str, str], ping: str = "/ping"
) -> Iterator[Running]:
    """The server at {port}, a word of the command and of the environment, once it is healthy."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [word.format(port=port) for word in command]
    given = {name: value.format(port=port) for name, value in environment.items()}
    with log.open("w") as output:
        began = time.monotonic()
        child = subprocess.Popen(
            words,
            env=os.environ | given,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        while not _healthy(port, ping):
            if child.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise SystemExit(f"Error: {words[0]} does not serve, see {log}")
            time.sleep(0.01)
        yield Running(port, child.pid, time.monotonic() - began)
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _healthy(port: int, ping: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", ping)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
