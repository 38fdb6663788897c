"""Numbers of several workers in one board."""

from serving.board import IN_FLIGHT, Board


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


def test_all_are_loaded_when_each_has_said_so() -> None:
    board = Board(workers=2)
    counters = [board.counters(number) for number in range(2)]
    for one in counters:
        assert not board.all_loaded()
        one.loaded()
    assert board.all_loaded()
