"""Many calls at once: a few under way, the answers in order."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
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
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for answer in pool.map(call, things):
                answers.append(answer)
                tell(len(answers))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return answers
