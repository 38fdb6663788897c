"""Many calls at once: a few under way, the answers in order."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

One = TypeVar("One")
Answer = TypeVar("Answer")

AT_ONCE = 8  # fewer than the ten connections of a client (botocore's Config, max_pool_connections)


def together(
    call: Callable[[One], Answer],
    things: Iterable[One],
    tell: Callable[[int], object] = lambda done: None,
) -> list[Answer]:
    """What a call answers to each thing, in their order; `tell` is told how many have, in this
    thread. The first error, or Ctrl-C, lets nothing begin any more: what has begun is waited for.
    """
    answers: list[Answer] = []
    all_are_known = Event()  # an error before that would leave a pool that takes no more
    with ThreadPoolExecutor(AT_ONCE, initializer=all_are_known.wait) as pool:

        def look(ended: Future[Answer]) -> None:
            if not ended.cancelled() and ended.exception():
                pool.shutdown(wait=False, cancel_futures=True)

        try:
            asked = [pool.submit(call, thing) for thing in things]
            for one in asked:
                one.add_done_callback(look)
            all_are_known.set()
            # They begin in order, so that an error comes before all that it has cancelled
            for one in asked:
                answers.append(one.result())
                tell(len(answers))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            all_are_known.set()
    return answers
