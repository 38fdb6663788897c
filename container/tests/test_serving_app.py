"""What the server answers; the model here is a plain function."""

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import httpx2
import numpy as np
import pytest
from bodies import JSON, NPY, instances, npy, picture
from serving_models import CLASSES, classify, engine
from starlette.testclient import TestClient

from serving.app import App
from serving.decoding import DECODERS
from serving.engines import BATCH, Engine, Prediction
from serving.invocations import INLINE_BYTES, Limits
from serving.log import AccessLog
from serving.observing import Observer

T = TypeVar("T")
EXAMPLE = [7.0, 1.5]
BODY = instances([EXAMPLE])


@pytest.fixture(params=[0, BATCH], ids=["thread", "inline"])
def client(request: pytest.FixtureRequest) -> TestClient:
    return TestClient(App(lambda: engine(inline=request.param)))


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def post(
    client: TestClient, body: bytes = BODY, headers: dict[str, str] | None = None
) -> httpx2.Response:
    return client.post("/invocations", content=body, headers=JSON | (headers or {}))


def asking(app: App) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test")


def test_nothing_is_served_before_the_model_is_loaded() -> None:
    client = TestClient(App(lambda: None))
    for answer in (client.get("/ping"), post(client)):
        assert answer.status_code == 503
        assert answer.json() == {"error": "the model is being loaded"}
        assert answer.headers["retry-after"] == "1"
    assert client.get("/metrics").status_code == 200


def test_a_worker_is_not_healthy_before_all_are_loaded() -> None:
    trouble = "a worker is loading the model"
    client = TestClient(App(engine, lambda: trouble))
    answer = client.get("/ping")
    assert (answer.status_code, answer.json()["error"]) == (503, trouble)
    assert post(client).status_code == 200
    trouble = ""
    assert client.get("/ping").status_code == 200


def test_an_answer_has_a_class_and_probabilities_for_each_example(client: TestClient) -> None:
    answer = post(client, instances([[7, 0], [2, 0]]))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    none = [0.0] * CLASSES
    assert answer.json() == {
        "predictions": [
            {"classes": 7, "probabilities": none},
            {"classes": 2, "probabilities": none},
        ]
    }


def test_every_answer_says_from_which_version_it_comes() -> None:
    attributes = "x-amzn-sagemaker-custom-attributes"
    client = TestClient(App(engine, version="mlops-1a2b3c4d"))
    refused = post(client, b"no JSON")
    assert refused.status_code == 400
    for answer in (post(client), refused):
        assert answer.headers[attributes] == "version=mlops-1a2b3c4d"
    assert attributes not in client.get("/ping").headers
    assert attributes not in post(TestClient(App(engine))).headers


def test_every_content_type_gets_the_same_answer() -> None:
    app = App(lambda: engine((2, 2, 3)))
    bodies = {
        "application/json": instances(np.full((1, 2, 2, 3), 7)),
        "application/x-npy": npy(np.full((1, 2, 2, 3), 7, np.uint8)),
        "image/png": picture("PNG", (2, 2)),
        "image/jpeg": picture("JPEG", (2, 2), "L"),
    }
    client = TestClient(app)
    answers = {
        client.post("/invocations", content=body, headers={"Content-Type": media}).text
        for media, body in bodies.items()
    }
    assert len(answers) == 1
    assert json.loads(answers.pop())["predictions"][0]["classes"] == 7


def test_bodies_and_answers_that_are_too_large_for_the_event_loop_get_the_same_answer() -> None:
    rows = 3000
    array = np.arange(rows * 13.0).reshape(rows, 13)
    assert len(npy(array)) > INLINE_BYTES
    client = TestClient(App(lambda: engine((13,))))
    answers = [
        client.post("/invocations", content=body, headers=media)
        for body, media in ((instances(array), JSON), (npy(array), NPY))
    ]
    assert answers[0].text == answers[1].text
    assert [one["classes"] for one in answers[0].json()["predictions"]] == array[:, 0].tolist()


@pytest.mark.parametrize(
    ("shape", "examples", "reader"),
    [((2,), 1, "MainThread"), ((2,), 9000, "decode_0"), ((100, 100, 3), 1, "decode_0")],
)
def test_what_takes_long_to_read_is_read_by_a_thread(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], examples: int, reader: str
) -> None:
    readers = []

    def read(body: bytes, shape: tuple[int, ...]) -> np.ndarray:
        readers.append(threading.current_thread().name)
        return np.zeros((1, *shape), np.float32)

    monkeypatch.setitem(DECODERS, "application/json", read)
    body = instances(np.zeros((examples, 2)))

    async def ask() -> httpx2.Response:
        async with asking(App(lambda: engine(shape))) as client:
            return await client.post("/invocations", content=body, headers=JSON)

    assert run(ask()).status_code == 200
    assert readers == [reader]


def test_the_client_may_ask_for_an_array(client: TestClient) -> None:
    assert post(client, headers={"Accept": ""}).json()["predictions"]
    answer = post(client, headers={"Accept": "application/x-npy"})
    assert answer.headers["content-type"] == "application/x-npy"
    assert np.load(io.BytesIO(answer.content)).shape == (1, CLASSES)


def test_a_client_that_takes_no_form_of_answer_is_told_which_there_are(client: TestClient) -> None:
    answer = post(client, headers={"Accept": "text/csv"})
    assert answer.status_code == 406
    assert answer.json() == {"error": "the answer can be application/json or application/x-npy"}


def test_a_malformed_request_is_refused_with_the_reason_and_the_next_one_is_served(
    client: TestClient,
) -> None:
    answer = post(client, b'{"instances": [')
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("the body is not JSON")
    assert post(client).status_code == 200


def test_parameters_of_a_content_type_change_nothing(client: TestClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert post(client, headers=headers).status_code == 200


@pytest.mark.parametrize("kind", ["text/csv", "", "application/jsonl"])
def test_an_unknown_content_type_is_refused_with_the_known_ones(
    client: TestClient, kind: str
) -> None:
    answer = post(client, headers={"Content-Type": kind})
    assert answer.status_code == 415
    known = "application/json, application/x-npy, image/png, image/jpeg"
    assert answer.json()["error"].endswith(f"expected one of {known}")


def test_a_body_over_the_limit_is_refused_whether_or_not_its_length_is_told() -> None:
    client = TestClient(App(engine, limits=Limits(body_bytes=1000)))
    chunks = (b" " * 100 for _ in range(20))
    for content in (b" " * 1001, chunks):
        answer = client.post("/invocations", content=content, headers=JSON)
        assert answer.status_code == 413
        assert answer.json() == {"error": "the body is larger than 1,000 bytes"}
    assert post(client).status_code == 200


def test_a_body_far_over_the_limit_is_not_read_to_its_end() -> None:
    app = App(engine, limits=Limits(body_bytes=1000, dropped_bytes=2000))
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b" " * 100

    async def ask() -> None:
        async with asking(app) as client:
            for content in (b" " * 2001, endless()):
                answer = await client.post("/invocations", content=content, headers=JSON)
                assert answer.status_code == 413
                assert answer.headers["connection"] == "close"

    run(ask())
    assert sent <= 2200


def test_another_path_or_method_is_refused_as_json(client: TestClient) -> None:
    answer = client.get("/models")
    assert answer.status_code == 404
    assert answer.json() == {"error": "there is only /ping, /invocations, /metrics"}
    answer = client.get("/invocations")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json() == {"error": "/invocations takes POST"}


def test_ping_answers_and_more_requests_are_turned_away_while_the_model_is_overwhelmed() -> None:
    go_on = threading.Event()

    def stuck(examples: np.ndarray) -> Prediction:
        assert go_on.wait(30)
        return classify(examples)

    app = App(lambda: engine(predict=stuck), limits=Limits(waiting=5))

    async def crowd() -> list[httpx2.Response]:
        async with asking(app) as client, asyncio.TaskGroup() as group:
            asked = [
                group.create_task(client.post("/invocations", content=BODY, headers=JSON))
                for _ in range(6)
            ]
            await asyncio.sleep(0.2)
            assert (await client.get("/ping")).status_code == 200
            assert "serve_waiting 5.0" in (await client.get("/metrics")).text
            go_on.set()
            await asyncio.gather(*asked)
            assert (await client.post("/invocations", content=BODY, headers=JSON)).is_success
        return [task.result() for task in asked]

    answers = run(crowd())
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"error": "5 requests are waiting already: try again"}


def test_bodies_that_arrive_together_hold_no_more_memory_than_the_limit() -> None:
    app = App(lambda: engine(), limits=Limits(held_bytes=10_000))

    async def slow_body(go_on: asyncio.Event) -> AsyncIterator[bytes]:
        yield b" " * 6_000
        await go_on.wait()
        yield BODY

    async def crowd() -> list[int]:
        go_on = asyncio.Event()
        async with asking(app) as client, asyncio.TaskGroup() as group:
            first = group.create_task(
                client.post("/invocations", content=slow_body(go_on), headers=JSON)
            )
            await asyncio.sleep(0.1)
            second = await client.post("/invocations", content=b" " * 6_000 + BODY, headers=JSON)
            go_on.set()
            third = await client.post("/invocations", content=BODY, headers=JSON)
        return [answer.status_code for answer in (await first, second, third)]

    assert run(crowd()) == [200, 503, 200]


def test_an_engine_that_fails_is_reported_and_asked_again_by_ping(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = True

    def predict(examples: np.ndarray) -> Prediction:
        if broken:
            raise RuntimeError("out of order")
        return classify(examples)

    client = TestClient(App(lambda: engine(predict=predict)))
    assert client.get("/ping").status_code == 200
    answer = post(client)
    assert answer.status_code == 500
    assert answer.json() == {"error": "the model failed, see the log of the server"}
    assert "RuntimeError: out of order" in capsys.readouterr().err
    assert client.get("/ping").status_code == 503
    broken = False
    assert client.get("/ping").status_code == 200
    assert post(client).status_code == 200


def test_a_worker_that_has_failed_asks_again_though_no_ping_comes_to_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("serving.app.PROBE_EVERY_SECONDS", 0)
    broken, asked = True, 0

    def predict(examples: np.ndarray) -> Prediction:
        nonlocal asked
        asked += 1
        if broken:
            raise RuntimeError("out of order")
        return classify(examples)

    observer = Observer()
    observer.counters.loaded()
    app = App(lambda: engine(predict=predict), observer=observer)

    async def tend() -> list[str]:
        nonlocal broken
        found = []
        async with asking(app) as client:
            await client.post("/invocations", content=BODY, headers=JSON)
            for fails in (True, False, False):
                broken = fails
                app.tend()
                await asyncio.sleep(0.1)
                found.append(observer.board.trouble())
        return found

    assert run(tend()) == ["the model fails, see the log of the server", "", ""]
    assert asked == 3
    assert capsys.readouterr().err.count("RuntimeError: out of order") == 2


def test_an_engine_that_does_not_come_back_makes_the_server_unhealthy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.board.STUCK_SECONDS", 0.1)
    observer = Observer()
    observer.counters.loaded()
    go_on = threading.Event()

    def stuck(examples: np.ndarray) -> Prediction:
        assert go_on.wait(30)
        return classify(examples)

    app = App(lambda: engine(predict=stuck), observer.board.trouble, observer=observer)

    async def ask() -> list[int]:
        async with asking(app) as client:
            asked = asyncio.create_task(client.post("/invocations", content=BODY, headers=JSON))
            await asyncio.sleep(0.3)
            unhealthy = await client.get("/ping")
            go_on.set()
            return [
                unhealthy.status_code,
                (await asked).status_code,
                (await client.get("/ping")).status_code,
            ]

    assert run(ask()) == [503, 200, 200]


def test_an_error_of_the_server_itself_is_an_answer_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def loaded() -> Engine:
        raise ValueError("a mistake")

    answer = TestClient(App(loaded)).get("/ping")
    assert answer.status_code == 500
    assert answer.json() == {"error": "the server failed, see its log"}
    assert "ValueError: a mistake" in capsys.readouterr().err


def test_metrics_count_requests_by_status_and_examples_by_batch() -> None:
    client = TestClient(App(lambda: engine()))
    post(client, instances([EXAMPLE] * 3))
    post(client, b"{")
    client.get("/ping")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    for line in (
        'serve_requests_total{status="200"} 1.0',
        'serve_requests_total{status="400"} 1.0',
        'serve_batch_examples_bucket{le="2.0"} 0.0',
        'serve_batch_examples_bucket{le="4.0"} 1.0',
        "serve_batch_examples_sum 3.0",
        "serve_request_seconds_count 2.0",
        "serve_waiting 0.0",
        "serve_in_flight 1.0",
        'serve_model_info{engine="function",version="1"} 1.0',
    ):
        assert line in lines


def test_the_log_has_a_line_for_each_request_but_ping_and_nothing_of_its_content() -> None:
    written: list[bytes] = []
    log = AccessLog(written.append)
    client = TestClient(App(lambda: engine(), observer=Observer(log=log)))
    post(client, instances([[123456, 1]]))
    client.get("/ping")
    client.get("/" + "x" * 1000 + "?secret=1")
    log.close()
    lines = [json.loads(line) for line in b"".join(written).splitlines()]
    assert [(line["method"], line["status"], line["examples"]) for line in lines] == [
        ("POST", 200, 1),
        ("GET", 404, 0),
    ]
    assert set(lines[0]) == {
        *("time", "method", "path", "status", "ms", "bytes_in", "bytes_out", "examples")
    }
    assert lines[0]["bytes_in"] == len(instances([[123456, 1]]))
    assert lines[1]["path"] == "/" + "x" * 199
    assert b"123456" not in b"".join(written)
