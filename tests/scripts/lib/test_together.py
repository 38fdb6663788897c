"""Calls at once give their answers in order, and end together."""

import threading
import time

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


def test_an_error_ends_it_while_an_earlier_call_is_still_under_way() -> None:
    called: list[int] = []
    last_begun = threading.Event()

    def call(number: int) -> None:
        called.append(number)
        if number == 0:
            last_begun.wait(0.5)
        elif number == 1:
            raise ValueError
        elif number == 999:
            last_begun.set()
        time.sleep(0.001)  # as a call over a network lets others go on

    with pytest.raises(ValueError):
        together(call, range(1000))
    assert not last_begun.is_set()
    assert len(called) < 500


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
