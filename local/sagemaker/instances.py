"""The instances of a job: processes of this machine, begun together, watched and ended together."""

import contextlib
import math
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from local import processes
from local.background import background
from local.logs import LogStream
from local.sagemaker.records import LOCK

DAY = 86_400  # "The default value is 1 day" (API reference, StoppingCondition)
# Below those that systems give to outgoing connections (Linux: 32768 to 60999, kernel
# documentation, ip_local_port_range; macOS: from 49152), which would take one in between
PORTS = range(20_000, 32_768)

_lending = threading.Lock()
_lent: set[int] = set()


class Instance:
    """`ml` is its /opt/ml, `status` the exit status as a container runtime gives it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.ml = name, folder / name / "opt" / "ml"
        self.process: processes.Child | None = None
        self.status: int | None = None

    @property
    def failure(self) -> str:
        """What the program wrote of its failure."""
        file = self.ml / "output" / "failure"
        return file.read_text(errors="replace").strip() if file.is_file() else ""


class Instances:
    """Named as SageMaker names them; `changed` is notified when one has ended."""

    def __init__(self, count: int, folder: Path, changed: threading.Condition) -> None:
        self._all = [Instance(f"algo-{number}", folder) for number in range(1, count + 1)]
        self._changed = changed
        self._ended: list[Instance] = []

    @property
    def volumes(self) -> dict[str, Path]:
        """Each one's /opt/ml, by its name."""
        return {each.name: each.ml for each in self._all}

    @property
    def verdict(self) -> str | None:
        """Completed once all have ended well, Failed once one has not; until then None."""
        if any(each.status for each in self._ended):
            return "Failed"
        return "Completed" if len(self._ended) == len(self._all) else None

    @property
    def failed(self) -> Instance:
        """The first to fail that wrote why, or else the first to fail."""
        failed = [each for each in self._ended if each.status]
        return next((each for each in failed if each.failure), failed[0])

    def start(
        self,
        argv: Sequence[str],
        cwd: Path,
        environment: Callable[[Path], dict[str, str]],
        log: Callable[[str], LogStream],
        read: processes.LineHandler,
    ) -> None:
        """Run the program on each; its lines go to the instance's log and to `read`.

        Raises OSError.
        """
        for instance in self._all:
            self._start(instance, argv, cwd, environment(instance.ml), log(instance.name), read)

    def terminate(self, grace: float, first: signal.Signals = signal.SIGTERM) -> None:
        """`first` to all that run, SIGKILL after `grace` seconds; returns when none is left."""
        started = [each.process for each in self._all if each.process]
        processes.terminate(started, grace, first)
        with self._changed:
            self._changed.wait_for(lambda: len(self._ended) == len(started))

    def _start(
        self,
        instance: Instance,
        argv: Sequence[str],
        cwd: Path,
        environment: dict[str, str],
        log: LogStream,
        read: processes.LineHandler,
    ) -> None:
        def line(text: str) -> None:
            log.write(text)
            read(text)

        try:
            instance.process = processes.start(argv, cwd, environment, line, True)
        except OSError:
            log.close()
            raise
        background(self._follow, instance, instance.process, log)

    def _follow(self, instance: Instance, process: processes.Child, log: LogStream) -> None:
        status = process.wait()
        log.close()
        instance.status = status
        with self._changed:
            self._ended.append(instance)
            self._changed.notify_all()


class JobWatch:
    """What ends an attempt at a job: its instances, a person, a reclaim or a limit.

    An end is told as the secondary status that it leads to. MaxWaitTimeInSeconds is "time spent
    waiting for Spot capacity plus the amount of time the job can run" (API reference,
    StoppingCondition): it counts from the job's creation. MaxRuntimeInSeconds counts what all
    attempts together have run.
    """

    def __init__(self, limits: Mapping[str, float]) -> None:
        self.news = threading.Condition(LOCK)
        self.stopped = False
        self._seconds_left = limits.get("MaxRuntimeInSeconds", DAY)
        self._deadline = time.monotonic() + limits.get("MaxWaitTimeInSeconds", math.inf)
        self._away: float | None = None

    def stop(self) -> None:
        with self.news:
            self.stopped = True
            self.news.notify_all()

    def reclaim(self, seconds: float) -> bool:
        """Interrupt, with no new capacity for `seconds`; False if that has been asked already."""
        with self.news:
            asked = self._away is not None
            self._away = self._away if asked else seconds
            self.news.notify_all()
            return not asked

    def wait_for_end(self, instances: Instances) -> str:
        """How an attempt ends: the instances' verdict, Stopped, Interrupted or a limit's name."""
        began = time.monotonic()
        limits = {
            "MaxRuntimeExceeded": began + self._seconds_left,
            "MaxWaitTimeExceeded": self._deadline,
        }
        limit = min(limits, key=limits.__getitem__)
        with self.news:
            self.news.wait_for(lambda: self._end(instances), limits[limit] - began)
            self._seconds_left -= time.monotonic() - began
            return self._end(instances) or limit

    def wait_for_capacity(self) -> str:
        """What follows an interruption: Starting, Stopped or MaxWaitTimeExceeded."""
        with self.news:
            back = time.monotonic() + (self._away or 0)
            self.news.wait_for(lambda: self.stopped, min(back, self._deadline) - time.monotonic())
            if self.stopped:
                return "Stopped"
            self._away = None
            return "Starting" if back < self._deadline else "MaxWaitTimeExceeded"

    def _end(self, instances: Instances) -> str | None:
        if instances.verdict or self.stopped:
            return instances.verdict or "Stopped"
        return "Interrupted" if self._away is not None else None


@contextlib.contextmanager
def lent_ports(count: int) -> Iterator[list[int]]:
    """Free ports, which no other job gets while the block runs."""
    found: list[int] = []
    with _lending:
        for port in random.sample(PORTS, len(PORTS)):
            if len(found) == count:
                break
            if port not in _lent and _free(port):
                found.append(port)
        _lent.update(found)
    try:
        yield found
    finally:
        with _lending:
            _lent.difference_update(found)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
