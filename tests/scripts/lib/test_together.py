"""Calls at once give their answers in order, and end together."""

import threading

import pytest

from scripts.lib.together import AT_ONCE, together


def test_answers_come_in_the_order_of_what_was_asked() -> None:
    begun = threading.Barrier(AT_ONCE, timeout=60)

    def call(number: int) -> int:
        begun.wait()  # until as many are under way
        return number * 2

    told: list[int] = []
    assert together(call, range(AT_ONCE), told.append) == [n * 2 for n in range(AT_ONCE)]
    assert told == [*range(1, AT_ONCE + 1)]


@pytest.mark.parametrize("ends", [ValueError, KeyboardInterrupt])
def test_nothing_begins_after_the_first_error_or_ctrl_c(ends: type[BaseException]) -> None:
    called: list[int] = []
    go_on = threading.Event()

    def call(number: int) -> None:
        called.append(number)
        if number:
            go_on.wait(60)

    def tell(done: int) -> None:
        threading.Timer(0.2, go_on.set).start()
        raise ends

    with pytest.raises(ends):
        together(call, range(1000), tell)
    assert len(called) <= AT_ONCE + 1  # the first, and those that had begun when it was told of
