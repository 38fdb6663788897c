"""Numbers about requests, and how Prometheus reads them."""

import mmap
import time
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from serving.engines import Engine

STATUSES = (200, 400, 404, 405, 406, 408, 413, 415, 431, 499, 500, 503)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCHES = (1, 2, 4, 8, 16, 32)

HANGS_SECONDS = 20.0  # without a sign of life
STUCK_SECONDS = 60.0  # at one batch: SageMaker waits so long for an answer

# Where a worker's cells begin: counts by status, two histograms (buckets, rest, sum), two gauges,
# and its health: whether it has loaded the model, whether the last prediction failed, when it began
# the batch it is at (0 for none), when it was last alive
TIMES = len(STATUSES)
SIZES = TIMES + len(SECONDS) + 2
WAITING = SIZES + len(BATCHES) + 2
IN_FLIGHT = WAITING + 1
LOADED, FAILING, BEGAN, ALIVE = range(IN_FLIGHT + 1, IN_FLIGHT + 5)
CELLS = ALIVE + 1


class Counters:
    """One worker's cells of the board. Each cell has one thread that writes it: no lock."""

    def __init__(self, cells: "memoryview[float]") -> None:
        self._cells = cells
        # A worker before it may have died
        for at in (WAITING, IN_FLIGHT, LOADED, FAILING, BEGAN):
            self._cells[at] = 0
        self.alive()

    def request(self, status: int, seconds: float) -> None:
        self._cells[STATUSES.index(status)] += 1
        self._observe(TIMES, SECONDS, seconds)

    def add(self, gauge: int, change: float) -> None:
        self._cells[gauge] += change

    def loaded(self) -> None:
        self._cells[LOADED] = 1

    def alive(self) -> None:
        self._cells[ALIVE] = time.monotonic()

    def began(self, examples: int) -> None:
        """A batch of so many."""
        self._cells[BEGAN] = time.monotonic()
        self._observe(SIZES, BATCHES, examples)

    def ended(self, failing: bool) -> None:
        self._cells[BEGAN], self._cells[FAILING] = 0, failing

    @property
    def failing(self) -> bool:
        """From an error until the next success."""
        return bool(self._cells[FAILING])

    def _observe(self, begin: int, bounds: tuple[float, ...], value: float) -> None:
        self._cells[begin + bisect_left(bounds, value)] += 1
        self._cells[begin + len(bounds) + 1] += value


class Board:
    """The cells of all workers, in memory that forked processes share."""

    def __init__(self, workers: int = 1) -> None:
        self._cells = memoryview(mmap.mmap(-1, workers * CELLS * 8)).cast("d")

    def counters(self, worker: int = 0) -> Counters:
        return Counters(self._cells[worker * CELLS : (worker + 1) * CELLS])

    def trouble(self) -> str:
        """Why some worker cannot serve; empty if all can.

        Whichever is asked for the health of the server answers for all, as requests come to all.
        """
        now = time.monotonic()  # of the machine, the same for all of its processes
        if not all(self._cells[LOADED::CELLS]):
            return "a worker is loading the model"
        if min(self._cells[ALIVE::CELLS]) < now - HANGS_SECONDS:
            return f"a worker has hung for {HANGS_SECONDS:g} seconds"
        if any(0 < began < now - STUCK_SECONDS for began in self._cells[BEGAN::CELLS]):
            return f"the model has not answered for {STUCK_SECONDS:g} seconds"
        if any(self._cells[FAILING::CELLS]):
            return "the model fails, see the log of the server"
        return ""

    def text(self, engine: Engine | None) -> tuple[bytes, str]:
        """Prometheus' text format and its content type."""
        # Here, because it takes 60 ms and most servers are never asked
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(_Collector([sum(self._cells[at::CELLS]) for at in range(CELLS)], engine))
        return generate_latest(registry), CONTENT_TYPE_LATEST


class _Collector:
    def __init__(self, cells: list[float], engine: Engine | None) -> None:
        self._cells, self._engine = cells, engine

    def collect(self) -> Iterator[Any]:
        from prometheus_client import metrics_core as core

        requests = core.CounterMetricFamily(
            "serve_requests", "Answers, by status", labels=["status"]
        )
        for status, count in zip(STATUSES, self._cells, strict=False):
            requests.add_metric([str(status)], count)
        yield requests
        yield self._histogram("serve_request_seconds", "From headers to answer", TIMES, SECONDS)
        yield self._histogram("serve_batch_examples", "Examples a batch", SIZES, BATCHES)
        yield core.GaugeMetricFamily(
            "serve_waiting", "Requests that wait for a prediction", self._cells[WAITING]
        )
        yield core.GaugeMetricFamily(
            "serve_in_flight", "Requests without an answer yet", self._cells[IN_FLIGHT]
        )
        if self._engine:
            labels = {"engine": self._engine.name, "version": str(self._engine.version)}
            yield core.InfoMetricFamily("serve_model", "The model that answers", labels)

    def _histogram(self, name: str, text: str, begin: int, bounds: tuple[float, ...]) -> Any:
        from prometheus_client import metrics_core as core

        counts = list(accumulate(self._cells[begin : begin + len(bounds) + 1]))
        names = [*map(str, map(float, bounds)), "+Inf"]
        total = self._cells[begin + len(bounds) + 1]
        return core.HistogramMetricFamily(
            name, text, list(zip(names, counts, strict=True)), sum_value=total
        )
