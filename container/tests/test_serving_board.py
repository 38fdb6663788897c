"""Numbers of several workers in one board."""

import time

import pytest

from serving.board import ALIVE, BEGAN, HANGS_SECONDS, IN_FLIGHT, STUCK_SECONDS, Board, Counters


def test_a_replaced_worker_goes_on_counting_but_has_nothing_in_flight() -> None:
    board = Board(workers=2)
    for number in range(2):
        counters = board.counters(number)
        counters.request(200, 0.003)
        counters.add(IN_FLIGHT, 1)
    board.counters(1).request(200, 40)
    text = board.text(None)[0].decode()
    assert 'serve_requests_total{status="200"} 3.0' in text
    assert 'serve_request_seconds_bucket{le="0.0025"} 0.0' in text
    assert 'serve_request_seconds_bucket{le="0.005"} 2.0' in text
    assert 'serve_request_seconds_bucket{le="+Inf"} 3.0' in text
    assert "serve_in_flight 1.0" in text
    assert "serve_model" not in text


def healthy() -> tuple[Board, Counters]:
    """And the second of its workers."""
    board = Board(workers=2)
    first, second = (board.counters(number) for number in range(2))
    for one in (first, second):
        assert board.trouble() == "a worker is loading the model"
        one.loaded()
    assert board.trouble() == ""
    return board, second


def test_one_worker_that_fails_is_trouble_until_it_succeeds() -> None:
    board, second = healthy()
    second.began(1)
    second.ended(failing=True)
    assert board.trouble() == "the model fails, see the log of the server"
    second.began(1)
    second.ended(failing=False)
    assert board.trouble() == ""


@pytest.mark.parametrize(
    ("cell", "seconds", "reason"),
    [
        (ALIVE, HANGS_SECONDS, "a worker has hung for 20 seconds"),
        (BEGAN, STUCK_SECONDS, "the model has not answered for 60 seconds"),
    ],
)
def test_one_worker_that_hangs_is_trouble(cell: int, seconds: float, reason: str) -> None:
    board, second = healthy()
    second.add(cell, time.monotonic() - seconds + 1 - second._cells[cell])
    assert board.trouble() == ""
    second.add(cell, -2)
    assert board.trouble() == reason
    board.counters(1)  # another in its place
    assert board.trouble() == "a worker is loading the model"
