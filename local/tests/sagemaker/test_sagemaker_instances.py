"""Training jobs on several instances: a process each, of this machine."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.context import Context
from local.tests import processing, remote
from local.tests.aws import Aws, wait
from local.tests.training import archive, ended, lines, refusal, request, start

PAIR = """#!/usr/bin/env python3
import json, os, pathlib, socket, time
os.chdir(os.environ["SAGEMAKER_BASE_DIR"])
me = json.loads(pathlib.Path("input/config/resourceconfig.json").read_text())["current_host"]
addresses = [each.split(":") for each in os.environ["TRAINING_ADDRESSES"].split(",")]
first, second = [(host, int(port)) for host, port in addresses]
data = pathlib.Path("input/data/training/a")
server = socket.create_server(first if me == "algo-1" else second)
if me == "algo-1":
    data.unlink()
    other, _ = server.accept()
    print("met", other.recv(99).decode(), "train:loss=1")
else:
    while True:
        try:
            socket.create_connection(first).send(me.encode())
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    print("still there:", data.read_text(), "eval:accuracy=0.5")
for name in (f"model/{me}", "model/shared", f"output/data/{me}"):
    pathlib.Path(name).write_text(me)
"""
TELL = """
cd $SAGEMAKER_BASE_DIR/input
cat config/resourceconfig.json; echo; cat config/inputdataconfig.json; echo; ls data/training
"""
WATCHED = """
cd $SAGEMAKER_BASE_DIR
host=$(grep -o 'current_host": "[a-z0-9-]*' input/config/resourceconfig.json | cut -d'"' -f3)
"""


def on(count: int, **more: Any) -> dict[str, Any]:
    resources = {"InstanceType": "ml.m5.xlarge", "InstanceCount": count, "VolumeSizeInGB": 30}
    return {"ResourceConfig": resources, **more}


@pytest.fixture(scope="module")
def pair(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    image = aws.image(tmp_path_factory.mktemp("images"), train=PAIR)
    return ended(aws, start(aws, request(aws, image, **on(2))))


def test_instances_reach_each_other_at_the_addresses_they_are_given(
    aws: Aws, pair: dict[str, Any]
) -> None:
    assert lines(aws, pair["TrainingJobName"], "algo-1") == ["met algo-2 train:loss=1"]


def test_what_one_deletes_of_its_data_the_other_still_has(aws: Aws, pair: dict[str, Any]) -> None:
    said = lines(aws, pair["TrainingJobName"], "algo-2")
    assert said == ["still there: apple eval:accuracy=0.5"]


def test_metrics_are_read_from_the_log_of_every_instance(pair: dict[str, Any]) -> None:
    final = {each["MetricName"]: each["Value"] for each in pair["FinalMetricDataList"]}
    assert final == {"train:loss": 1, "eval:accuracy": 0.5}


def test_one_archive_holds_what_all_have_written_and_the_first_wins_a_clash(
    aws: Aws, pair: dict[str, Any]
) -> None:
    uri = pair["ModelArtifacts"]["S3ModelArtifacts"]
    both = {"algo-1": b"algo-1", "algo-2": b"algo-2"}
    assert archive(aws, uri) == {**both, "shared": b"algo-1"}
    assert archive(aws, uri.replace("model.tar", "output.tar")) == both


def test_hosts_are_sorted_as_text_and_keys_are_dealt_out(aws: Aws, tmp_path: Path) -> None:
    job = request(aws, aws.image(tmp_path, train=TELL), **on(11))
    job["AlgorithmSpecification"]["TrainingInputMode"] = "FastFile"
    source = job["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    source["S3DataDistributionType"] = "ShardedByS3Key"
    assert ended(aws, start(aws, job))["TrainingJobStatus"] == "Completed"
    said = {n: lines(aws, job["TrainingJobName"], f"algo-{n}") for n in range(1, 12)}
    resources = json.loads(said[2][0])
    assert resources["hosts"][:4] == ["algo-1", "algo-10", "algo-11", "algo-2"]
    assert resources["current_host"] == "algo-2"
    assert json.loads(said[1][1])["training"]["TrainingInputMode"] == "File"
    assert [said[n][2:] for n in range(1, 12)] == [["a"], ["sub"], *[[]] * 9]


def test_one_that_fails_ends_the_others_and_gives_the_reason(aws: Aws, tmp_path: Path) -> None:
    program = (
        WATCHED
        + """
        trap 'echo told to end; exit 0' TERM
        echo ready
        if [ $host = algo-2 ]; then sleep 0.5; echo 'bad record 7' > output/failure; exit 3; fi
        while true; do sleep 0.05; done
        """
    )
    job = ended(aws, start(aws, request(aws, aws.image(tmp_path, train=program), **on(2))))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: bad record 7, exit code: 3"
    assert lines(aws, job["TrainingJobName"], "algo-1")[-1] == "told to end"


def test_the_reason_is_given_by_an_instance_that_wrote_one(aws: Aws, tmp_path: Path) -> None:
    program = (
        WATCHED
        + """
        trap 'echo lost algo-2 > output/failure; exit 4' TERM
        if [ $host = algo-2 ]; then sleep 0.5; kill -9 $$; fi
        while true; do sleep 0.05; done
        """
    )
    job = ended(aws, start(aws, request(aws, aws.image(tmp_path, train=program), **on(2))))
    assert job["FailureReason"] == "AlgorithmError: lost algo-2, exit code: 4"


@pytest.mark.parametrize("count", [0, 21])
def test_a_number_of_instances_that_one_machine_cannot_be_is_refused(aws: Aws, count: int) -> None:
    said = refusal(aws, request(aws, "image", **on(count)))
    assert f"InstanceCount {count} is not supported" in said and "(supported: 1 to 20," in said


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[tuple[remote.Remote, "subprocess.Popen[str]"]]:
    home = tmp_path / "home"
    process = remote.start(home, "--region", "eu-west-1")
    try:
        yield remote.Remote(Context("eu-west-1", 0, home), remote.settings(home, process)), process
    finally:
        process.kill()
        process.wait()


def test_a_kill_9_of_the_endpoint_ends_every_instance_of_every_job(
    tmp_path: Path, endpoint: tuple[remote.Remote, "subprocess.Popen[str]"]
) -> None:
    aws, process = endpoint
    program = f"sleep 300 & echo $$ $! > {tmp_path}/pid-$$; wait"
    image = aws.image(tmp_path, train=program, evaluate=program)
    start(aws, request(aws, image, **on(2)))
    evaluation = processing.request(aws, image)
    evaluation["AppSpecification"]["ContainerEntrypoint"] = ["evaluate"]
    processing.start(aws, evaluation)
    told = wait(
        lambda: (
            len(said := [file.read_text() for file in tmp_path.glob("pid-*")]) == 3
            and all(said)
            and said
        )
    )
    pids = [int(word) for line in told for word in line.split()]
    assert [remote.alive(pid) for pid in pids] == [True] * 6
    os.kill(process.pid, signal.SIGKILL)
    wait(lambda: not any(remote.alive(pid) for pid in pids))
