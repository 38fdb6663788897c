"""The part of the training workflow that tunes: the template's own states, with training jobs of a
few lines of shell."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import unique, wait
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.workflows import part

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

# As good as its learning rate, and does what the commit asks it to
PROGRAM = """\
cd $SAGEMAKER_BASE_DIR
value() { sed -n "s/.*\\"$1\\": *\\"\\([^\\"]*\\)\\".*/\\1/p" input/config/hyperparameters.json; }
case "$(value do)" in
  break) printf 'it broke' > output/failure; exit 1 ;;
  wait) trap 'exit 0' TERM; echo > model/started; sleep 60 & wait ;;
esac
echo "validation:accuracy=$(value rate)"
value rate > model/weights
"""
RANGE = {"Name": "rate", "MinValue": "0.1", "MaxValue": "0.9", "ScalingType": "Auto"}
RANGES = {
    "objective": {"Type": "Maximize", "MetricName": "validation:accuracy"},
    "ranges": {"ContinuousParameterRanges": [RANGE]},
}


class Tuning:
    """The part, and what its executions end with."""

    def __init__(self, aws: Remote, folder: Path) -> None:
        self.aws, self.image = aws, aws.image(folder, train=PROGRAM)
        self.artifacts, self.digits = aws.bucket(data__train="x"), unique("")[-8:]
        self.states = part(
            "TrainingWorkflow",
            "IsTuned",
            *("ChooseEncryption", "FindServing", "Notify"),
            Key="alias/aws/s3",
            TrainingJobRole=aws.role("sagemaker"),
            ModelsUri=f"s3://{self.artifacts}/models/",
            ProjectName="it",
            StackDigits=self.digits,
        )
        self.machine = self.create(self.states)

    def create(self, states: dict[str, Any]) -> str:
        return create(self.aws, self.aws.role("states"), states)

    def start(
        self, jobs: int, do: str = "", tuning: dict[str, Any] = RANGES, machine: str = ""
    ) -> str:
        settings = {
            "tuningJobs": jobs,
            "tuningParallelJobs": 2,
            "useSpot": False,
            "maxRuntimeSeconds": 60,
            "spotWaitSeconds": 60,
            "instanceType": "ml.m5.large",
            "instanceCount": 1,
            "volumeGB": 30,
        }
        return start(
            self.aws,
            machine or self.machine,
            {
                "name": f"it-{self.digits}-0123456789ab-{unique('')[-8:]}",
                "commit": "0123456789abcdef",
                "trainingImage": self.image,
                "tuning": {**tuning, "static": {"do": do}} if tuning else {},
                "data": {"uri": f"s3://{self.artifacts}/data/"},
                "settings": settings,
            },
        )

    def ended(self, execution: str) -> dict[str, Any]:
        """What the workflow carries when the part has ended."""
        told = ended(self.aws, execution)
        assert told["status"] == "SUCCEEDED", told
        return dict(json.loads(told["output"]))

    def named(self, execution: str) -> str:
        """The name of its tuning job."""
        given = self.aws.client("stepfunctions").describe_execution(executionArn=execution)
        return f"{self.digits}-{json.loads(given['input'])['name'][-8:]}-0"

    def job(self, execution: str) -> str:
        """The name of its tuning job, once the programs of two training jobs run."""
        name, folder = self.named(execution), self.aws.context.home / "training"
        wait(lambda: len(list(folder.glob(f"{name}-*/**/started"))) == 2)
        return name

    def statuses(self, name: str) -> tuple[str, set[str]]:
        """Of the tuning job, once it moves no more, and of its training jobs."""
        sagemaker = self.aws.client("sagemaker")

        def described() -> Any:
            told = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
            return told["HyperParameterTuningJobStatus"] != "Stopping" and told

        status = wait(described)["HyperParameterTuningJobStatus"]
        jobs = sagemaker.list_training_jobs(NameContains=name)["TrainingJobSummaries"]
        return status, {each["TrainingJobStatus"] for each in jobs}


@pytest.fixture(scope="module")
def tuning(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Tuning:
    return Tuning(aws, tmp_path_factory.mktemp("image"))


def test_the_best_of_its_jobs_goes_on_as_if_it_had_been_trained_alone(tuning: Tuning) -> None:
    carried = tuning.ended(tuning.start(3))
    job, name = carried["training"], carried["tuned"]["HyperParameterTuningJobName"]
    assert name == f"{tuning.digits}-{carried['name'][-8:]}-0"
    listed = tuning.aws.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name
    )["TrainingJobSummaries"]
    rates = {
        each["TrainingJobName"]: float(each["TunedHyperParameters"]["rate"]) for each in listed
    }
    assert len(rates) == 3
    assert rates[job["TrainingJobName"]] == max(rates.values())
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == (
        f"s3://{tuning.artifacts}/models/{carried['name']}/{job['TrainingJobName']}"
        "/output/model.tar.gz"
    )
    assert job["TrainingJobStatus"] == "Completed"
    assert "CheckpointConfig" not in job


def test_one_job_is_enough_for_a_tuning(tuning: Tuning) -> None:
    """Although two may run at once."""
    carried = tuning.ended(tuning.start(1))
    assert carried["limits"] == {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1}
    assert carried["training"]["TrainingJobStatus"] == "Completed"


def test_without_tuning_one_job_is_trained(tuning: Tuning) -> None:
    for ranges in (RANGES, {}):
        assert "tuned" not in tuning.ended(tuning.start(0, tuning=ranges))


def test_a_commit_that_does_not_say_what_may_vary_is_refused(tuning: Tuning) -> None:
    error = tuning.ended(tuning.start(2, tuning={}))["error"]
    assert error["Error"] == "NothingToTune"
    assert error["Cause"].startswith("TuningJobs is 2, but the commit has no tuning.json that")


def test_a_tuning_of_which_no_job_succeeds_is_told(tuning: Tuning) -> None:
    carried = tuning.ended(tuning.start(2, "break"))
    name = carried["tuned"]["HyperParameterTuningJobName"]
    assert carried["error"]["Error"] == "TuningFailed"
    assert carried["error"]["Cause"].startswith(
        f"Tuning job {name} failed: No training job succeeded after 2 attempts."
    )


def test_a_tuning_without_a_best_job_is_told(tuning: Tuning) -> None:
    """It may complete, although no job reported the objective."""
    after = part("TrainingWorkflow", "HasTuningVerdict", "TakeBest", "Notify")
    job = {"HyperParameterTuningJobName": "it", "HyperParameterTuningJobStatus": "Completed"}
    told = start(tuning.aws, tuning.create(after), {"tuned": job, "tuning": RANGES})
    error = tuning.ended(told)["error"]
    assert error["Error"] == "NoBestModel"
    assert error["Cause"] == (
        "Tuning job it completed, but none of its training jobs reported validation:accuracy: see "
        "their logs"
    )


def test_a_tuning_that_a_person_stopped_is_no_success(tuning: Tuning) -> None:
    execution = tuning.start(4, "wait")
    name = tuning.job(execution)
    tuning.aws.client("sagemaker").stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    error = tuning.ended(execution)["error"]
    assert error["Error"] == "TuningIncomplete"
    assert error["Cause"] == f"Tuning job {name} ended as Stopped"
    assert tuning.statuses(name) == ("Stopped", {"Stopped"})


def test_whoever_stops_the_workflow_stops_its_tuning(tuning: Tuning) -> None:
    execution = tuning.start(4, "wait")
    name = tuning.job(execution)
    tuning.aws.client("stepfunctions").stop_execution(executionArn=execution)
    wait(lambda: tuning.statuses(name) == ("Stopped", {"Stopped"}))


def test_a_tuning_that_nobody_waits_for_any_more_is_stopped(tuning: Tuning) -> None:
    impatient = json.loads(json.dumps(tuning.states))
    impatient["States"]["Tune"]["TimeoutSeconds"] = 2
    execution = tuning.start(4, "wait", machine=tuning.create(impatient))
    error = tuning.ended(execution)["error"]
    assert error["Error"] == "TuningTookTooLong"
    assert tuning.statuses(tuning.named(execution)) == ("Stopped", {"Stopped"})
