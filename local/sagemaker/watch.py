"""What ends an attempt at a training job: its instances, a person, a reclaim or a limit.

MaxWaitTimeInSeconds is "time spent waiting for Spot capacity plus the amount of time the job can
run" (API reference, StoppingCondition): it counts from the job's creation. MaxRuntimeInSeconds
counts what all attempts together have run.
"""

import math
import threading
import time
from collections.abc import Mapping

from local.sagemaker.cluster import Cluster
from local.sagemaker.records import LOCK

DAY = 86_400  # "The default value is 1 day" (the same page)


class Watch:
    """One job's; an end is told as the secondary status that it leads to."""

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

    def attempt(self, cluster: Cluster) -> str:
        """Wait for the end: the cluster's verdict, Stopped, Interrupted or a limit's name."""
        began = time.monotonic()
        limits = {
            "MaxRuntimeExceeded": began + self._seconds_left,
            "MaxWaitTimeExceeded": self._deadline,
        }
        limit = min(limits, key=limits.__getitem__)
        with self.news:
            self.news.wait_for(lambda: self._end(cluster), limits[limit] - began)
            self._seconds_left -= time.monotonic() - began
            return self._end(cluster) or limit

    def capacity(self) -> str:
        """Wait for instances after an interruption: Starting, Stopped or MaxWaitTimeExceeded."""
        with self.news:
            back = time.monotonic() + (self._away or 0)
            self.news.wait_for(lambda: self.stopped, min(back, self._deadline) - time.monotonic())
            if self.stopped:
                return "Stopped"
            self._away = None
            return "Starting" if back < self._deadline else "MaxWaitTimeExceeded"

    def _end(self, cluster: Cluster) -> str | None:
        if cluster.verdict or self.stopped:
            return cluster.verdict or "Stopped"
        return "Interrupted" if self._away is not None else None
