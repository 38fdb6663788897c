"""Two machines that train as one; here both are processes of this machine."""

import json
import signal
import socket
from pathlib import Path

import pytest
from jobs import Host, Job, resumed_at
from records import channel

from training.cluster import Hosts, read_hosts

pytestmark = pytest.mark.slow

CHOICE = {
    "epochs": 12,
    "batch_size": 10,
    "checkpoint_seconds": 0,
    "precision": "float32",
}
STEPS = 12 * 6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return channel(tmp_path_factory.mktemp("data") / "training")


def start_both(job: Job) -> tuple[Host, Host]:
    ports = free_ports()
    return job.start(0, ports), job.start(1, ports)


def free_ports() -> tuple[int, int]:
    loopback = ("127.0.0.1", 0)
    with socket.create_server(loopback) as one, socket.create_server(loopback) as other:
        return one.getsockname()[1], other.getsockname()[1]


def test_two_workers_that_are_interrupted_end_with_the_same_weights(
    tmp_path: Path, data: Path
) -> None:
    """That they train what one would, tests/system/test_two_instances.py tells."""
    whole = start_both(Job.create(tmp_path / "whole", data, **CHOICE))
    assert [host.end()[0] for host in whole] == [0, 0]
    assert not (whole[1].base / "model").exists(), "two workers have written a model"
    assert not whole[1].saved()

    job = Job.create(tmp_path / "broken", data, **CHOICE)
    first, second = start_both(job)
    first.wait_for_step(10)
    for host in (first, second):  # as SageMaker does
        host.process.terminate()
    assert [host.end()[0] for host in (first, second)] == [0, 0]
    copy_checkpoints(first, second)
    stopped = first.step()

    first, second = start_both(job)
    first.wait_for_step(stopped + 10)
    second.process.kill()
    code, log = first.end()
    assert code == 1
    assert "another worker of the job was lost" in (first.failure or ""), log
    assert second.end()[0] == -9
    copy_checkpoints(first, second)
    killed = first.step()

    first, second = start_both(job)
    ended = [host.end() for host in (first, second)]
    assert [code for code, _ in ended] == [0, 0], "\n====\n".join(log for _, log in ended)
    assert 10 <= stopped < killed == resumed_at(ended[0][1]) < STEPS
    assert first.weights() == whole[0].weights()


def test_a_chief_that_is_silently_gone_is_told_of_as_any_lost_worker(
    tmp_path: Path, data: Path
) -> None:
    """As when its machine is taken away: nothing closes its connections."""
    first, second = start_both(Job.create(tmp_path, data, **CHOICE | {"epochs": 10_000}))
    first.wait_for_step(10)
    first.send(signal.SIGSTOP)
    code, log = second.end()
    first.process.kill()
    first.end()
    assert code == 1
    assert "another worker of the job was lost" in (second.failure or ""), log


def copy_checkpoints(source: Host, target: Host) -> None:
    """As S3 does between two jobs."""
    for path in source.saved():
        copy = target.base / path.relative_to(source.base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def test_a_worker_that_stays_alone_gives_up_and_says_what_to_look_at(
    tmp_path: Path, data: Path
) -> None:
    job = Job.create(tmp_path, data, start_seconds=2)
    lonely = job.start(0, free_ports())
    assert lonely.end()[0] == 1
    assert "while it waited, at most 2 seconds, for its other workers" in (lonely.failure or "")


def test_hosts_are_in_order_of_their_numbers_for_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "resourceconfig.json"
    given = ["algo-1", "algo-10", "algo-11", "algo-2"]
    file.write_text(json.dumps({"hosts": given, "current_host": "algo-10"}))
    assert read_hosts(file) == Hosts(("algo-1", "algo-2", "algo-10", "algo-11"), rank=2)


def test_without_a_list_of_hosts_a_job_has_one(tmp_path: Path) -> None:
    assert read_hosts(tmp_path / "resourceconfig.json") == Hosts(("algo-1",), rank=0)
