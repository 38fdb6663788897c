"""The training workflow of the template itself, with a job of a few shell lines: what becomes of a
run when spot capacity is lacking."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import generate
from local import reclaim
from local.tests.aws import Aws, unique, wait
from local.tests.remote import Remote
from templates.kit.render import render
from tests.templates.reading import of_type, read

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

ROOT = Path(generate.__file__).parent
SERVING_IMAGE = "serving-image"
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
echo eval:accuracy=0.9
asked convert && echo export:onnx=1
echo weights > model/weights
"""


@dataclass(frozen=True)
class Project:
    """The training workflow of a project on spot instances, and what it stands on."""

    aws: Aws
    machine: str
    image: str
    data: str
    artifacts: str

    def start(self, *asked: str) -> str:
        """An execution of one commit; what is asked of its program stands in hyperparameters."""
        data = {
            "commit": "0123456789abcdef",
            "version": "0123456789ab",
            "trainingImage": self.image,
            "servingImage": SERVING_IMAGE,
            "hyperparameters": dict.fromkeys(asked, "1"),
        }
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, input=json.dumps(data)
        )
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        states = self.aws.client("stepfunctions")

        def over() -> Any:
            told = states.describe_execution(executionArn=execution)
            return told["status"] != "RUNNING" and told

        return dict(wait(over))

    def jobs(self) -> list[dict[str, Any]]:
        """Descriptions, oldest first."""
        sagemaker = self.aws.client("sagemaker")
        listed = sagemaker.list_training_jobs(NameContains=self.artifacts, SortBy="CreationTime")
        names = [each["TrainingJobName"] for each in listed["TrainingJobSummaries"]]
        return [dict(sagemaker.describe_training_job(TrainingJobName=name)) for name in names]

    def training(self) -> str:
        """The name of the project's running job, once it has a checkpoint."""
        job = wait(lambda: [each for each in self.jobs() if each["SecondaryStatus"] == "Training"])
        name = str(job[0]["TrainingJobName"])
        folder = self.aws.context.home / "training" / name
        wait(lambda: list(folder.rglob("checkpoints/step")))
        return name

    def stop(self) -> str:
        """Stop the job as a person does; its name."""
        name = self.training()
        self.aws.client("sagemaker").stop_training_job(TrainingJobName=name)
        return name

    def lose_capacity(self) -> None:
        """Reclaim the job's instances for longer than it may wait."""
        assert reclaim.main([self.training(), "--for", "60"]) == 0


@pytest.fixture
def project(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    aws.enter(monkeypatch)
    specifications = {file.stem: file.read_text() for file in (ROOT / "buildspec").glob("*.yml")}
    template = read(render(generate.mlops(specifications)))
    machine = of_type(template, "AWS::StepFunctions::StateMachine")["TrainingWorkflow"]
    image = aws.image(tmp_path, train=PROGRAM)
    data, artifacts = aws.bucket(data__train="x"), aws.bucket()
    values = {
        **{
            token: value["Fn::Sub"].replace("${AWS::Partition}", "aws")
            for token, value in machine["DefinitionSubstitutions"].items()
            if "states:::" in str(value)
        },
        "VersionPrefix": artifacts,
        "TrainingInstanceType": "ml.g5.xlarge",
        "TrainingInstanceCount": "1",
        "TrainingVolumeGB": "30",
        "TrainingMaxRuntimeSeconds": "6",
        "TrainingUseSpot": "true",
        "TrainingSpotWaitSeconds": "1",
        "MinimumAccuracy": "0.6",
        "DataBucket": data,
        "BootstrapBucket": data,
        "SeedDataPrefix": "seed/",
        "ArtifactBucket": artifacts,
        "Key": "alias/aws/s3",
        "TrainingJobRole": aws.role("sagemaker"),
        "ModelsUri": f"s3://{artifacts}/models/",
        "ProjectName": artifacts,
        "DeploymentWorkflow": deployment(aws),
        "Topic": aws.client("sns").create_topic(Name=unique("topic"))["TopicArn"],
    }
    definition = machine["DefinitionString"]
    assert values.keys() == machine["DefinitionSubstitutions"].keys()
    for token, value in values.items():
        definition = definition.replace(f"${{{token}}}", value)
    made = aws.client("stepfunctions").create_state_machine(
        name=unique("training"), definition=definition, roleArn=aws.role("states")
    )
    return Project(aws, str(made["stateMachineArn"]), image, data, artifacts)


def deployment(aws: Aws) -> str:
    """A workflow in the place of the one that deploys."""
    output = {"endpoint": "it", "serves.$": "$.name"}
    deployed = {"Type": "Pass", "Parameters": output, "End": True}
    made = aws.client("stepfunctions").create_state_machine(
        name=unique("deployment"),
        definition=json.dumps({"StartAt": "Deployed", "States": {"Deployed": deployed}}),
        roleArn=aws.role("states"),
    )
    return str(made["stateMachineArn"])


def test_a_job_without_spot_capacity_is_finished_by_one_on_demand(project: Project) -> None:
    execution = project.start("convert")
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
    assert json.loads(again["output"])["image"] == project.image  # it was not converted
    s3.put_object(Bucket=project.data, Key="data/train", Body=b"y")
    other = project.start()
    project.stop()
    assert project.ended(other)["error"] == "TrainingIncomplete"
    folders = [each["CheckpointConfig"]["S3Uri"] for each in project.jobs()]
    assert folders[0] == folders[1] != folders[2]
    assert all(each.startswith(f"s3://{project.artifacts}/checkpoints/") for each in folders)
