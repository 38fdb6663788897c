"""What requests become is seen, told and trained for, once: the whole template, the real container,
digits. One story, told in order."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.lib import digits, tfrecord
from tests.system.driver import Driver, endpoint, until
from tests.system.notices import Notices

pytestmark = pytest.mark.local

STACK = "drifting"
PARAMETERS = (
    *("CapturePercent=100", "DriftMinimumRecords=150", "RetrainOnDrift=yes"),
    *("DriftCooldownDays=3", "RolloutBakeSeconds=0"),
)
PICTURES, BATCH = 180, 30
# Of a request that is none, a client that speaks of something else, and bytes
GARBAGE = [
    b"{",
    b"\xff\xfe\x00",
    json.dumps(
        {
            "captureData": {
                "endpointInput": {"observedContentType": "text/csv", "data": "1,2"},
                "endpointOutput": {"observedContentType": "text/csv", "data": "1"},
            },
            "eventMetadata": {"inferenceTime": "2026-11-28T10:00:00Z"},
        }
    ).encode(),
]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with endpoint(tmp_path_factory.mktemp("endpoint"), "eu-west-1") as driver:
        driver.run("python", "generate.py")
        yield driver


@pytest.fixture(scope="module")
def deployed(aws: Driver) -> dict[str, str]:
    """The stack's outputs, once its first model serves."""
    aws.run("python", "-m", "scripts.upload", "--stack", STACK, "--yes")
    aws.drop_seed_tests(STACK, one_layer=True)
    aws.run("python", "-m", "scripts.create_stack", "--stack", STACK, "--yes",
            "--parameters", " ".join(PARAMETERS))  # fmt: skip
    assert aws.verdict(STACK, after=0) == "Succeeded", aws.actions(STACK)
    return aws.outputs(STACK)


@pytest.fixture(scope="module")
def notices(aws: Driver, deployed: dict[str, str]) -> Notices:
    heard = Notices(aws)
    heard.subscribe(deployed["NotificationTopicArn"])
    return heard


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    """Digits that the model was neither trained on nor evaluated with."""
    file = digits.DATA / "validation.tfrecords"
    read = [tfrecord.read(file, number)[0] for number in range(PICTURES)]
    return np.stack(read).transpose(0, 2, 3, 1)


def served(aws: Driver) -> str:
    """The version that serves, by name."""
    found = aws.client("sagemaker").describe_endpoint(EndpointName=STACK)
    return str(found["EndpointConfigName"])


def ask(aws: Driver, deployed: dict[str, str], asked: NDArray[np.uint8]) -> None:
    """Ask the endpoint, and wait until all that was asked is captured."""
    before = len(captured(aws, deployed))
    bodies = np.array_split(asked, len(asked) // BATCH)
    for body in bodies:
        file = io.BytesIO()
        np.save(file, body)
        aws.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=STACK, ContentType="application/x-npy", Body=file.getvalue()
        )
    until(lambda: len(captured(aws, deployed)) >= before + len(bodies))


def captured(aws: Driver, deployed: dict[str, str]) -> list[bytes]:
    """Every line that there is."""
    s3, place = aws.client("s3"), {"Bucket": deployed["ArtifactBucket"]}
    listed = s3.list_objects_v2(**place, Prefix="capture/").get("Contents", [])
    files = [s3.get_object(**place, Key=one["Key"])["Body"].read() for one in listed]
    return [line for file in files for line in file.splitlines()]


def look(aws: Driver, deployed: dict[str, str]) -> dict[str, Any]:
    """Look now, as a person does; what the last look that compared has left."""
    aws.run("python", "-m", "scripts.drift", "--stack", STACK, "--run")
    s3, bucket = aws.client("s3"), deployed["ArtifactBucket"]
    last = json.loads(s3.get_object(Bucket=bucket, Key="drift/last.json")["Body"].read())
    key = last["uri"].partition(f"{bucket}/")[2] + "drift.json"
    return dict(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))


def age(aws: Driver, deployed: dict[str, str]) -> None:
    """The cool-down of what serves began ten days ago."""
    s3, place = aws.client("s3"), {"Bucket": deployed["ArtifactBucket"], "Key": "drift/last.json"}
    last = json.loads(s3.get_object(**place)["Body"].read())
    last["since"] = f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%dT%H:%M:%SZ}"
    s3.put_object(**place, Body=json.dumps(last).encode())


def alarm(aws: Driver) -> str:
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=[f"{STACK}-drift"])
    return str(found["MetricAlarms"][0]["StateValue"])


def trainings(aws: Driver, deployed: dict[str, str]) -> list[tuple[str, str]]:
    """Who asked for a run of the training workflow, and how it stands, oldest first."""
    states, machine = aws.client("stepfunctions"), deployed["TrainingWorkflowArn"]
    listed = states.list_executions(stateMachineArn=machine)["executions"]
    found = [states.describe_execution(executionArn=one["executionArn"]) for one in listed]
    found.sort(key=lambda one: one["startDate"])
    return [(json.loads(one["input"])["trigger"]["kind"], one["status"]) for one in found]


def test_requests_of_the_same_kind_are_steady_whatever_garbage_lies_among_them(
    aws: Driver, deployed: dict[str, str], pictures: NDArray[np.uint8]
) -> None:
    golden = len(captured(aws, deployed))
    assert golden
    key = f"capture/{STACK}/AllTraffic/{datetime.now(UTC):%Y/%m/%d/%H}/00-00-000-garbage.jsonl"
    body = b"\n".join(GARBAGE)
    aws.client("s3").put_object(Bucket=deployed["ArtifactBucket"], Key=key, Body=body)
    ask(aws, deployed, pictures)
    found = look(aws, deployed)
    assert (found["verdict"], found["retrain"]) == ("steady", False), found["words"]
    assert found["records"] == PICTURES
    assert found["skipped"] == {"golden": golden, "broken": 2, "other-types": 1}
    until(lambda: alarm(aws) == "OK")


def test_inverted_pictures_ring_in_one_look_and_are_trained_for_once(
    aws: Driver, deployed: dict[str, str], pictures: NDArray[np.uint8], notices: Notices
) -> None:
    first = served(aws)
    age(aws, deployed)
    for due in (True, False):
        ask(aws, deployed, 255 - pictures)
        found = look(aws, deployed)
        assert (found["verdict"], found["retrain"]) == ("drifted", due), found["why"]
        until(lambda: alarm(aws) == "ALARM")
    # Its own cool-down begins with the model that came of it
    until(lambda: trainings(aws, deployed)[1:] == [("drift", "SUCCEEDED")])
    assert served(aws) != first
    ask(aws, deployed, 255 - pictures)
    found = look(aws, deployed)
    assert (found["verdict"], found["retrain"]) == ("drifted", False)
    assert "the cool-down of 3 days ends" in found["why"]
    assert alarm(aws) == "ALARM"
    assert len(trainings(aws, deployed)) == 2
    print(notices.read())


def test_a_day_without_requests_changes_nothing(aws: Driver, deployed: dict[str, str]) -> None:
    said = aws.run("python", "-m", "scripts.drift", "--stack", STACK, "--run")
    assert "nothing was captured since" in said
    assert alarm(aws) == "ALARM"
    assert len(trainings(aws, deployed)) == 2


def test_a_manifest_that_names_missing_files_is_refused_by_name(
    aws: Driver, deployed: dict[str, str], notices: Notices
) -> None:
    s3, before = aws.client("s3"), served(aws)
    body = json.dumps({"version": 1, "files": [{"key": "gone.tfrecords", "bytes": 1}]}).encode()
    s3.put_object(Bucket=deployed["DataBucket"], Key="data/manifest.json", Body=body)
    until(lambda: trainings(aws, deployed)[2:] == [("data", "FAILED")])
    assert "gone.tfrecords" in notices.read()[-1]
    assert served(aws) == before
