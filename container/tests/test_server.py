"""What the server answers to requests that it cannot serve; the model here is a plain function."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator

import httpx2
import numpy as np
import pytest
from starlette.testclient import TestClient

import server

JSON = {"Content-Type": "application/json"}
PIXEL = [0, 0, 0]
IMAGE = [[PIXEL] * 32] * 32


def predict(images: server.Images) -> tuple[np.ndarray, np.ndarray]:
    classes = images[:, 0, 0, 0].astype(np.int64)
    return classes, np.zeros((len(images), 10), np.float32)


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(server.create_app(lambda: predict)) as started:
        yield started


def test_nothing_is_served_before_the_model_is_loaded() -> None:
    with TestClient(server.create_app(lambda: None)) as starting:
        assert starting.get("/ping").status_code == 503
        answer = starting.post("/invocations", json={"instances": [IMAGE]})
        assert answer.status_code == 503
        assert "loaded" in answer.json()["error"]


def test_ping_is_healthy_with_a_model(client: TestClient) -> None:
    assert client.get("/ping").status_code == 200


def test_a_malformed_request_is_refused_with_the_reason_and_the_next_one_is_served(
    client: TestClient,
) -> None:
    answer = client.post("/invocations", content=b'{"instances": [', headers=JSON)
    assert answer.status_code == 400
    assert answer.json() == {"error": "the body is not JSON"}
    assert client.post("/invocations", json={"instances": [IMAGE]}).status_code == 200


def test_parameters_of_a_content_type_change_nothing(client: TestClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    body = json.dumps({"instances": [IMAGE]})
    assert client.post("/invocations", content=body, headers=headers).status_code == 200


def test_a_body_over_the_limit_is_refused(client: TestClient) -> None:
    answer = client.post("/invocations", content=b" " * (server.BODY_BYTES + 1), headers=JSON)
    assert answer.status_code == 413
    assert "larger than 6,291,456 bytes" in answer.json()["error"]


def test_a_body_whose_length_is_not_told_is_limited_as_well(client: TestClient) -> None:
    chunks = (b" " * 100_000 for _ in range(100))
    assert client.post("/invocations", content=chunks, headers=JSON).status_code == 413


@pytest.mark.parametrize("kind", ["text/csv", ""])
def test_an_unknown_content_type_is_refused_with_the_known_ones(
    client: TestClient, kind: str
) -> None:
    answer = client.post("/invocations", content=b"1,2", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "application/json, image/png, image/jpeg" in answer.json()["error"]


def test_another_path_or_method_is_refused_as_json(client: TestClient) -> None:
    assert client.get("/models").json() == {"error": "Not Found"}
    assert client.get("/invocations").status_code == 405


def test_a_slow_body_is_given_up_while_others_are_served() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b'{"instances": ['
        await asyncio.sleep(5)
        yield b"]}"

    async def both() -> tuple[httpx2.Response, httpx2.Response]:
        app = server.create_app(lambda: predict, body_seconds=0.5)
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            slow = asyncio.create_task(client.post("/invocations", content=trickle(), headers=JSON))
            await asyncio.sleep(0.1)
            quick = await client.post("/invocations", json={"instances": [IMAGE]})
            assert not slow.done()
            return await slow, quick

    slow, quick = asyncio.run(both())
    assert quick.status_code == 200
    assert slow.status_code == 408
    assert "did not arrive in 0.5 seconds" in slow.json()["error"]


def test_ping_answers_and_more_requests_are_turned_away_while_the_model_is_overwhelmed() -> None:
    go_on = threading.Event()

    def stuck(images: server.Images) -> tuple[np.ndarray, np.ndarray]:
        assert go_on.wait(30)
        return predict(images)

    async def crowd() -> list[int]:
        transport = httpx2.ASGITransport(server.create_app(lambda: stuck))
        async with (
            httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
            asyncio.TaskGroup() as group,
        ):
            asked = [
                group.create_task(client.post("/invocations", json={"instances": [IMAGE]}))
                for _ in range(server.MOST_WAITING + 1)
            ]
            await asyncio.sleep(0.2)
            assert (await client.get("/ping")).status_code == 200
            go_on.set()
        return sorted(task.result().status_code for task in asked)

    assert asyncio.run(crowd()) == [200] * server.MOST_WAITING + [503]
