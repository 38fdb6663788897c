"""The training workflow of the template itself, of a project of its own."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local import reclaim
from local.tests.aws import Aws, Mailbox, settled, unique, wait
from local.tests.remote import Remote
from tests.system.deployments import archive
from tests.system.workflows import create_alert, create_machine

SERVING_IMAGE = "serving-image"
SOMEBODY = "arn:aws:iam::111122223333:user/me"


def summary(**changed: Any) -> dict[str, Any]:
    """What an evaluation without a champion finds; `outcome` and `difference` are of its
    comparison."""
    comparison = {
        "outcome": changed.pop("outcome", "none"),
        "difference": changed.pop("difference", None),
        "words": "nothing serves yet",
    }
    whole = {
        "engine": "onnxruntime",
        "accuracy": 0.9,
        "words": "90.0 % of 360 held-out examples",
        "comparison": comparison,
        "metadata": {"accuracy": "0.9", "hyperparameter.epochs": "6"},
    }
    return whole | changed


def writes(found: dict[str, Any]) -> str:
    """The line of shell by which an evaluation says so."""
    return f"echo {shlex.quote(json.dumps(found))} > output/evaluation/summary.json"


# Leaves what it was given, and a summary; then it does what the data asks it to
EVALUATE = f"""\
cd $SAGEMAKER_BASE_DIR/processing
printf '%s\\n' "$@" > output/evaluation/arguments
(cd input; find . -type f | sort) > output/evaluation/inputs
{writes(summary())}
if [ -e input/data/evaluate ]; then . input/data/evaluate; fi
"""
DEPLOYED = {
    "Type": "Pass",
    "Parameters": {"endpoint": "it", "serves.$": "$.name"},
    "End": True,
}


@dataclass(frozen=True)
class Project:
    """The training workflow of a project on spot instances, and what it stands on."""

    aws: Aws
    machine: str
    image: str
    data: str
    artifacts: str
    mailbox: Mailbox
    deployment: str
    approval: str

    def start(self, *asked: str, force: str = "", commit: str = "0123456789abcdef") -> str:
        """An execution of one commit; what is asked of its program stands in hyperparameters."""
        data = {
            "commit": commit,
            "version": commit[:12],
            "trainingImage": self.image,
            "servingImage": SERVING_IMAGE,
            "hyperparameters": dict.fromkeys(asked, "1"),
            "trigger": {"kind": "person", "by": SOMEBODY},
            "force": {"reason": force, "by": SOMEBODY if force else ""},
            "prepare": False,
            "tuning": {},
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

    def evaluate_so(self, program: str) -> None:
        """Let the next evaluations do so: lines of shell."""
        self.aws.client("s3").put_object(Bucket=self.data, Key="data/evaluate", Body=program)

    def evaluated(self, name: str, file: str) -> str:
        """What the evaluation of a version has left in a file."""
        key = f"evaluations/{name}/{file}"
        found = self.aws.client("s3").get_object(Bucket=self.artifacts, Key=key)
        return str(found["Body"].read().decode())

    def packages(self) -> list[dict[str, Any]]:
        """What is registered, oldest first."""
        sagemaker = self.aws.client("sagemaker")
        try:
            listed = sagemaker.list_model_packages(ModelPackageGroupName=self.artifacts)
        except sagemaker.exceptions.ClientError:
            return []  # there is no group yet
        arns = [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]]
        return [dict(sagemaker.describe_model_package(ModelPackageName=arn)) for arn in arns]

    def waiting(self) -> list[dict[str, Any]]:
        """Executions of what stands in the place of the workflow that waits for decisions."""
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.approval)["executions"]
        return [states.describe_execution(executionArn=each["executionArn"]) for each in listed]

    def children(self) -> list[dict[str, Any]]:
        """Executions of what stands in the place of the deployment workflow, and their input."""
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.deployment)["executions"]
        return [states.describe_execution(executionArn=each["executionArn"]) for each in listed]

    def serve(self, version: str) -> None:
        """Bring a version into service, as the deployment workflow does."""
        sagemaker, endpoint = self.aws.client("sagemaker"), self.artifacts
        name = self.make(version)
        sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=name)
        ask = sagemaker.describe_endpoint
        settled(lambda: ask(EndpointName=endpoint), "EndpointStatus", "Creating")

    def make(self, version: str) -> str:
        """All that a version is, where it is not there; its name."""
        sagemaker, name = self.aws.client("sagemaker"), f"{self.artifacts}-{version}"
        key = f"models/{name}-0/output/model.tar.gz"
        url = f"s3://{self.artifacts}/{key}"
        variant = {"VariantName": "AllTraffic", "ModelName": name, "InitialInstanceCount": 1}
        self.aws.client("s3").put_object(Bucket=self.artifacts, Key=key, Body=archive(name))
        if not sagemaker.list_models(NameContains=name)["Models"]:
            sagemaker.create_model(
                ModelName=name,
                ExecutionRoleArn=self.aws.role("sagemaker"),
                PrimaryContainer={"Image": self.image, "ModelDataUrl": url},
            )
        if not sagemaker.list_endpoint_configs(NameContains=name)["EndpointConfigs"]:
            sagemaker.create_endpoint_config(
                EndpointConfigName=name,
                ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}],
            )
        return name

    def serving(self) -> str:
        """The version that the endpoint serves."""
        found = self.aws.client("sagemaker").describe_endpoint(EndpointName=self.artifacts)
        assert found["EndpointStatus"] == "InService", found
        return str(found["EndpointConfigName"])

    def stop(self) -> str:
        """Stop the job as a person does; its name."""
        name = self.training()
        self.aws.client("sagemaker").stop_training_job(TrainingJobName=name)
        return name

    def lose_capacity(self) -> None:
        """Reclaim the job's instances for longer than it may wait."""
        assert reclaim.main([self.training(), "--for", "60"]) == 0


def create_project(
    aws: Remote,
    image: str,
    deployment: Mapping[str, Any] = DEPLOYED,
    settings: Mapping[str, str] = {},
    /,
    **changed: str,
) -> Project:
    """`deployment` is the one state of what stands in the place of the deployment workflow;
    `settings` are parameters of the stack."""
    data, artifacts = encrypted(aws), encrypted(aws)
    aws.client("s3").put_object(Bucket=data, Key="data/train", Body=b"x")
    mailbox, child = aws.mailbox(), stand_in(aws, deployment)
    approval = stand_in(aws, {"Type": "Succeed"})
    values = {
        "VersionPrefix": artifacts,
        "TrainingInstanceType": "ml.g5.xlarge",
        "TrainingInstanceCount": "1",
        "TrainingVolumeGB": "30",
        "TrainingMaxRuntimeSeconds": "6",
        "TrainingUseSpot": "true",
        "EvaluationInstanceType": "ml.m5.large",
        "PreparationJobRole": aws.role("sagemaker"),
        "TuningJobs": "0",
        "TuningParallelJobs": "2",
        "StackDigits": "0a1b2c3d",
        "EvaluationJobRole": aws.role("sagemaker"),
        "AccuracyTolerance": "0.01",
        "Repository": "arn:aws:codecommit:eu-west-1:111122223333:it",
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
        "Approval": "Automatic",
        "ApprovalDays": "7",
        "ApprovalWorkflow": approval,
        "DeploymentWorkflow": child,
        "Deployments": child.replace(":stateMachine:", ":execution:") + ":",
        "Topic": mailbox.topic,
        **settings,
    }
    machine = create_machine(aws, "TrainingWorkflow", unique("training"), values, **changed)
    machines = {"TrainingWorkflow": machine, "DeploymentWorkflow": child}
    create_alert(aws, artifacts, machines, mailbox.topic)
    return Project(aws, machine, image, data, artifacts, mailbox, child, approval)


def encrypted(aws: Aws) -> str:
    """A bucket as the template has them: what is put there has another ETag each time."""
    bucket, key = aws.bucket(), {"SSEAlgorithm": "aws:kms"}
    aws.client("s3").put_bucket_encryption(
        Bucket=bucket,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": key}]},
    )
    return bucket


def stand_in(aws: Aws, state: Mapping[str, Any]) -> str:
    """A workflow of one state in the place of the one that deploys."""
    made = aws.client("stepfunctions").create_state_machine(
        name=unique("deployment"),
        definition=json.dumps({"StartAt": "Only", "States": {"Only": state}}),
        roleArn=aws.role("states"),
    )
    return str(made["stateMachineArn"])
