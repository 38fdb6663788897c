"""Looks at drift: the template's own workflow, and a job of a few lines of shell that finds what it
is told to. What the real program finds: container/tests/test_monitoring_*.py."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
! grep -q nonsense output/drift/drift.json
"""
ISO = "%Y-%m-%dT%H:%M:%SZ"
FEW_FILES = {'"MaxKeys": 500': '"MaxKeys": 2', '"NumericLessThan": 20': '"NumericLessThan": 2'}


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
    image: str

    def capture(self, name: str, finds: dict[str, Any], hours: int = 0) -> None:
        """Hours after that in which the version was made."""
        hour = f"{self.made() + timedelta(hours=hours):%Y/%m/%d/%H}"
        self.put(f"capture/{self.name}/AllTraffic/{hour}/{name}.jsonl", finds)

    def made(self) -> datetime:
        describe = self.aws.client("sagemaker").describe_endpoint_config
        made = describe(EndpointConfigName=self.version)["CreationTime"]
        return made.astimezone(UTC)

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
        told = self.ended()
        assert told["status"] == "SUCCEEDED", told.get("cause")
        return json.loads(told["output"])["found"]

    def ended(self) -> dict[str, Any]:
        given = {"trigger": {"kind": "person", "by": "me", "id": unique("look")}}
        states = self.aws.client("stepfunctions")
        started = states.start_execution(stateMachineArn=self.machine, input=json.dumps(given))
        return ended(self.aws, str(started["executionArn"]))

    def trainings(self) -> list[dict[str, Any]]:
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.training)["executions"]
        asked = [states.describe_execution(executionArn=each["executionArn"]) for each in listed]
        return [json.loads(each["input"])["trigger"] for each in asked]


@pytest.fixture
def watched(
    aws: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Watched:
    """By default as the stack has it; a test may want other values, or another text."""
    other: dict[str, str] = getattr(request, "param", {})
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
    values |= {token: other[token] for token in values.keys() & other.keys()}
    changed = {text: other[text] for text in other.keys() - values.keys()}
    machine = create_machine(aws, "DriftWorkflow", f"{name}-drift", values, **changed)
    made = Watched(aws, name, bucket, machine, training, mailbox, f"{name}-a", image)
    made.put("retraining/newest.json", {"trainingImage": image, "commit": "0123456789abcdef"})
    make(made, "a", image)
    return made


def make(watched: Watched, version: str, image: str) -> None:
    """A version whose training had begun two days before."""
    sagemaker, name = watched.aws.client("sagemaker"), f"{watched.name}-{version}"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=watched.aws.role("sagemaker"),
        PrimaryContainer={"Image": image},
        Tags=[{"Key": "asked-at", "Value": f"{datetime.now(UTC) - timedelta(days=2):{ISO}}"}],
    )
    variant: Any = {"VariantName": "AllTraffic", "ModelName": name}
    variant |= {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    watched.put(f"evaluations/{name}/baseline.json", {"baseline": True})


def go_live(watched: Watched) -> None:
    sagemaker, name = watched.aws.client("sagemaker"), watched.name
    known = [one["EndpointName"] for one in sagemaker.list_endpoints()["Endpoints"]]
    change = sagemaker.update_endpoint if name in known else sagemaker.create_endpoint
    change(EndpointName=name, EndpointConfigName=watched.version)
    describe = sagemaker.describe_endpoint
    wait(lambda: describe(EndpointName=name)["EndpointStatus"] == "InService")


def metrics(watched: Watched) -> set[str]:
    found = watched.aws.client("cloudwatch").list_metrics(Namespace=f"MLOps/{watched.name}")
    return {each["MetricName"] for each in found["Metrics"]}


def test_a_look_takes_what_was_captured_since_the_last(watched: Watched) -> None:
    assert watched.look() == "nothing was looked at: the endpoint serves no version"
    go_live(watched)
    watched.capture("of-another-version", found("drifted", retrain=True), -1)
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
    *arguments, since = watched.left("arguments")
    assert arguments == [
        *("--threshold", "0.25", "--minimum", "500", "--cooldown-days", "7", "--since"),
    ]
    assert datetime.fromisoformat(since) == watched.made()
    assert metrics(watched) == {"DriftScore", "Drifted"}
    assert watched.look() == "nothing was looked at: nothing was captured since"
    watched.capture("2", found("steady"), 1)
    assert watched.look() == "it is steady"
    assert watched.left("inputs")[1].endswith("/2.jsonl")
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
    said = "A training was asked for: it is due"
    assert f"it is drifted. {said} | Run make drift STACK=stack" in notice
    # The cool-down begins with the training
    since = watched.left("arguments")[-1]
    assert datetime.fromisoformat(since) > watched.made()


@pytest.mark.parametrize("watched", [{"RetrainOnDrift": "no"}], indirect=True)
def test_where_drift_trains_nothing_the_notice_says_so(watched: Watched) -> None:
    go_live(watched)
    watched.capture("1", found("drifted", retrain=True))
    assert watched.look() == "it is drifted"
    (notice,) = watched.mailbox.read(1)
    assert "it is drifted. No training was asked for: RetrainOnDrift is no" in notice
    assert watched.trainings() == []


def test_two_looks_at_the_same_ask_for_one_training(watched: Watched) -> None:
    """As two have begun before either has ended: both find where the look before them ended."""
    go_live(watched)
    watched.capture("1", found("drifted", retrain=True))
    assert watched.look() == "it is drifted"
    watched.aws.client("s3").delete_object(Bucket=watched.bucket, Key="drift/last.json")
    watched.capture("2", found("drifted", retrain=True))
    assert watched.look() == "it is drifted"
    assert len(watched.trainings()) == 1


def test_another_version_that_drifts_at_once_is_news(watched: Watched) -> None:
    go_live(watched)
    watched.capture("1", found("drifted"))
    assert watched.look() == "it is drifted"
    watched.mailbox.read(1)
    make(watched, "b", watched.image)
    watched.version = f"{watched.name}-b"
    go_live(watched)
    watched.capture("2", found("drifted"))
    assert watched.look() == "it is drifted"
    assert watched.version in watched.mailbox.read(2)[-1]


def test_of_a_version_that_came_back_looks_begin_when_it_came(watched: Watched) -> None:
    """What was captured meanwhile another has answered."""
    go_live(watched)
    watched.capture("1", found("steady"))
    assert watched.look() == "it is steady"
    back = f"{watched.made() + timedelta(hours=2):{ISO}}"
    sagemaker = watched.aws.client("sagemaker")
    model = sagemaker.describe_model(ModelName=watched.version)["ModelArn"]
    sagemaker.add_tags(ResourceArn=model, Tags=[{"Key": "asked-at", "Value": back}])
    watched.capture("2", found("drifted", retrain=True), 1)
    assert watched.look() == "nothing was looked at: nothing was captured since"
    watched.capture("3", found("steady"), 2)
    assert watched.look() == "it is steady"
    assert watched.left("arguments")[-1] == back


@pytest.mark.parametrize("watched", [FEW_FILES], indirect=True)
def test_what_is_more_than_a_look_takes_is_looked_at_in_the_same_run(watched: Watched) -> None:
    """And what is too little, with more behind it, stops none that comes after."""
    go_live(watched)
    for number, verdict in enumerate(("too-few", "steady", "drifted")):
        watched.capture(str(number), found(verdict))
    assert watched.look() == (
        "it is too-few; more files are there, so that these 2 are passed over; then it is drifted"
    )
    for number in range(5):
        watched.capture(f"more-{number}", found("steady"))
    more = "; more was captured than one run looks at, and the next goes on there"
    assert watched.look() == "; then ".join(["it is steady"] * 2) + more
    assert watched.look() == "it is steady"


def test_files_that_end_the_job_are_told_and_left_behind(watched: Watched) -> None:
    go_live(watched)
    watched.capture("1", found("drifted"))
    assert watched.look() == "it is drifted"
    watched.mailbox.read(1)
    watched.capture("2", found("nonsense"))
    told = watched.ended()
    assert (told["status"], told["error"]) == ("FAILED", "DriftFailed")
    assert "failed (files: 1; no other look takes them): " in told["cause"]
    assert watched.look() == "nothing was looked at: nothing was captured since"
    # What was known stays known: the next drift is none that began now
    watched.capture("3", found("drifted"))
    assert watched.look() == "it is drifted"
    assert "(files: 1; " in watched.mailbox.read(2)[-1]
    assert len(watched.mailbox.messages) == 2


def test_what_was_not_evaluated_here_has_nothing_to_be_compared_with(watched: Watched) -> None:
    go_live(watched)
    watched.aws.client("s3").delete_object(
        Bucket=watched.bucket, Key=f"evaluations/{watched.version}/baseline.json"
    )
    watched.capture("1", found("drifted"))
    assert watched.look() == "nothing was looked at: this version was not evaluated here"
