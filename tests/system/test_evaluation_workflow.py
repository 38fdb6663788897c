"""Evaluation, gate and registration of the template's own training workflow, with jobs of a few
shell lines: what is compared with what, and what becomes of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.tests.aws import SERVE, wait
from local.tests.remote import Remote
from tests.system.training import (
    DEPLOYED,
    EVALUATE,
    SOMEBODY,
    Project,
    create_project,
    summary,
    writes,
)

pytestmark = pytest.mark.slow  # jobs are processes, as the container has them

PROGRAM = "echo weights > $SAGEMAKER_BASE_DIR/model/weights"
COMMIT = "0123456789abcdef"
WORSE = writes(summary(outcome="compared", difference=-0.02))


@pytest.fixture(scope="module")
def image(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("image")
    return aws.image(folder, train=PROGRAM, evaluate=EVALUATE, serve=SERVE)


@pytest.fixture
def project(aws: Remote, image: str) -> Project:
    """Of which nothing serves yet."""
    return create_project(aws, image)


@pytest.fixture(scope="module")
def served(aws: Remote, image: str) -> Project:
    """With an older version in service."""
    project = create_project(aws, image)
    project.serve("old")
    return project


@pytest.fixture(autouse=True)
def plain(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "served" in request.fixturenames:
        request.getfixturevalue("served").evaluate_so("")


def run(project: Project, force: str = "") -> dict[str, Any]:
    """How an execution ended, and what it was about."""
    ended = project.ended(project.start(force=force))
    ended["output"] = json.loads(ended.get("output", "{}"))
    return ended


def test_the_first_candidate_is_evaluated_alone_registered_and_handed_over(
    project: Project,
) -> None:
    ended = run(project)
    assert ended["status"] == "SUCCEEDED", ended
    name = ended["output"]["name"]
    asked = ["--version", name, "--commit", COMMIT, "--champion", "none"]
    assert project.evaluated(name, "arguments").splitlines() == asked
    given = ["./candidate/model.tar.gz", "./data/train"]
    assert project.evaluated(name, "inputs").splitlines() == given
    (package,) = project.packages()
    folder = f"s3://{project.artifacts}/evaluations/{name}/"
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]
    assert statistics == {"ContentType": "application/json", "S3Uri": f"{folder}evaluation.json"}
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container["Image"] == ended["output"]["image"] == "serving-image"
    assert container["ModelDataUrl"] == ended["output"]["modelDataUrl"]
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ModelPackageDescription"] == ended["output"]["verdict"]
    assert package["MetadataProperties"] == {
        "CommitId": COMMIT,
        "Repository": "arn:aws:codecommit:eu-west-1:111122223333:it",
        "GeneratedBy": ended["executionArn"],
    }
    metadata = package["CustomerMetadataProperties"]
    assert len(metadata.pop("data")) == 64
    assert metadata == {
        "version": name,
        "training-image": project.image,
        "serving-image": "serving-image",
        "data-uri": f"s3://{project.data}/data/",
        "training-job": f"{name}-spot-0",
        "evaluation-job": f"{name}-0",
        "evaluation": folder,
        "trigger": "person",
        "triggered-by": SOMEBODY,
        "champion": "none",
        "outcome": "none",
        "verdict": "accepted",
        "accuracy": "0.9",
        "hyperparameter.epochs": "6",
    }
    (child,) = project.children()
    assert json.loads(child["input"])["package"] == package["ModelPackageArn"]


def test_a_refused_candidate_is_registered_told_once_and_touches_nothing(served: Project) -> None:
    served.evaluate_so(WORSE)
    before, notices = len(served.children()), len(served.mailbox.messages)
    ended = run(served)
    assert (ended["status"], ended["error"]) == ("FAILED", "ModelRejected")
    package = served.packages()[-1]
    assert package["ModelApprovalStatus"] == "Rejected"
    assert package["ModelPackageDescription"] in ended["cause"]
    assert "0.01" in ended["cause"] and "make train FORCE=" in ended["cause"]
    metadata = package["CustomerMetadataProperties"]
    assert (metadata["verdict"], metadata["outcome"]) == ("refused", "compared")
    assert metadata["champion"] == f"{served.artifacts}-old"
    asked = served.evaluated(metadata["version"], "arguments").splitlines()
    assert asked[-2:] == ["--champion", f"{served.artifacts}-old"]
    assert "./champion/model.tar.gz" in served.evaluated(metadata["version"], "inputs")
    assert len(served.children()) == before
    assert served.serving() == f"{served.artifacts}-old"
    (notice,) = served.mailbox.read(notices + 1)[notices:]
    about = f"Commit {COMMIT} (asked for by person: {SOMEBODY})"
    assert notice.startswith(f"{about}: ModelRejected: ")
    assert package["ModelPackageDescription"] in notice and "| Run make status " in notice


def test_a_forced_candidate_goes_on_and_who_wanted_it_is_told_and_kept(served: Project) -> None:
    served.evaluate_so(WORSE)
    notices = len(served.mailbox.messages)
    ended = run(served, force="the picture of the year")
    assert ended["status"] == "SUCCEEDED", ended
    package = served.packages()[-1]
    assert package["ModelApprovalStatus"] == "Approved"
    metadata = package["CustomerMetadataProperties"]
    assert metadata["verdict"] == "forced"
    assert metadata["forced-by"] == SOMEBODY
    assert metadata["forced-because"] == "the picture of the year"
    (notice,) = served.mailbox.read(notices + 1)[notices:]
    for said in (SOMEBODY, "the picture of the year", "nothing serves yet", "0.01"):
        assert said in notice
    assert json.loads(served.children()[0]["input"])["package"] == package["ModelPackageArn"]


def test_a_champion_whose_archive_is_gone_does_not_stop_the_next_one(served: Project) -> None:
    s3, archive = served.aws.client("s3"), f"models/{served.artifacts}-old-0/output/model.tar.gz"
    s3.delete_object(Bucket=served.artifacts, Key=archive)
    served.evaluate_so(writes(summary(outcome="unscorable")))
    ended = run(served)
    s3.put_object(Bucket=served.artifacts, Key=archive, Body=b"again")
    assert ended["status"] == "SUCCEEDED", ended
    name = ended["output"]["name"]
    asked = served.evaluated(name, "arguments").splitlines()
    gone = "its archive is not in S3 any more"
    assert asked[-4:] == ["--champion", f"{served.artifacts}-old", "--champion-gone", gone]
    assert "champion" not in served.evaluated(name, "inputs")
    assert served.packages()[-1]["CustomerMetadataProperties"]["outcome"] == "unscorable"


def test_an_evaluation_that_fails_says_why_and_registers_nothing(project: Project) -> None:
    project.evaluate_so("printf 'eval.tfrecords has no examples' > ../output/message; exit 1")
    ended = run(project)
    assert (ended["status"], ended["error"]) == ("FAILED", "EvaluationFailed")
    assert ended["cause"].endswith("failed: eval.tfrecords has no examples")
    assert (project.packages(), project.children()) == ([], [])


def test_an_evaluation_that_a_person_stopped_registers_nothing(project: Project) -> None:
    project.evaluate_so("sleep 600 & wait")
    execution = project.start()
    sagemaker = project.aws.client("sagemaker")

    def evaluating() -> list[str]:
        listed = sagemaker.list_processing_jobs(NameContains=project.artifacts)
        return [each["ProcessingJobName"] for each in listed["ProcessingJobSummaries"]]

    (name,) = wait(evaluating)
    sagemaker.stop_processing_job(ProcessingJobName=name)
    ended = project.ended(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "EvaluationIncomplete")
    assert ended["cause"] == f"Evaluation job {name} ended as Stopped"
    assert (project.packages(), project.children()) == ([], [])


def test_an_evaluation_that_takes_too_long_is_stopped(aws: Remote, image: str) -> None:
    """Its time is shortened here: it may take an hour longer than its job."""
    shorter = {"MathAdd($.settings.maxRuntimeSeconds, 3600)": "MathAdd(0, 2)"}
    project = create_project(aws, image, DEPLOYED, **shorter)
    project.evaluate_so("sleep 600 & wait")
    ended = project.ended(project.start())
    assert (ended["status"], ended["error"]) == ("FAILED", "EvaluationTookTooLong")
    (job,) = aws.client("sagemaker").list_processing_jobs(NameContains=project.artifacts)[
        "ProcessingJobSummaries"
    ]
    assert job["ProcessingJobStatus"] in ("Stopping", "Stopped")


def test_what_an_evaluation_does_not_say_refuses_the_candidate(project: Project) -> None:
    project.evaluate_so("rm output/evaluation/summary.json")
    ended = run(project)
    assert (ended["status"], ended["error"]) == ("FAILED", "ModelRejected")
    assert "summary.json of the evaluation is missing" in ended["cause"]
    (package,) = project.packages()
    assert package["ModelApprovalStatus"] == "Rejected"
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container["Image"] == project.image
