"""Reading what an evaluation found, and registering: parts of the template's training workflow, run
by the interpreter with faults before and beside them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import throttle
from local.context import Context
from local.tests import remote
from local.tests.aws import ALL, unique
from local.tests.machines import create, ended, start
from local.tests.remote import Remote
from tests.system.training import summary
from tests.system.workflows import part

WHOLE = summary()
LACKING = [{key: value for key, value in WHOLE.items() if key != name} for name in WHOLE]
NO_METADATA: list[Any] = [None, "text", 1, True, [{"accuracy": "0.9"}]]
NO_WORDS: list[Any] = [None, 1, {}]
NO_COMPARISON: list[Any] = [None, 1, [], {}, {"outcome": "none"}]
UNREADABLE = [
    *("", "null", "[]", "0.9", '"text"', "no JSON", '{"accuracy": NaN}', "{}"),
    json.dumps({**WHOLE, "more": "x" * 16384}),
    *map(json.dumps, LACKING),
    *(json.dumps({**WHOLE, "metadata": each}) for each in NO_METADATA),
    *(json.dumps({**WHOLE, "words": each}) for each in NO_WORDS),
    *(json.dumps({**WHOLE, "comparison": each}) for each in NO_COMPARISON),
]


def test_whatever_an_evaluation_writes_comes_to_the_gate(aws: Remote) -> None:
    """As what was found, or as a candidate of which nothing is known; never as an error of the run.
    16 KiB are read of a summary, as a larger one could be more than a state may carry."""
    bucket, s3 = aws.bucket(), aws.client("s3")
    longest = {**WHOLE, "more": "x" * (16384 - len(json.dumps({**WHOLE, "more": ""})))}
    texts = [json.dumps(WHOLE), json.dumps(longest), *UNREADABLE]
    for number, text in enumerate(texts):
        s3.put_object(Bucket=bucket, Key=f"evaluations/v{number}/summary.json", Body=text)
    reading = part("TrainingWorkflow", "ReadSummary", "LayLimit", ArtifactBucket=bucket)
    inside = {"ProcessorConfig": {"Mode": "INLINE"}, **reading}
    every = {"Type": "Map", "ItemProcessor": inside, "End": True}
    machine = create(aws, aws.role("states"), {"StartAt": "Each", "States": {"Each": every}})
    names = [{"name": f"v{number}"} for number in range(len(texts) + 1)]  # the last has none
    told = ended(aws, start(aws, machine, names))
    assert told["status"] == "SUCCEEDED", told
    whole, long, *unreadable = [each["evaluation"] for each in json.loads(told["output"])]
    assert (whole, long) == (WHOLE, longest)
    for text, evaluation in zip([*UNREADABLE, "absent"], unreadable, strict=True):
        assert evaluation["accuracy"] is None, text[:40]
        assert evaluation["words"].startswith("summary.json of the evaluation is missing"), text
        assert (evaluation["engine"], evaluation["metadata"]) == ("unknown", {})


def card(project: str) -> dict[str, Any]:
    """What lies before the first state."""
    model = {"Image": "image", "ModelDataUrl": "s3://bucket/models/model.tar.gz"}
    return {
        "name": f"{project}-1",
        "commit": "0123456789abcdef",
        "evaluation": {"metadata": {"accuracy": "0.9", "verdict": "not ours"}},
        "metadata": {"version": f"{project}-1", "verdict": "accepted"},
        "card": {
            "ModelPackageGroupName": project,
            "ModelPackageDescription": "good enough",
            "ModelApprovalStatus": "Approved",
            "InferenceSpecification": {"Containers": [model]},
            "MetadataProperties": {"CommitId": "0123456789abcdef"},
            "ModelMetrics": {},
            "ClientToken": unique("token"),
        },
    }


def register(
    aws: Remote, given: dict[str, Any], first: str = "FindGroup", role: str = "", **values: str
) -> dict[str, Any]:
    """What the story carries when it goes on, or when it is about to explain an error."""
    values = {"ProjectName": given["card"]["ModelPackageGroupName"], **values}
    steps = part("TrainingWorkflow", first, "RememberTrained", "HasCause", **values)
    told = ended(aws, start(aws, create(aws, role or aws.role("states"), steps), given))
    assert told["status"] == "SUCCEEDED", told
    return dict(json.loads(told["output"]))


def registered(aws: Remote, project: str) -> list[dict[str, Any]]:
    sagemaker = aws.client("sagemaker")
    listed = sagemaker.list_model_packages(ModelPackageGroupName=project)
    arns = [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]]
    return [sagemaker.describe_model_package(ModelPackageName=arn) for arn in arns]


@pytest.fixture
def throttled(aws: Remote, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The registry takes a call in five seconds."""
    aws.enter(monkeypatch)
    throttle.main(["sagemaker:CreateModelPackage", "--rate", "0.2"])
    yield
    throttle.main(["sagemaker:CreateModelPackage", "--off"])


def test_of_two_values_of_one_name_ours_is_registered(aws: Remote) -> None:
    project = unique("project")
    kept = register(aws, card(project))
    (package,) = registered(aws, project)
    assert kept["registered"] == {"package": package["ModelPackageArn"]}
    assert package["CustomerMetadataProperties"] == {
        "version": f"{project}-1",
        "verdict": "accepted",
        "accuracy": "0.9",
    }


def test_a_version_is_registered_once_however_often_it_is_asked_for(aws: Remote) -> None:
    project = unique("project")
    given = card(project)
    assert register(aws, given)["registered"] == register(aws, given)["registered"]
    assert len(registered(aws, project)) == 1


@pytest.mark.usefixtures("throttled")
def test_a_registry_that_is_asked_too_often_is_asked_again(aws: Remote) -> None:
    project = unique("project")
    assert "error" in register(aws, card(project))
    assert len(registered(aws, project)) == 1


def test_a_group_that_another_run_has_made_meanwhile_is_as_good(aws: Remote) -> None:
    project = unique("project")
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=project)
    assert register(aws, card(project), "CreateGroup")["registered"]
    assert len(registered(aws, project)) == 1


@pytest.mark.parametrize(
    "action", ["DescribeModelPackageGroup", "CreateModelPackageGroup", "CreateModelPackage"]
)
def test_a_registry_that_refuses_ends_the_run_with_what_it_said(aws: Remote, action: str) -> None:
    deny = {"Effect": "Deny", "Action": f"sagemaker:{action}", "Resource": "*"}
    role = aws.role("states", may=(ALL, deny))
    kept = register(aws, card(unique("project")), role=role)
    assert "registered" not in kept
    assert f"sagemaker:{action}" in kept["error"]["Cause"]


# ---- where there is no registry


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """An endpoint in a region that has none."""
    home: Path = tmp_path_factory.mktemp("govcloud")
    process = remote.start(home, "--region", "us-gov-west-1")
    try:
        context = Context("us-gov-west-1", 0, home)
        yield Remote(context, remote.settings(home, process))
    finally:
        process.terminate()
        process.wait(300)


def test_a_region_without_a_registry_has_records_and_says_so_once(without: Remote) -> None:
    bucket, mailbox = without.bucket(), without.mailbox()
    values = {"ArtifactBucket": bucket, "Topic": mailbox.topic, "ExecutionPage": "https://console/"}
    s3 = without.client("s3")
    for project in ("first", "second"):
        kept = register(without, card(project), **values)
        assert kept["registered"] == {"package": f"s3://{bucket}/registry/{project}-1.json"}
        record = json.loads(
            s3.get_object(Bucket=bucket, Key=f"registry/{project}-1.json")["Body"].read()
        )
        wanted = {k: v for k, v in card(project)["card"].items() if k != "ClientToken"}
        assert wanted.items() <= record.items()
        assert record["CustomerMetadataProperties"] == {
            "version": f"{project}-1",
            "verdict": "accepted",
            "accuracy": "0.9",
        }
        assert record["CreationTime"] == record["LastModifiedTime"]
    (notice,) = mailbox.read(1)
    assert f"s3://{bucket}/registry/first-1.json" in notice
