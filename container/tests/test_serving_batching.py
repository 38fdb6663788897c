"""Which examples the engine gets together, and what happens when it fails."""

import asyncio
import threading
import time
import weakref
from collections.abc import Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest
from serving_models import classify, engine
from waiting import SECONDS

from serving.batching import Batcher, Failed
from serving.engines import BATCH, Predict, Prediction
from serving.examples import Unreadable

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, SECONDS))


def numbers(first: int, count: int) -> np.ndarray:
    """Examples of one number each, which is also their class."""
    return np.arange(first, first + count, dtype=np.float32).reshape(count, 1)


class WatchedEngine:
    """Notes what it is asked; waits each time until it may go on."""

    def __init__(self, free: bool = True) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Semaphore(10**6 if free else 0)

    def predict(self, examples: np.ndarray) -> Prediction:
        assert self.go_on.acquire(timeout=SECONDS)
        found = classify(examples)
        self.batches.append(found.classes.tolist())
        return found


@pytest.mark.parametrize("inline", [0, BATCH])
def test_requests_that_come_together_are_asked_together(inline: int) -> None:
    asked = WatchedEngine()

    async def ask() -> list[list[int]]:
        batcher = Batcher(engine((1,), asked.predict, inline))
        futures = []
        for index in range(4):
            futures.append(batcher(numbers(10 * index, 2)))
            time.sleep(0.01)  # the event loop is still reading
        return [(await future).classes.tolist() for future in futures]

    assert run(ask()) == [[0, 1], [10, 11], [20, 21], [30, 31]]
    assert asked.batches == [[0, 1, 10, 11, 20, 21, 30, 31]]


def test_who_is_alone_is_answered_at_once_and_never_before_others_that_wait() -> None:
    asked = WatchedEngine()

    async def ask() -> None:
        quick = Batcher(engine((1,), asked.predict, inline=8))
        found = quick.at_once(numbers(5, 1))
        assert found and found.classes.tolist() == [5]
        assert quick.at_once(numbers(0, 9)) is None
        waits = quick(numbers(6, 1))
        assert quick.at_once(numbers(7, 1)) is None
        await waits
        assert Batcher(engine((1,), asked.predict)).at_once(numbers(8, 1)) is None

    run(ask())
    assert asked.batches == [[5], [6]]


def test_what_comes_while_a_batch_runs_is_the_next_batch() -> None:
    asked = WatchedEngine(free=False)

    async def ask() -> None:
        batcher = Batcher(engine((1,), asked.predict))
        first = batcher(numbers(0, 1))
        await asyncio.sleep(0.1)
        rest = [batcher(numbers(index, 1)) for index in (1, 2)]
        await asyncio.sleep(0.1)
        asked.go_on.release(2)
        await asyncio.gather(first, *rest)

    run(ask())
    assert asked.batches == [[0], [1, 2]]


@pytest.mark.parametrize("inline", [0, BATCH])
def test_a_large_request_is_taken_in_parts_and_lets_a_small_one_go_before(inline: int) -> None:
    asked = WatchedEngine()
    ended = []

    async def ask() -> None:
        batcher = Batcher(engine((1,), asked.predict, inline))
        large = batcher(numbers(100, 3 * BATCH))
        small = batcher(numbers(0, 1))
        large.add_done_callback(lambda _: ended.append("large"))
        small.add_done_callback(lambda _: ended.append("small"))
        found = await large
        assert found.classes.tolist() == list(range(100, 100 + 3 * BATCH))
        assert found.probabilities.shape == (3 * BATCH, 3)

    run(ask())
    assert ended == ["small", "large"]
    assert max(map(len, asked.batches)) == BATCH


def test_a_quick_engine_is_asked_for_no_more_than_it_can_answer_at_once() -> None:
    asked = WatchedEngine()

    async def ask() -> None:
        batcher = Batcher(engine((1,), asked.predict, inline=8))
        await asyncio.gather(*(batcher(numbers(index, 1)) for index in range(20)))

    run(ask())
    assert [len(batch) for batch in asked.batches] == [8, 8, 4]


@pytest.mark.parametrize("inline", [0, BATCH])
def test_an_error_reaches_every_request_of_its_batch_and_no_other(
    inline: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def predict(examples: np.ndarray) -> Prediction:
        if examples.max() >= 100:
            raise MemoryError("too much")
        return classify(examples)

    async def ask() -> None:
        batcher = Batcher(engine((1,), predict, inline))
        bad = [batcher(numbers(0, 1)), batcher(numbers(100, 2 * BATCH))]
        for result in await asyncio.gather(*bad, return_exceptions=True):
            assert isinstance(result, Failed)
        assert batcher.counters.failing
        good = await batcher(numbers(5, 1))
        assert good.classes.tolist() == [5]
        assert not batcher.counters.failing

    run(ask())
    assert capsys.readouterr().err.count("MemoryError: too much") == 1


def without_rows(examples: np.ndarray) -> Prediction:
    classes, probabilities = classify(examples)
    return Prediction(classes.squeeze(), probabilities)  # of one example: no array but a number


def of_words(examples: np.ndarray) -> Prediction:
    classes, _ = classify(examples)
    return Prediction(classes, np.full((len(classes), 3), "many"))


def of_any_width(examples: np.ndarray) -> Prediction:
    """So that its parts do not fit together."""
    classes, _ = classify(examples)
    return Prediction(classes, np.zeros((len(classes), int(examples[0, 0]) + 1), np.float32))


@pytest.mark.parametrize("inline", [0, BATCH])
@pytest.mark.parametrize(
    ("predict", "count"), [(without_rows, 1), (of_words, 1), (of_any_width, BATCH + 1)]
)
def test_an_answer_that_is_of_no_use_is_a_failure_and_ends_nothing(
    predict: Predict, count: int, inline: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async def ask() -> None:
        batcher = Batcher(engine((1,), predict, inline))
        for _ in range(3):
            with pytest.raises(Failed):
                batcher.at_once(numbers(0, count)) or await batcher(numbers(0, count))
            with pytest.raises(Failed):
                await batcher(numbers(0, count))

    run(ask())
    assert capsys.readouterr().err.count("Traceback") == 6


@pytest.mark.parametrize("inline", [0, BATCH])
def test_what_nobody_waits_for_is_not_asked(inline: int) -> None:
    asked = WatchedEngine()

    async def ask() -> None:
        batcher = Batcher(engine((1,), asked.predict, inline))
        alone = batcher(numbers(0, 1))
        alone.cancel()
        await asyncio.sleep(0.1)
        left, large, kept = (batcher(numbers(10 * n, n * BATCH)) for n in (1, 2, 1))
        left.cancel()
        large.add_done_callback(lambda _: None)
        await asyncio.sleep(0)
        large.cancel()
        assert len((await kept).classes) == BATCH

    run(ask())
    assert [batch[0] for batch in asked.batches] in ([10], [20, 10])


def test_what_nobody_waits_for_is_not_held() -> None:
    asked = WatchedEngine(free=False)

    async def ask() -> None:
        batcher = Batcher(engine((1,), asked.predict))
        first = batcher(numbers(0, 1))
        await asyncio.sleep(0.1)
        examples = [numbers(0, 9) for _ in range(3)]
        held = [weakref.ref(each) for each in examples]
        jobs = [batcher(each) for each in examples]
        del examples
        await asyncio.sleep(0)
        for job in jobs[:2]:
            job.cancel()
        await asyncio.sleep(0)
        assert [each() is None for each in held] == [True, True, False]
        asked.go_on.release(2)
        await asyncio.gather(first, jobs[2])

    run(ask())


@pytest.mark.filterwarnings("ignore:overflow encountered")  # `serve` has no warnings
@pytest.mark.parametrize("inline", [0, BATCH])
def test_numbers_without_a_finite_answer_are_refused_and_no_others(inline: int) -> None:
    def predict(examples: np.ndarray) -> Prediction:
        classes, probabilities = classify(examples)
        probabilities[classes > 5] = np.nan
        probabilities[classes == 0] = 3e38  # the sum of these is none
        return Prediction(classes, probabilities)

    async def ask() -> None:
        batcher = Batcher(engine((1,), predict, inline))
        good, bad = batcher(numbers(0, 1)), batcher(numbers(5, 2))
        assert (await good).classes.tolist() == [0]
        with pytest.raises(Unreadable, match="no finite answer"):
            await bad
        with pytest.raises(Unreadable, match="no finite answer"):
            batcher.at_once(numbers(5, 2)) or await batcher(numbers(5, 2))
        assert not batcher.counters.failing

    run(ask())
