"""The training workflow of the template itself, with a job of a few shell lines: what becomes of a
run when spot capacity is lacking."""

import json
from pathlib import Path

import pytest

from local.tests.remote import Remote
from tests.system.training import EVALUATE, SERVING_IMAGE, Project, create_project

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

# Waits to be interrupted unless a job before it left a checkpoint
PROGRAM = """\
trap 'exit 0' TERM
cd $SAGEMAKER_BASE_DIR
asked() { grep -q "\\"$1\\"" input/config/hyperparameters.json; }
if [ ! -e checkpoints/step ]; then
  echo 1 > checkpoints/step
  sleep 60 & wait
fi
asked break && { printf 'it broke' > output/failure; exit 1; }
echo weights > model/weights
"""


@pytest.fixture
def project(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    aws.enter(monkeypatch)
    return create_project(aws, aws.image(tmp_path, train=PROGRAM, evaluate=EVALUATE))


def test_a_job_without_spot_capacity_is_finished_by_one_on_demand(project: Project) -> None:
    execution = project.start()
    project.lose_capacity()
    told = project.ended(execution)
    assert told["status"] == "SUCCEEDED", told
    output = json.loads(told["output"])
    assert output["image"] == SERVING_IMAGE
    spot, on_demand = project.jobs()
    assert spot["SecondaryStatus"] == "MaxWaitTimeExceeded"
    assert spot["TrainingJobName"] == on_demand["TrainingJobName"].removesuffix("0") + "spot-0"
    assert on_demand["EnableManagedSpotTraining"] is False
    assert "MaxWaitTimeInSeconds" not in on_demand["StoppingCondition"]
    assert on_demand["CheckpointConfig"] == spot["CheckpointConfig"]
    assert output["trainingJob"] == on_demand["TrainingJobName"]


def test_a_job_on_demand_that_fails_too_ends_the_run_and_tells_of_both(project: Project) -> None:
    execution = project.start("break")
    project.lose_capacity()
    told = project.ended(execution)
    assert (told["status"], told["error"]) == ("FAILED", "TrainingFailed")
    spot, on_demand = (each["TrainingJobName"] for each in project.jobs())
    assert told["cause"].startswith(
        f"Training job {on_demand} failed (on demand, after {spot} ended as MaxWaitTimeExceeded): "
        "AlgorithmError: it broke"
    )


def test_a_job_that_a_person_stopped_is_not_begun_again(project: Project) -> None:
    execution = project.start()
    name = project.stop()
    told = project.ended(execution)
    assert (told["status"], told["error"]) == ("FAILED", "TrainingIncomplete")
    assert told["cause"] == f"Training job {name} ended as Stopped (Stopped)"
    assert len(project.jobs()) == 1


def test_the_same_training_resumes_and_other_data_does_not(project: Project) -> None:
    s3 = project.aws.client("s3")
    first = project.start()
    project.stop()
    project.ended(first)
    again = project.ended(project.start())
    assert again["status"] == "SUCCEEDED", again
    s3.put_object(Bucket=project.data, Key="data/train", Body=b"y")
    other = project.start()
    project.stop()
    assert project.ended(other)["error"] == "TrainingIncomplete"
    folders = [each["CheckpointConfig"]["S3Uri"] for each in project.jobs()]
    assert folders[0] == folders[1] != folders[2]
    assert all(each.startswith(f"s3://{project.artifacts}/checkpoints/") for each in folders)
