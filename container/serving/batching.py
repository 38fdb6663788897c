"""Micro-batching without a timer: while one batch runs, the next gathers."""

import asyncio
import contextlib
import math
import threading
import traceback
from queue import Empty, SimpleQueue

import numpy as np

from serving.board import Board, Counters
from serving.engines import BATCH, Engine, Prediction
from serving.examples import Examples, Unreadable


class Failed(Exception):
    """The engine raised; the traceback is in the log."""


class Pending:
    """Examples that wait for their prediction, which may come in parts."""

    __slots__ = ("done", "finite", "left", "loop", "parts")

    def __init__(self, examples: Examples) -> None:
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Prediction] = self.loop.create_future()
        self.left: Examples | None = examples
        self.parts: list[Prediction] = []
        self.finite = True  # all of the batches that its parts were in
        self.done.add_done_callback(self._release)

    def _release(self, _: object) -> None:
        """A job that nobody waits for keeps its place, but no memory."""
        self.left = None

    def end(self, failed: bool) -> None:
        """In the event loop."""
        if self.done.done():  # cancelled
            return
        if failed:
            self.done.set_exception(Failed())
            return
        try:
            found = self.parts[0]
            if len(self.parts) > 1:
                found = Prediction(*map(np.concatenate, zip(*self.parts, strict=True)))
            self.done.set_result(found if self.finite else _finite(found))
        except Unreadable as error:
            self.done.set_exception(error)
        except Exception:  # parts that do not fit together
            traceback.print_exc()
            self.done.set_exception(Failed())


Batch = list[tuple[Pending, Examples]]


class Batcher:
    """Asks the engine, each time for as many examples as wait, up to a limit.

    A quick engine is asked by the event loop: to hand examples to a thread and back takes as long
    as such a prediction. A request that is alone is answered at once, as nothing gathers; others
    after all have been read that have come. Any other engine gets a thread.
    A request of more examples than the limit is taken in parts, in turn with those behind it.
    """

    def __init__(self, engine: Engine, counters: Counters | None = None) -> None:
        self.engine = engine
        self.counters = counters or Board().counters()
        self._limit = engine.inline or BATCH
        self._waiting: SimpleQueue[Pending] = SimpleQueue()
        self._turn_comes = False
        if not engine.inline:
            threading.Thread(target=self._work, daemon=True, name="engine").start()

    def at_once(self, examples: Examples) -> Prediction | None:
        """From the event loop, for a request that is alone: None if it has to wait nevertheless.

        Raises Failed and Unreadable.
        """
        if len(examples) > self.engine.inline or self._turn_comes:
            return None
        found, finite = self._ask([examples])
        return found if finite else _finite(found)

    def __call__(self, examples: Examples) -> "asyncio.Future[Prediction]":
        """From the event loop. What it returns raises Failed and Unreadable.

        Cancelled before its turn, it costs the engine nothing.
        """
        job = Pending(examples)
        if not self.engine.inline:
            # Soon, not now: the thread would start with the first of several
            job.loop.call_soon(self._waiting.put, job)
        else:
            self._waiting.put(job)
            if not self._turn_comes:
                self._turn_comes = True
                job.loop.call_soon(self._turn, job.loop)
        return job.done

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """One batch in the event loop, which then sees to other things before the next."""
        _end(self._run(self._take()), self.counters.failing)
        self._turn_comes = not self._waiting.empty()
        if self._turn_comes:
            loop.call_soon(self._turn, loop)

    def _work(self) -> None:
        """Every batch, in a thread."""
        while True:
            ended = self._run(self._take())
            if ended:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                    ended[0].loop.call_soon_threadsafe(_end, ended, self.counters.failing)

    def _take(self) -> Batch:
        """Waits for a job, then takes what else is there and fits; nothing if all are cancelled."""
        batch: Batch = []
        room, job = self._limit, self._waiting.get()
        with contextlib.suppress(Empty):
            while True:
                left = job.left
                if left is not None and not job.done.done():
                    part, job.left = left[:room], left[room:]
                    batch.append((job, part))
                    room -= len(part)
                    if not room:
                        break
                job = self._waiting.get_nowait()
        return batch

    def _run(self, batch: Batch) -> list[Pending]:
        """The jobs that have ended with it, all in one way: `failing` tells which."""
        if not batch:
            return []
        try:
            self._predict(batch)
        except Failed:
            return [job for job, _ in batch]
        last = batch[-1][0]
        if last.left is None or not len(last.left):
            return [job for job, _ in batch]
        self._waiting.put(last)
        return [job for job, _ in batch[:-1]]

    def _predict(self, batch: Batch) -> None:
        (classes, probabilities), finite = self._ask([part for _, part in batch])
        at = 0
        for job, part in batch:
            rows = slice(at, at + len(part))
            job.parts.append(Prediction(classes[rows], probabilities[rows]))
            job.finite &= finite
            at += len(part)

    def _ask(self, parts: list[Examples]) -> tuple[Prediction, bool]:
        """And whether all of it is finite. Raises Failed."""
        count = sum(map(len, parts))
        self.counters.began(count)
        failing = True
        try:
            found = self.engine.predict(parts[0] if len(parts) == 1 else np.concatenate(parts))
            # What fails on a useless answer further on would end the thread, or all later turns
            if not len(found.classes) == len(found.probabilities) == count:
                raise ValueError(f"{count} examples, but other numbers of answers")
            # Their sum is what is quickest to find; an overflow is looked at again
            finite = math.isfinite(np.add.reduce(found.probabilities, axis=None))
            failing = False
        except Exception:
            traceback.print_exc()
            raise Failed from None
        finally:
            self.counters.ended(failing)
        return found, finite


def _finite(found: Prediction) -> Prediction:
    """Raises Unreadable."""
    if np.isfinite(found.probabilities).all():
        return found
    raise Unreadable("the model gives no finite answer to these numbers")


def _end(jobs: list[Pending], failed: bool) -> None:
    for job in jobs:
        job.end(failed)
