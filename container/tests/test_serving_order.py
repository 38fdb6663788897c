"""Many requests on one connection, and clients that leave: answers in order, and none too many."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from bodies import instances
from raw_http import CHUNKED, PING, SHORT, Client, ask, post, running
from serving_models import classify, engine, once_told
from waiting import SECONDS, until

from serving.app import App
from serving.connections import MOST_PIPELINED
from serving.engines import Prediction
from serving.log import AccessLog
from serving.observing import Observer
from serving.server import DRAIN_SECONDS

pytestmark = pytest.mark.slow

BODY = instances([[7, 1]])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running(App(engine)) as port:
        yield port


def test_requests_sent_without_waiting_are_answered_in_order_up_to_a_limit(port: int) -> None:
    bodies = [instances([[number, 0]]) for number in range(5)]
    with Client(port) as client:
        client.send(b"".join(map(post, bodies)))
        classes = [json.loads(client.reply().body)["predictions"][0]["classes"] for _ in bodies]
        assert classes == list(range(5))
    for request, status in ((PING, 200), (post(b""), 400)):
        with Client(port) as client:
            client.send(request * (MOST_PIPELINED + 2))
            for _ in range(MOST_PIPELINED + 1):
                reply = client.reply()
                assert reply.status == status
            assert reply.headers["connection"] == "close"
            assert client.closed()


def test_a_stream_of_requests_without_an_end_is_cut_off(port: int) -> None:
    """A read of the server hardly ever ends where a request does."""
    stream = post(b"x" * 7, media="text/csv") * 10_000
    answers = 0
    with Client(port) as client, ThreadPoolExecutor(1) as thread:
        sending = thread.submit(client.send, stream)
        with contextlib.suppress(OSError, IndexError):  # there is no other answer
            while client.reply().status == 415:
                answers += 1
        assert isinstance(sending.exception(SECONDS), OSError | None)
    assert 0 < answers < 5_000


def test_an_error_behind_a_good_request_waits_for_its_answer(port: int) -> None:
    for bad in (b"\x00\r\n\r\n", PING.replace(b"1.1", b"9.9"), post(b"", length=-1)):
        with Client(port) as client:
            client.send(post(BODY) + PING + bad)
            assert client.reply().body.startswith(b'{"predictions"')
            reply = client.reply()
            assert (reply.status, reply.headers["connection"]) == (200, "close")
            assert client.closed()


def test_the_start_of_another_request_does_not_hurry_the_one_before() -> None:
    go_on = threading.Event()
    patience = replace(SHORT, answer=60)
    with (
        running(App(lambda: engine(predict=once_told(go_on))), patience) as port,
        Client(port) as client,
    ):
        client.send(post(BODY) + b"GET /ping HTTP/1.1\r\n")
        time.sleep(1.5)
        go_on.set()
        assert client.reply().status == 200
        assert client.reply().status == 408


def test_nothing_is_computed_for_a_client_that_has_left() -> None:
    at_work, go_on, asked = threading.Event(), threading.Event(), list[int]()

    def slow(examples: np.ndarray) -> Prediction:
        at_work.set()
        assert go_on.wait(SECONDS)
        asked.append(len(examples))
        return classify(examples)

    written: list[bytes] = []
    log = AccessLog(written.append)
    observer = Observer(log=log)
    app = App(lambda: engine(predict=slow), observer=observer)
    with running(app, observer=observer) as port:
        clients = [Client(port) for _ in range(3)]
        for client in clients:
            client.send(post(BODY))
            assert at_work.wait(SECONDS)
        until(lambda: b"serve_waiting 3.0" in observer.board.text(None)[0])
        for client in clients:
            client.__exit__()
        until(lambda: b"serve_waiting 0.0" in observer.board.text(None)[0])
        go_on.set()
        assert ask(port, post(BODY)).status == 200
    log.close()
    assert asked == [1, 1]  # the first was at work already
    statuses = [json.loads(line)["status"] for line in b"".join(written).splitlines()]
    assert statuses == [499, 499, 499, 200]


def test_a_large_read_that_is_refused_is_refused_once_and_costs_no_other_its_answer() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    observer = Observer(log=log)
    endless = b"GET /ping HTTP/1.1\r\na: " + b"x" * 100_000
    chunked = CHUNKED.replace(b"\r\n\r\n", b"\r\na: %b\r\n\r\nxyz\r\n" % (b"x" * 50_000))
    with running(App(engine, observer=observer), observer=observer) as port:
        with Client(port) as client:
            assert client.ask(endless + b"\x00").status in (400, 431)
            assert client.closed()
        with Client(port) as client:
            client.send(post(BODY) + PING + chunked + b"\x00" * 60_000)
            assert [client.reply().status for _ in range(2)] == [200, 200]
            assert client.closed()
    log.close()
    statuses = [json.loads(line)["status"] for line in b"".join(written).splitlines()]
    assert len(statuses) == 3


def test_what_is_due_is_answered_though_the_server_stops_and_nonsense_came_behind() -> None:
    go_on = threading.Event()
    with running(App(lambda: engine(predict=once_told(go_on)))) as port:
        client = Client(port)
        client.send(post(BODY) + b"\x00\r\n\r\n")
        time.sleep(0.2)
        # By then the server has been told to stop
        threading.Timer(DRAIN_SECONDS + 0.5, go_on.set).start()
    assert client.reply().status == 200
    client.__exit__()


def test_what_is_on_its_way_when_the_server_stops_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over new connections and over one that is kept; `running` has stopped when it ends."""
    monkeypatch.setattr("serving.server.DRAIN_SECONDS", 3)
    answered, told = 0, threading.Event()

    def keep_asking(port: int) -> None:
        nonlocal answered
        with Client(port) as kept:
            while not told.is_set():
                assert ask(port, post(BODY)).status == 200
                reply = kept.ask(post(BODY))
                assert reply.status == 200
                answered += 2
                if "connection" in reply.headers:
                    told.set()

    with ThreadPoolExecutor(1) as thread:
        with running(App(engine)) as port:
            asking = thread.submit(keep_asking, port)
            time.sleep(0.3)
        asking.result(SECONDS)
    assert answered > 20
