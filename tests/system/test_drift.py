"""Looks at drift: the template's own workflow, and a job of a few lines of shell that finds what it
is told to. What the real program finds: container/tests/test_monitoring_*.py."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.tests.aws import SERVE, Mailbox, unique, wait
from local.tests.machines import ended
from local.tests.remote import Remote
from tests.system.training import stand_in
from tests.system.workflows import create_machine

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

# Leaves what it was given, and what the first captured line asks it to find
PROGRAM = """\
cd $SAGEMAKER_BASE_DIR/processing
printf '%s\\n' "$@" > output/drift/arguments
(cd input; find . -type f | sort) > output/drift/inputs
cat $(find input/captured -type f | sort | head -n 1) > output/drift/drift.json
"""
HOUR = "2026/11/28/09"


def found(verdict: str, retrain: bool = False) -> dict[str, Any]:
    words = f"it is {verdict}"
    score = 0.5 if verdict == "drifted" else 0.01
    return {
        **{"verdict": verdict, "words": words, "score": score, "records": 600},
        **{"retrain": retrain, "why": "it is due" if retrain else "it is not due"},
    }


@dataclass
class Watched:
    """An endpoint that serves `version`, and the workflow that looks at it."""

    aws: Remote
    name: str
    bucket: str
    machine: str
    training: str
    mailbox: Mailbox
    version: str

    def capture(self, name: str, finds: dict[str, Any], hour: str = HOUR) -> None:
        self.put(f"capture/{self.name}/AllTraffic/{hour}/{name}.jsonl", finds)

    def put(self, key: str, document: Any) -> None:
        body = json.dumps(document).encode()
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=body)

    def read(self, key: str) -> str:
        found = self.aws.client("s3").get_object(Bucket=self.bucket, Key=key)
        return str(found["Body"].read().decode())

    def left(self, file: str) -> list[str]:
        """The lines of a file of the last look."""
        uri = json.loads(self.read("drift/last.json"))["uri"].partition(f"{self.bucket}/")[2]
        return self.read(f"{uri}{file}").splitlines()

    def look(self) -> Any:
        given = {"trigger": {"kind": "person", "by": "me", "id": unique("look")}}
        states = self.aws.client("stepfunctions")
        started = states.start_execution(stateMachineArn=self.machine, input=json.dumps(given))
        told = ended(self.aws, str(started["executionArn"]))
        assert told["status"] == "SUCCEEDED", told.get("cause")
        return json.loads(told["output"])["found"]

    def trainings(self) -> list[dict[str, Any]]:
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.training)["executions"]
        asked = [states.describe_execution(executionArn=each["executionArn"]) for each in listed]
        return [json.loads(each["input"])["trigger"] for each in asked]


@pytest.fixture
def watched(aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    aws.enter(monkeypatch)
    name, bucket, mailbox = unique("watched"), aws.bucket(), aws.mailbox()
    image = aws.image(tmp_path, drift=PROGRAM, serve=SERVE)
    training = stand_in(aws, {"Type": "Succeed"})
    where = f"arn:aws:sagemaker:{aws.context.region}:{aws.context.account}:model"
    values = {
        "ProjectName": name,
        "VersionPrefix": name,
        "Models": where,
        "ArtifactBucket": bucket,
        "Key": "alias/aws/s3",
        "DriftJobRole": aws.role("sagemaker"),
        "TrainingWorkflow": training,
        "Topic": mailbox.topic,
        "EvaluationInstanceType": "ml.m5.large",
        "DriftThreshold": "0.25",
        "DriftMinimumRecords": "500",
        "DriftCooldownDays": "7",
        "RetrainOnDrift": "yes",
    }
    machine = create_machine(aws, "DriftWorkflow", f"{name}-drift", values)
    made = Watched(aws, name, bucket, machine, training, mailbox, f"{name}-a")
    made.put("retraining/newest.json", {"trainingImage": image, "commit": "0123456789abcdef"})
    make(made, "a", image)
    return made


def make(watched: Watched, version: str, image: str) -> None:
    """A version that was deployed between nine and ten."""
    sagemaker, name = watched.aws.client("sagemaker"), f"{watched.name}-{version}"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=watched.aws.role("sagemaker"),
        PrimaryContainer={"Image": image},
        Tags=[{"Key": "asked-at", "Value": "2026-11-28T09:30:00.000Z"}],
    )
    variant: Any = {"VariantName": "AllTraffic", "ModelName": name}
    variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    watched.put(f"evaluations/{name}/baseline.json", {"baseline": True})


def go_live(watched: Watched) -> None:
    sagemaker = watched.aws.client("sagemaker")
    sagemaker.create_endpoint(EndpointName=watched.name, EndpointConfigName=watched.version)
    describe = sagemaker.describe_endpoint
    wait(lambda: describe(EndpointName=watched.name)["EndpointStatus"] == "InService")


def metrics(watched: Watched) -> set[str]:
    found = watched.aws.client("cloudwatch").list_metrics(Namespace=f"MLOps/{watched.name}")
    return {each["MetricName"] for each in found["Metrics"]}


def test_a_look_takes_what_was_captured_since_the_last(watched: Watched) -> None:
    assert watched.look() == "nothing was looked at: the endpoint serves no version"
    go_live(watched)
    watched.capture("of-another-version", found("drifted", retrain=True), "2026/11/28/08")
    assert watched.look() == "nothing was looked at: nothing was captured since"
    watched.capture("1", found("too-few"))
    assert watched.look() == "it is too-few"
    assert metrics(watched) == set()
    # What was too little stays, and counts with what comes
    watched.capture("0", found("steady"))
    assert watched.look() == "it is steady"
    assert [each.rpartition("/")[2] for each in watched.left("inputs")] == [
        *("baseline.json", "0.jsonl", "1.jsonl"),
    ]
    assert watched.left("arguments") == [
        *("--threshold", "0.25", "--minimum", "500", "--cooldown-days", "7"),
        *("--since", "2026-11-28T09:30:00.000Z"),
    ]
    assert metrics(watched) == {"DriftScore", "Drifted"}
    assert watched.look() == "nothing was looked at: nothing was captured since"
    watched.capture("2", found("steady"), "2026/11/28/10")
    assert watched.look() == "it is steady"
    assert watched.left("inputs")[1].endswith("/10/2.jsonl")
    assert len(watched.left("inputs")) == 2
    assert watched.trainings() == []
    assert watched.mailbox.messages == []


def test_drift_is_told_once_and_asks_for_a_training_where_that_is_due(watched: Watched) -> None:
    go_live(watched)
    for number, due in enumerate((True, False, False)):
        watched.capture(str(number), found("drifted", retrain=due))
        assert watched.look() == "it is drifted"
    (asked,) = watched.trainings()
    assert asked["kind"] == "drift"
    assert asked["by"].startswith(f"s3://{watched.bucket}/drift/{watched.version}/")
    (notice,) = watched.mailbox.read(1)
    assert "it is drifted. Trained anew: it is due | Run make drift STACK=stack" in notice
    # The cool-down begins with the training
    since = watched.left("arguments")[-1]
    assert since > "2026-11-28T09:30:00.000Z"


def test_what_was_not_evaluated_here_has_nothing_to_be_compared_with(watched: Watched) -> None:
    go_live(watched)
    watched.aws.client("s3").delete_object(
        Bucket=watched.bucket, Key=f"evaluations/{watched.version}/baseline.json"
    )
    watched.capture("1", found("drifted"))
    assert watched.look() == "nothing was looked at: this version was not evaluated here"
