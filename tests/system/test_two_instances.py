"""The container's own training on two instances of the local endpoint, whose capacity is taken away
in the middle."""

import re
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
import tensorflow as tf

from local import reclaim
from local.tests.aws import Aws, wait
from local.tests.remote import Remote
from local.tests.training import lines, request, start
from tests.container.test_own_model import CONTAINER, read_wines, record

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

EPOCHS = 12
HYPERPARAMETERS = {"epochs": str(EPOCHS), "batch_size": "20", "checkpoint_seconds": "0"}


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, (measures, kinds) = tmp_path_factory.mktemp("channel"), read_wines()
    for name in ("train", "validation", "eval"):
        with tf.io.TFRecordWriter(str(folder / f"{name}.tfrecords")) as file:
            for numbers, label in zip(measures[::2], kinds[::2], strict=True):
                file.write(record(numbers, int(label)))
    return folder


def test_two_instances_train_as_one_though_their_machines_are_taken_away(
    aws: Remote, channel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.enter(monkeypatch)
    shutil.copytree(CONTAINER / "training", tmp_path / "program/training")
    shutil.copy(CONTAINER / "train", tmp_path / "program")
    shutil.copy(CONTAINER / "examples/tabular/model.py", tmp_path / "program")
    program = f"#!/bin/sh\nexec {sys.executable} {tmp_path}/program/train\n"
    job = request(aws, aws.image(tmp_path, train=program), HyperParameters=HYPERPARAMETERS)
    bucket = job["OutputDataConfig"]["S3OutputPath"].removeprefix("s3://").split("/")[0]
    for file in channel.iterdir():
        aws.client("s3").put_object(Bucket=bucket, Key=f"wine/{file.name}", Body=file.read_bytes())
    job["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = f"s3://{bucket}/wine/"
    alone = start(aws, job)
    pair = {
        **job,
        "TrainingJobName": f"{alone}-pair",
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"s3://{bucket}/checkpoints"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 300, "MaxWaitTimeInSeconds": 600},
        "ResourceConfig": {**job["ResourceConfig"], "InstanceCount": 2},
    }
    together = start(aws, pair)
    wait(lambda: any(line.startswith("epoch=3/") for line in lines(aws, together)), 120)
    assert reclaim.main([together, "--for", "1"]) == 0
    for name in (alone, together):
        assert wait(partial(outcome, aws, name), 180) == "Completed", lines(aws, name)
    said = "\n".join(lines(aws, together))
    stopped = re.search(r"^stopped after step (\d+)", said, re.M)
    resumed = re.search(r"^resumed after step (\d+)", said, re.M)
    assert stopped and resumed and stopped[1] == resumed[1], said
    assert "on 2 CPUs of 2 machines" in said
    both, one = losses(said), losses("\n".join(lines(aws, alone)))
    # Each epoch is told once, over both attempts; what differs is the order of additions, and
    # that grows from step to step
    assert len(both) == len(one) == EPOCHS + 1
    assert both[0] == pytest.approx(one[0], rel=1e-5)
    assert both == pytest.approx(one, rel=1e-3, abs=2e-6)  # six digits are told


def outcome(aws: Aws, name: str) -> str:
    """Empty as long as the job runs."""
    job = aws.client("sagemaker").describe_training_job(TrainingJobName=name)
    status = str(job["TrainingJobStatus"])
    return "" if status in ("InProgress", "Stopping") else status


def losses(log: str) -> list[float]:
    """Of epochs: the lines between, which tell a slow machine that it goes on, are left out."""
    told = re.findall(r"^(?!step=).*(?:train|eval):loss=([\d.]+)", log, re.M)
    return [float(loss) for loss in told]
