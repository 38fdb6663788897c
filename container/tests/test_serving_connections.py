"""What HTTP itself has to refuse: slow, endless, malformed and too many connections."""

import gc
import json
import threading
import time
from collections.abc import Iterator

import pytest
from bodies import instances
from raw_http import CHUNKED, PING, SHORT, Client, ask, post, running
from serving_models import engine, once_told
from waiting import until

from serving.app import App
from serving.connections import HEAD_BYTES, MOST_HEADERS, Connection, Patience
from serving.log import AccessLog
from serving.observing import Observer

pytestmark = pytest.mark.slow

BODY = instances([[7, 1]])
# Whoever waits for this long is not seen to end
ENDLESS = Patience(head=3600, body=3600, answer=3600, idle=3600, closing=3600)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running(App(engine)) as port:
        yield port


@pytest.fixture(scope="module")
def impatient() -> Iterator[int]:
    with running(App(engine), SHORT) as port:
        yield port


@pytest.mark.parametrize(
    "request_",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET\r\n\r\n",
        b"GET /ping HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: test\r\n\r\n",
        b"FETCH /ping HTTP/1.1\r\nHost: test\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost : test\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET /ping HTTP/1.1\r\n" + b"a: b\r\n" * (MOST_HEADERS + 1) + b"\r\n",
    ],
)
def test_what_is_not_http_is_refused_with_the_reason(port: int, request_: bytes) -> None:
    with Client(port) as client:
        reply = client.ask(request_)
        assert reply.status == 400
        assert "not a valid HTTP request: " in reply.reason or "chunk" in reply.reason
        assert client.closed()
    assert ask(port, PING).status == 200


def test_headers_after_a_body_are_refused(port: int) -> None:
    with Client(port) as client:
        reply = client.ask(CHUNKED + b"0\r\na: b\r\n\r\n")
        assert reply.status == 400
        assert "headers after the body are not supported" in reply.reason
        assert client.closed()


def test_what_follows_the_last_chunk_without_end_is_refused(port: int) -> None:
    with Client(port) as client:
        client.send(CHUNKED + b"0\r\nendless: ")
        for _ in range(HEAD_BYTES // 8192 + 1):
            client.send(b"x" * 8192)
        reply = client.reply()
        assert reply.status in (400, 431)
        assert client.closed()


def test_a_body_in_many_chunks_is_taken_whole(port: int) -> None:
    body = instances([[number, 0] for number in range(4000)])
    body += b" " * 2 * HEAD_BYTES
    chunks = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    with Client(port) as client:
        client.send(CHUNKED)
        for chunk in chunks:
            client.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        assert client.ask(b"0\r\n\r\n").status == 200


def test_endless_headers_are_refused(port: int) -> None:
    with Client(port) as client:
        client.send(b"GET /ping HTTP/1.1\r\nendless: ")
        for _ in range(HEAD_BYTES // 8192 + 1):
            client.send(b"x" * 8192)
        reply = client.reply()
        assert reply.status == 431
        assert reply.reason == f"the headers are larger than {HEAD_BYTES:,} bytes"
        assert client.closed()


def test_slow_headers_are_given_up(impatient: int) -> None:
    with Client(impatient) as client:
        client.send(b"GET /ping HTTP/1.1\r\nHost:")
        for _ in range(3):
            time.sleep(0.2)
            client.send(b" ")
        reply = client.reply()
        assert reply.status == 408
        assert reply.reason == "the headers did not arrive in 0.6 seconds"
        assert client.closed()


def test_a_slow_body_is_given_up_while_others_are_served(impatient: int) -> None:
    with Client(impatient) as slow:
        slow.send(post(b"{", length=100))
        for _ in range(3):
            time.sleep(0.2)
            slow.send(b" ")
            assert ask(impatient, post(BODY)).status == 200
        reply = slow.reply()
        assert reply.status == 408
        assert reply.reason == "the body did not arrive in 0.6 seconds"
        assert slow.closed()


def test_a_connection_that_asks_nothing_more_is_closed(impatient: int) -> None:
    began = time.monotonic()
    with Client(impatient) as silent, Client(impatient) as blank, Client(impatient) as kept:
        assert kept.ask(PING).status == 200
        for _ in range(4):
            blank.send(b"\r\n")
            time.sleep(0.1)
        for client in (silent, blank, kept):
            assert client.closed()
    assert time.monotonic() - began < Patience().idle  # what it was told, not what it is by itself


def test_a_client_that_does_not_take_its_answer_is_cut_off(impatient: int) -> None:
    """Its body was refused before it came; it neither sends the rest nor closes."""
    with Client(impatient) as client:
        refused = client.ask(post(b"x", media="text/csv", length=1000))
        assert refused.status == 415
        assert client.closed()


def test_a_request_without_an_answer_is_given_up_and_logged_once() -> None:
    go_on = threading.Event()
    written: list[bytes] = []
    log = AccessLog(written.append)
    observer = Observer(log=log)
    app = App(lambda: engine(predict=once_told(go_on)), observer=observer)
    with running(app, SHORT, observer=observer) as port:
        reply = ask(port, post(BODY))
        assert reply.status == 503
        assert reply.reason == "there was no answer in 0.6 seconds"
        go_on.set()
        assert ask(port, post(BODY)).status == 200
    log.close()
    assert [json.loads(line)["status"] for line in b"".join(written).splitlines()] == [503, 200]


def test_what_is_not_http_and_a_client_that_leaves_are_logged_too() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    observer = Observer(log=log)
    with running(App(engine, observer=observer), observer=observer) as port:
        with Client(port) as client:
            assert client.ask(b"\x00\r\n\r\n").status == 400
            client.send(b"\x00\r\n\r\n")  # is not even looked at
            time.sleep(0.1)
        with Client(port) as client:
            client.send(post(b"{", length=100))
            time.sleep(0.1)
        time.sleep(0.1)
    log.close()
    assert [json.loads(line)["status"] for line in b"".join(written).splitlines()] == [400, 499]


def test_a_new_connection_takes_the_place_of_the_one_that_was_idle_longest() -> None:
    with running(App(engine), most=3) as port:
        clients = [Client(port) for _ in range(3)]
        for client in reversed(clients):
            assert client.ask(PING).status == 200
            time.sleep(0.01)
        assert ask(port, PING).status == 200
        assert clients[2].closed()
        for client in clients[:2]:
            assert client.ask(PING).status == 200
            client.__exit__()


def test_too_many_connections_at_work_are_refused() -> None:
    with running(App(engine), most=3) as port:
        clients = [Client(port) for _ in range(3)]
        for client in clients:
            client.send(post(BODY)[:-1])
        time.sleep(0.1)
        with Client(port) as refused:
            reply = refused.reply()
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")
        assert reply.reason == "3 connections are open already: try again"
        for client in clients:
            assert client.ask(post(BODY)[-1:]).status == 200
            client.__exit__()


def test_a_body_that_is_too_large_is_taken_so_that_the_answer_can_be_read(port: int) -> None:
    assert ask(port, post(b" " * 10_000_000)).status == 413
    head = post(b"", length=10_000_000).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    reply = ask(port, head)
    assert (reply.status, reply.headers["connection"]) == (413, "close")


def test_a_client_that_asks_first_is_told_to_go_on(port: int) -> None:
    head = post(BODY)[: -len(BODY)].replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    with Client(port) as client:
        client.send(head)
        assert client._file.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert client._file.readline() == b"\r\n"
        assert client.ask(BODY).status == 200


def test_a_client_that_never_ends_its_request_does_not_keep_the_server_from_stopping() -> None:
    with running(App(engine), ENDLESS, stop_seconds=1) as port:
        client = Client(port)
        client.send(post(BODY)[:-1])
        time.sleep(0.1)
    reply = client.reply()
    assert (reply.status, reply.reason) == (503, "the server is stopping")
    client.__exit__()


def test_connections_without_a_request_are_closed_when_the_server_stops() -> None:
    with running(App(engine), ENDLESS, stop_seconds=3600) as port:
        clients = [Client(port) for _ in range(2)]
        clients[0].send(b"GET /ping")
        assert clients[1].ask(PING).status == 200
    for client in clients:
        assert client.closed()
        client.__exit__()


def test_an_upgrade_is_not_made_and_is_refused_where_the_parser_would_lose_the_body(
    port: int,
) -> None:
    head = b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with Client(port) as client:
        reply = client.ask(PING.replace(b"\r\n\r\n", head))
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        assert client.closed()
    reply = ask(port, post(BODY).replace(b"\r\n\r\n", head))
    assert reply.status == 400
    assert "a request with a body cannot ask for an upgrade" in reply.reason


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE", b"DELETE"])
def test_every_method_gets_an_answer(port: int, method: bytes) -> None:
    with Client(port) as client:
        client.send(b"%b /ping HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n" % method)
        line = client._file.readline()
    assert line.split()[1] == (b"200" if method == b"HEAD" else b"405")


@pytest.mark.parametrize("asked", [1, 3])
def test_a_connection_that_is_closed_leaves_nothing_for_the_collector(
    port: int, asked: int
) -> None:
    def held() -> int:
        return sum(isinstance(one, Connection) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = held()
        for _ in range(5):
            with Client(port) as client:
                client.send(asked * PING)
                for _ in range(asked):
                    assert client.reply().status == 200
        until(lambda: held() <= before)
    finally:
        gc.enable()
