"""Managed spot training, and instances that are taken away while they work."""

import http.client
import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local import reclaim
from local.credentials import administrator
from local.refusals import TurnedAway
from local.sagemaker import api
from local.sagemaker.instances import Instances, JobWatch
from local.server import RECLAIM
from local.tests.aws import Aws, wait
from local.tests.training import course, ended, lines, refusal, request, start

COUNTER = """
cd $SAGEMAKER_BASE_DIR
file=checkpoints/$(cut -d'"' -f4 input/config/resourceconfig.json)
n=$(cat $file 2>/dev/null || echo 0)
trap 'echo $n > $file; echo "> saved $n"; exit 0' TERM
echo "> from $n, with $(ls model | wc -l) files"
touch model/file
while [ $n -lt $GOAL ]; do n=$((n+1)); echo "step=$n"; sleep 0.05; done
echo "> done"
"""
FIRST = ["Starting", "Downloading", "Training", "Interrupted"]


def spot(wait: int = 60, runtime: int = 60, goal: int = 1000, **more: Any) -> dict[str, Any]:
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": runtime, "MaxWaitTimeInSeconds": wait},
        "Environment": {"GOAL": str(goal)},
        **more,
    }


@pytest.fixture(scope="module")
def image(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> str:
    return aws.image(tmp_path_factory.mktemp("images"), train=COUNTER)


@pytest.fixture
def shell(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a person who has sourced the endpoint's env file."""
    for name, value in administrator().environment().items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def secondary(aws: Aws, name: str) -> str:
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=name)
    return str(job["SecondaryStatus"])


def test_a_reclaimed_job_goes_on_with_nothing_but_the_checkpoints_of_every_instance(
    aws: Aws, image: str, shell: pytest.MonkeyPatch
) -> None:
    bucket = aws.bucket()
    job = request(aws, image, **spot(goal=30))
    job["CheckpointConfig"] = {"S3Uri": f"s3://{bucket}/ck"}
    job["ResourceConfig"]["InstanceCount"] = 2
    name = start(aws, job)
    wait(lambda: all("step=3" in lines(aws, name, host) for host in ("algo-1", "algo-2")))
    assert reclaim.main([name, "--for", "1"]) == 0
    described = ended(aws, name)
    assert course(described) == [*FIRST, *FIRST[:3], "Uploading", "Completed"]
    for host in ("algo-1", "algo-2"):
        said = [line[2:] for line in lines(aws, name, host) if line.startswith("> ")]
        saved = int(said[1].removeprefix("saved "))
        assert 0 < saved < 30
        assert said == [
            "from 0, with 0 files",
            f"saved {saved}",
            f"from {saved}, with 0 files",
            "done",
        ]
    seconds = (described["TrainingEndTime"] - described["TrainingStartTime"]).total_seconds()
    assert described["TrainingTimeInSeconds"] < seconds
    assert described["TrainingTimeInSeconds"] == described["BillableTimeInSeconds"]


def test_a_wait_that_takes_too_long_ends_the_job(
    aws: Aws, image: str, shell: pytest.MonkeyPatch
) -> None:
    name = start(aws, request(aws, image, **spot(wait=3, runtime=3)))
    wait(lambda: secondary(aws, name) == "Training")
    assert reclaim.main([name, "--for", "60"]) == 0
    job = ended(aws, name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert course(job) == [*FIRST, "Stopping", "MaxWaitTimeExceeded"]
    assert "FailureReason" not in job


def test_a_job_can_be_stopped_while_it_waits_for_instances(
    aws: Aws, image: str, shell: pytest.MonkeyPatch
) -> None:
    name = start(aws, request(aws, image, **spot()))
    wait(lambda: secondary(aws, name) == "Training")
    assert reclaim.main([name, "--for", "60"]) == 0
    wait(lambda: secondary(aws, name) == "Interrupted")
    aws.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert course(ended(aws, name)) == [*FIRST, "Stopping", "Stopped"]


def test_the_runtime_of_all_attempts_counts_and_the_wait_from_the_start(tmp_path: Path) -> None:
    watch = JobWatch({"MaxRuntimeInSeconds": 3, "MaxWaitTimeInSeconds": 60})
    idle = Instances(1, tmp_path, watch.news)
    threading.Timer(2, watch.reclaim, [0.4]).start()
    assert watch.wait_for_end(idle) == "Interrupted"
    assert watch.wait_for_capacity() == "Starting"
    began = time.monotonic()
    assert watch.wait_for_end(idle) == "MaxRuntimeExceeded"
    assert time.monotonic() - began < 3
    watch = JobWatch({"MaxRuntimeInSeconds": 0.4, "MaxWaitTimeInSeconds": 0.4})
    assert watch.wait_for_end(idle) == "MaxWaitTimeExceeded"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"EnableManagedSpotTraining": False}, "only supported when EnableManagedSpotTraining is"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 5}}, "must be present and equal to or"),
        (spot(wait=4, runtime=5), "greater than MaxRuntimeInSeconds (5) when"),
        ({"StoppingCondition": {"MaxWaitTimeInSeconds": 9}}, "than MaxRuntimeInSeconds (86400)"),
    ],
)
def test_a_wait_that_does_not_fit_is_refused(
    aws: Aws, image: str, changes: dict[str, Any], words: str
) -> None:
    said = refusal(aws, request(aws, image, **(spot() | changes)))
    assert said.startswith("ValidationException: Invalid MaxWaitTimeInSeconds. It ")
    assert words in said


def test_the_command_says_what_cannot_be_reclaimed(
    aws: Aws, image: str, shell: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = start(aws, request(aws, image, Environment={"GOAL": "1000"}))
    assert reclaim.main([usual]) == 2
    wait(lambda: secondary(aws, usual) == "Training")
    aws.client("sagemaker").stop_training_job(TrainingJobName=usual)
    over = start(aws, request(aws, image, **spot(goal=0)))
    ended(aws, over)
    assert reclaim.main([over]) == 2
    assert reclaim.main(["none"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"Error: {usual} does not run on spot instances",
        f"Error: {over} is at Completed; instances are reclaimed at Training",
        "Error: there is no training job none",
    ]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "only a local endpoint can reclaim instances, and this is AWS: start one"),
        ("https://sagemaker.eu-west-1.amazonaws.com", "amazonaws.com is not one: start one"),
        ("http://127.0.0.1:9", "is the local endpoint running at http://127.0.0.1:9?"),
    ],
)
def test_the_command_says_where_no_local_endpoint_is(
    shell: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str | None, words: str
) -> None:
    if url:
        shell.setenv("AWS_ENDPOINT_URL", url)
    else:
        shell.delenv("AWS_ENDPOINT_URL")
    assert reclaim.main(["any"]) == 2
    assert words in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_wait_that_is_no_number_is_a_mistake(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert reclaim.main(["any", f"--for={text}"]) == 2
    assert capsys.readouterr().err == f"Error: '{text}' is no number of seconds: say 0 or more\n"


def test_no_one_without_keys_can_reclaim(aws: Aws) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", aws.context.port, timeout=60)
    connection.request("POST", RECLAIM, b'{"TrainingJobName": "any", "Seconds": 0}')
    assert connection.getresponse().status == 403
    connection.close()


@pytest.mark.parametrize("body", [b"", b"[]", b'{"TrainingJobName": "any", "Seconds": "soon"}'])
def test_a_request_that_is_none_is_refused(body: bytes) -> None:
    environ = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    with pytest.raises(TurnedAway):
        api.reclaim({"REQUEST_METHOD": "POST", **environ}, None)
