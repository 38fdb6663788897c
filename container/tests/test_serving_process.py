"""`serve` as SageMaker starts and stops it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from bodies import instances
from raw_http import PING, Client, ask, post
from serving_models import weights, write_onnx
from serving_process import SERVE, Process, serving, started
from waiting import SECONDS, until

from serving.engines import ONNX

pytestmark = pytest.mark.slow

SERVO = "model/export/Servo"
BODY = instances(np.ones((1, 13)))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a table's rows, 13 numbers each."""
    folder = tmp_path_factory.mktemp("ml")
    write_onnx(folder / SERVO, (13,))
    return folder


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes some 0.2 seconds for any prediction."""
    folder = tmp_path_factory.mktemp("slow")
    write_onnx(folder / SERVO, (13,), work=1500)
    return folder


@pytest.fixture(scope="module")
def slower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes seconds to load, as its first prediction does."""
    folder = tmp_path_factory.mktemp("slower")
    write_onnx(folder / SERVO, (13,), work=3500)
    return folder


@pytest.fixture(params=["1", "2"], ids=["one-worker", "two-workers"])
def workers(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def wait_until_gone(pid: int) -> None:
    until(lambda: not Path(f"/proc/{pid}").exists())


def test_it_serves_logs_and_ends_with_status_0(base: Path, workers: str) -> None:
    with serving(base, SERVE_WORKERS=workers, MODEL_VERSION="v7") as process:
        answer = ask(process.port, post(BODY))
        assert answer.headers["x-amzn-sagemaker-custom-attributes"] == "version=v7"
        (prediction,) = json.loads(answer.body)["predictions"]
        assert prediction["classes"] == weights((13,)).sum(0).argmax()
        assert ask(process.port, b"GET /x HTTP/1.1\r\n\r\n").status == 404
        process.child.send_signal(signal.SIGTERM)
        status, out, err = process.ended()
    assert status == 0
    assert sorted(json.loads(line)["status"] for line in out.splitlines()) == [200, 404]
    line = f"serve: version 1 with onnxruntime on 127.0.0.1 port {process.port}\n"
    assert err == line * int(workers)


def test_the_port_is_open_and_unhealthy_while_the_model_loads(slower: Path, workers: str) -> None:
    with started(slower, SERVE_WORKERS=workers, SERVE_ACCESS_LOG="off") as process:
        process.wait_until(503)
        assert ask(process.port, post(BODY)).status == 503
        process.wait_until(200)
        for _ in range(2 * int(workers)):  # whichever worker it is
            assert process.ping() == 200
        process.child.send_signal(signal.SIGTERM)
        assert process.ended()[:2] == (0, "")


def test_it_can_be_stopped_while_the_model_loads(slower: Path, workers: str) -> None:
    with started(slower, SERVE_WORKERS=workers) as process:
        process.wait_until(503)
        process.child.send_signal(signal.SIGTERM)
        assert process.ended() == (0, "", "")


def test_requests_that_have_come_are_answered_before_it_stops(slow: Path, workers: str) -> None:
    with serving(slow, SERVE_WORKERS=workers) as process:
        clients = [Client(process.port) for _ in range(3)]
        for client in clients:
            client.send(post(BODY))
        time.sleep(0.1)
        process.child.send_signal(signal.SIGTERM)
        until(lambda: process.ping() == 0)
        for client in clients:
            assert client.reply().status == 200
            client.__exit__()
        assert process.ended()[0] == 0


def test_nothing_is_lost_of_what_many_clients_ask_when_it_is_told_to_stop(
    base: Path, workers: str
) -> None:
    """Each asks over new connections until it is told that an answer is the last, or is refused."""

    answered = list[int]()

    def ask_on(port: int) -> None:
        with contextlib.suppress(ConnectionRefusedError):
            while "connection" not in (reply := ask(port, post(BODY))).headers:
                answered.append(reply.status)

    with serving(base, SERVE_WORKERS=workers) as process, ThreadPoolExecutor(16) as threads:
        asking = [threads.submit(ask_on, process.port) for _ in range(16)]
        until(lambda: len(answered) > 50)
        process.child.send_signal(signal.SIGTERM)
        for one in asking:
            one.result()
        assert set(answered) == {200}
        assert process.ended()[0] == 0


def test_it_stops_though_nobody_reads_its_output(base: Path, workers: str) -> None:
    with serving(base, SERVE_WORKERS=workers) as process:
        for _ in range(8):
            with Client(process.port) as client:
                for _ in range(100):
                    client.ask(post(BODY))
        process.child.send_signal(signal.SIGTERM)
        assert process.child.wait(SECONDS) == 0


def refused(base: Path, reason: str, **environment: str) -> None:
    with started(base, **environment) as process:
        status, out, err = process.ended()
    assert (status, out) == (1, "")
    (line,) = set(err.splitlines())  # each worker may have said it
    assert line.startswith("serve: ")
    assert reason in line


def test_a_missing_model_ends_it_with_one_line(tmp_path: Path, workers: str) -> None:
    refused(tmp_path, f"{tmp_path}/{SERVO} holds no model", SERVE_WORKERS=workers)


def test_a_damaged_model_ends_it_with_one_line(tmp_path: Path) -> None:
    write_onnx(tmp_path / SERVO, (13,))
    (tmp_path / SERVO / "1" / ONNX).write_bytes(b"damaged")
    refused(tmp_path, f"{tmp_path}/{SERVO}/1 cannot be loaded by onnxruntime: ")


def test_a_model_that_needs_tensorflow_where_there_is_none_ends_it_with_one_line(
    tmp_path: Path,
) -> None:
    (tmp_path / SERVO / "1").mkdir(parents=True)
    (tmp_path / "tensorflow.py").write_text("raise ModuleNotFoundError(name='tensorflow')")
    reason = f"1 has no {ONNX} and so needs tensorflow, which is not installed"
    refused(tmp_path, reason, PYTHONPATH=str(tmp_path))


def test_a_port_that_is_taken_ends_it_with_one_line(base: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=workers == "2") as other:
        port = str(other.getsockname()[1])
        reason = f"cannot listen on 127.0.0.1 port {port}: Address already in use"
        refused(base, reason, SERVE_WORKERS=workers, SAGEMAKER_BIND_TO_PORT=port)


def test_a_bad_setting_ends_it_with_one_line(base: Path) -> None:
    refused(base, "SERVE_WORKERS is 'x', expected a number from 1 to 64", SERVE_WORKERS="x")


def test_a_pillow_without_jpeg_serves_what_is_no_jpeg(base: Path, tmp_path: Path) -> None:
    without = "from PIL import Image\ndel Image.core.jpeg_encoder, Image.core.jpeg_decoder\n"
    (tmp_path / "sitecustomize.py").write_text(without)
    with serving(base, PYTHONPATH=str(tmp_path)) as process:
        assert ask(process.port, post(BODY)).status == 200


def test_no_more_is_loaded_than_serving_needs(base: Path) -> None:
    with serving(base, SERVE_WORKERS="1") as process:
        libraries = Path(f"/proc/{process.child.pid}/maps").read_text()
    assert "onnxruntime" in libraries
    for other in ("tensorflow", "keras"):
        assert other not in libraries


def metric(process: Process, name: str) -> float:
    text = ask(process.port, PING.replace(b"ping", b"metrics")).body.decode()
    (line,) = (line for line in text.splitlines() if line.startswith(name + " "))
    return float(line.split()[1])


def test_workers_share_what_has_been_imported_before(base: Path) -> None:
    with serving(base, SERVE_WORKERS="2") as process:
        assert "onnxruntime" in Path(f"/proc/{process.child.pid}/maps").read_text()


def test_connections_that_come_together_need_not_wait_for_a_batch_each(base: Path) -> None:
    with serving(base, SERVE_WORKERS="1") as process, contextlib.ExitStack() as open_clients:
        process.child.send_signal(signal.SIGSTOP)
        clients = [open_clients.enter_context(Client(process.port)) for _ in range(12)]
        for client in clients:
            client.send(post(BODY))
        process.child.send_signal(signal.SIGCONT)
        assert {client.reply().status for client in clients} == {200}
        assert metric(process, "serve_batch_examples_sum") == 12
        assert metric(process, "serve_batch_examples_count") <= 4


def test_any_worker_tells_the_numbers_of_all(base: Path) -> None:
    with serving(base, SERVE_WORKERS="2") as process:
        for _ in range(40):
            assert ask(process.port, post(BODY)).status == 200
        for _ in range(5):
            assert metric(process, "serve_batch_examples_sum") == 40


def statuses(process: Process) -> set[int]:
    return {ask(process.port, post(BODY)).status for _ in range(20)}


def test_a_worker_that_is_killed_is_replaced_and_its_counts_are_kept(base: Path) -> None:
    with serving(base, SERVE_WORKERS="2") as process:
        for _ in range(20):
            ask(process.port, post(BODY))
        first, second = process.workers()
        os.kill(first, signal.SIGKILL)
        wait_until_gone(first)
        until(lambda: len(process.workers()) == 2)
        assert second in process.workers()
        # Connections that came to it in the meantime have waited
        assert statuses(process) <= {200, 503}
        until(lambda: statuses(process) == {200})
        assert metric(process, "serve_batch_examples_sum") >= 40
        process.child.send_signal(signal.SIGTERM)
        status, _, err = process.ended()
    assert status == 0
    assert "has ended (-9): another one starts" in err


def test_no_worker_outlives_the_main_process(base: Path) -> None:
    with serving(base, SERVE_WORKERS="2") as process:
        workers = process.workers()
        assert len(workers) == 2
        process.child.kill()
        for worker in workers:
            wait_until_gone(worker)
        with pytest.raises(ConnectionRefusedError):
            Client(process.port)


def test_a_second_signal_changes_nothing(slow: Path, workers: str) -> None:
    with serving(slow, SERVE_WORKERS=workers) as process:
        with Client(process.port) as client:
            client.send(post(BODY))
            time.sleep(0.1)
            for _ in range(3):
                process.child.send_signal(signal.SIGTERM)
                time.sleep(0.05)
            assert client.reply().status == 200
        assert process.ended()[0] == 0


def test_a_child_of_another_process_that_ends_is_nobody_to_replace() -> None:
    """As the first process of a container, the server gets those that have lost their parents."""
    program = """
import ctypes, os, socket, time
from serving.workers import supervise

def work(number, listener):
    child = os.fork()
    if not child:
        if not os.fork():
            time.sleep(0.2)
            os._exit(3)  # its parent is gone
        os._exit(0)
    os.waitpid(child, 0)
    time.sleep(0.5)
    return 7

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
os._exit(supervise([socket.socket()], work))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=SERVE.parent, capture_output=True)
    assert (done.returncode, done.stderr) == (7, b"")
