"""The life of a model, where a person decides: evaluated, held against what serves, registered,
approved, watched, explained. One story, told in order, by the aws CLI, git and the project's
commands."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.driver import ROOT, Driver, endpoint, until
from tests.system.looks import PICTURES, Pixels, Watched, pictures
from tests.system.notices import Notices

pytestmark = pytest.mark.local

STACK = "life"
# Less than a tenth of what the repository's own learning rate gives in as many epochs
TOO_LOW = 0.0003


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with endpoint(tmp_path_factory.mktemp("endpoint"), "eu-west-1") as driver:
        driver.run("python", "generate.py")
        yield driver


def deploy(aws: Driver, *parameters: str) -> dict[str, str]:
    """Unwatched, as five minutes of that would be most of the story (test_rollout.py watches)."""
    kind = ("Approval=Manual", "MinimumAccuracy=0.05", "AccuracyTolerance=0.05")
    watched = ("CapturePercent=100", "DriftMinimumRecords=150", "RetrainOnDrift=yes")
    given = " ".join((*kind, *watched, "RolloutBakeSeconds=0", *parameters))
    script(aws, "create_stack", "--yes", "--parameters", given)
    return aws.outputs(STACK)


def script(aws: Driver, name: str, *words: str, check: bool = True) -> str:
    """What a command of the project says, in one line."""
    said = aws.run("python", "-m", f"scripts.{name}", *words, "--stack", STACK, check=check)
    if name in ("models", "trace", "decide"):
        assert max(map(len, said.splitlines())) <= 80, said
    return " ".join(said.split())


@pytest.fixture(scope="module")
def deployed(aws: Driver) -> dict[str, str]:
    """The stack's outputs; its first run has begun."""
    script(aws, "upload", "--yes")
    aws.drop_seed_tests(STACK, one_layer=True)
    return deploy(aws)


@pytest.fixture(scope="module")
def notices(aws: Driver, deployed: dict[str, str]) -> Notices:
    heard = Notices(aws)
    heard.subscribe(deployed["NotificationTopicArn"])
    return heard


@pytest.fixture(scope="module")
def work(aws: Driver, deployed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A developer's clone."""
    folder = tmp_path_factory.mktemp("work")
    aws.git("clone", "--quiet", deployed["RepositoryCloneUrl"], str(folder), cwd=folder)
    return folder


def version(aws: Driver, number: int) -> dict[str, Any]:
    """What the registry knows of a version."""
    account = aws.aws("sts", "get-caller-identity")["Account"]
    arn = f"arn:aws:sagemaker:eu-west-1:{account}:model-package/{STACK}/{number}"
    found = aws.aws("sagemaker", "describe-model-package", "--model-package-name", arn)
    return dict(found)


def serves(aws: Driver) -> str:
    """The version that the endpoint serves, by name; empty while there is none in service."""
    listed = aws.aws("sagemaker", "list-endpoints", "--status-equals", "InService")["Endpoints"]
    if not listed:
        return ""
    found = aws.aws("sagemaker", "describe-endpoint", "--endpoint-name", STACK)
    return str(found["EndpointConfigName"])


def hyperparameters(**changed: Any) -> dict[str, str]:
    own = json.loads((ROOT / "container/hyperparameters.json").read_text())
    return {"hyperparameters.json": json.dumps({**own, **changed})}


def decisions(aws: Driver, deployed: dict[str, str]) -> list[str]:
    """The names of the records of decisions, without their times."""
    bucket = re.sub("s3://|/.*", "", version(aws, 1)["CustomerMetadataProperties"]["evaluation"])
    listed = aws.aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "decisions/")
    return [re.sub(r"-\d{4}-.*", "", one["Key"]) for one in (listed or {}).get("Contents", [])]


def test_the_first_model_waits_for_a_person_and_the_pipeline_does_not(
    aws: Driver, deployed: dict[str, str], notices: Notices
) -> None:
    assert aws.verdict(STACK, after=0) == "Succeeded", aws.actions(STACK)
    assert serves(aws) == ""
    first = version(aws, 1)
    assert first["ModelApprovalStatus"] == "PendingManualApproval"
    (told,) = notices.read()
    assert "of 360 held-out pictures" in told
    assert "make approve" in told and "make reject" in told and f"STACK={STACK}" in told
    status = script(aws, "status")
    assert "waits for approval" in status and f"make approve STACK={STACK}" in status


def test_who_approves_by_the_cli_deploys_it_once_and_is_recorded(
    aws: Driver, deployed: dict[str, str], notices: Notices
) -> None:
    first = version(aws, 1)
    aws.run("aws", "sagemaker", "update-model-package",
            "--model-package-arn", first["ModelPackageArn"],
            "--model-approval-status", "Approved",
            "--approval-description", "as good as it gets")  # fmt: skip
    name = first["CustomerMetadataProperties"]["version"]
    until(lambda: serves(aws) == name)
    known = until(lambda: "decided-by" in version(aws, 1)["CustomerMetadataProperties"])
    assert known
    known = version(aws, 1)["CustomerMetadataProperties"]
    caller = aws.aws("sts", "get-caller-identity")["Arn"]
    assert known["decided-by"] == caller
    assert decisions(aws, deployed) == [f"decisions/{name}/Approved"]
    runs = aws.aws("stepfunctions", "list-executions",
                   "--state-machine-arn", deployed["DeploymentWorkflowArn"])  # fmt: skip
    assert [one["name"] for one in runs["executions"]] == [name]
    assert "serves" in script(aws, "models")


def test_a_worse_model_is_refused_with_the_champions_name_and_figures(
    aws: Driver, deployed: dict[str, str], notices: Notices, work: Path
) -> None:
    champion = serves(aws)
    aws.push(work, "Learn slowly", hyperparameters(epochs=2, learning_rate=TOO_LOW))
    assert aws.verdict(STACK, after=1) == "Failed"
    second = version(aws, 2)
    known = second["CustomerMetadataProperties"]
    assert second["ModelApprovalStatus"] == "Rejected"
    assert (known["verdict"], known["champion"]) == ("refused", champion)
    figures = [f"{float(known[name]) * 100:.1f} %" for name in ("accuracy", "champion-accuracy")]
    assert f"{figures[0]} against {figures[1]} of {champion}" in second["ModelPackageDescription"]
    told = notices.read()[-1]
    assert second["ModelPackageDescription"] in told
    assert second["ModelPackageDescription"] in script(aws, "status", check=False)
    assert serves(aws) == champion


def test_who_wants_it_all_the_same_says_why_and_another_may_still_reject_it(
    aws: Driver, deployed: dict[str, str], notices: Notices
) -> None:
    champion, before = serves(aws), len(notices.told)
    said = script(aws, "train", "--force", "the demo is at noon")
    assert "waits for approval" in said
    third = version(aws, 3)
    known = third["CustomerMetadataProperties"]
    caller = aws.aws("sts", "get-caller-identity")["Arn"]
    assert (known["verdict"], known["forced-because"]) == ("forced", "the demo is at noon")
    assert (known["forced-by"], known["triggered-by"]) == (caller, caller)
    assert third["ModelApprovalStatus"] == "PendingManualApproval"
    until(lambda: notices.more() or len(notices.told) >= before + 2)
    forced, waits = notices.told[before:]
    assert "the demo is at noon" in forced and caller in forced
    assert "make approve" in waits

    script(aws, "decide", "reject", "--yes", "--reason", "it is worse")
    until(notices.more)
    (rejected,) = notices.told[before + 2 :]
    assert "it is worse" in rejected and champion in rejected
    assert version(aws, 3)["ModelApprovalStatus"] == "Rejected"
    assert serves(aws) == champion
    unknown = script(aws, "decide", "approve", "--yes", "--version", "99", check=False)
    assert "99" in unknown and "Traceback" not in unknown


def test_a_model_of_other_classes_is_another_task(
    aws: Driver, deployed: dict[str, str], notices: Notices, work: Path
) -> None:
    champion = serves(aws)
    model = (work / "model.py").read_text()
    letters = {"model.py": model.replace('"0123456789"', '"abcdefghij"')}
    assert letters["model.py"] != model
    aws.push(work, "Name the classes anew", {**letters, **hyperparameters(epochs=1)})
    assert aws.verdict(STACK, after=2) == "Failed"
    fourth = version(aws, 4)
    assert fourth["CustomerMetadataProperties"]["outcome"] == "other-classes"
    assert fourth["ModelApprovalStatus"] == "Rejected"
    assert fourth["ModelPackageDescription"] in notices.read()[-1]
    assert serves(aws) == champion
    (work / "model.py").write_text(model)


def test_a_manifest_that_names_missing_files_is_refused_by_name(
    aws: Driver, deployed: dict[str, str], notices: Notices
) -> None:
    s3, champion, manifest = aws.client("s3"), serves(aws), "data/manifest.json"
    body = json.dumps({"version": 1, "files": [{"key": "gone.tfrecords", "bytes": 1}]}).encode()
    s3.put_object(Bucket=deployed["DataBucket"], Key=manifest, Body=body)
    until(lambda: Watched(aws, STACK, deployed).trainings("data") == ["FAILED"])
    assert any("names what is not here: gone.tfrecords" in one for one in notices.read())
    assert serves(aws) == champion
    s3.delete_object(Bucket=deployed["DataBucket"], Key=manifest)


def test_tuning_finds_a_better_learning_rate_than_the_files_and_make_approve_deploys_it(
    aws: Driver, deployed: dict[str, str], notices: Notices, work: Path
) -> None:
    deploy(aws, "TuningJobs=2")
    tuning = {
        "objective": {"metric": "validation:accuracy", "goal": "maximize"},
        "ranges": {"learning_rate": {"from": 0.003, "to": 0.008, "scale": "logarithmic"}},
    }
    files = {**hyperparameters(epochs=3, learning_rate=TOO_LOW), "tuning.json": json.dumps(tuning)}
    aws.push(work, "Let the learning rate be found", files)
    assert aws.verdict(STACK, after=3) == "Succeeded", aws.actions(STACK)
    fifth, by_the_file = version(aws, 5), version(aws, 2)["CustomerMetadataProperties"]
    known = fifth["CustomerMetadataProperties"]
    assert 0.003 <= float(known["hyperparameter.learning_rate"]) <= 0.008
    assert float(known["accuracy"]) > float(by_the_file["accuracy"])
    (job,) = aws.aws("sagemaker", "list-hyper-parameter-tuning-jobs")[
        "HyperParameterTuningJobSummaries"
    ]
    assert job["TrainingJobStatusCounters"]["Completed"] == 2
    assert known["training-job"].startswith(job["HyperParameterTuningJobName"])

    script(aws, "decide", "approve", "--yes")
    until(lambda: serves(aws) == known["version"])


@pytest.fixture(scope="module")
def watched(aws: Driver, deployed: dict[str, str]) -> Watched:
    return Watched(aws, STACK, deployed)


@pytest.fixture(scope="module")
def asked() -> Pixels:
    return pictures()


def test_requests_of_the_same_kind_are_steady_whatever_garbage_lies_among_them(
    watched: Watched, asked: Pixels
) -> None:
    watched.spoil()
    watched.ask(asked)
    found = watched.look()
    assert (found["verdict"], found["records"]) == ("steady", PICTURES), found["words"]
    assert found["skipped"].pop("golden") > 0  # by which each deployment asks
    assert found["skipped"] == {"broken": 2, "other-types": 1}
    until(lambda: watched.alarm() == "OK")


def test_inverted_pictures_ring_in_one_look_and_are_trained_for_once(
    watched: Watched, asked: Pixels, notices: Notices
) -> None:
    watched.age(days=10)
    for due in (True, False):
        watched.ask(255 - asked)
        found = watched.look()
        assert (found["verdict"], found["retrain"]) == ("drifted", due), found["why"]
        until(lambda: watched.alarm() == "ALARM")
    until(lambda: watched.trainings("drift") not in ([], ["RUNNING"]))
    assert version(watched.aws, 6)["CustomerMetadataProperties"]["trigger"] == "drift"
    assert any("make drift" in one and "input mean" in one for one in notices.read())


def test_a_day_without_requests_leaves_the_alarm_ringing_and_trains_no_more(
    watched: Watched,
) -> None:
    assert "nothing was captured since" in script(watched.aws, "drift", "--run")
    assert watched.alarm() == "ALARM"
    assert len(watched.trainings("drift")) == 1


def test_the_trace_of_what_serves_leads_back_to_its_commit(
    aws: Driver, deployed: dict[str, str], work: Path
) -> None:
    found = json.loads(
        aws.run("python", "-m", "scripts.trace", "--stack", STACK, "--json", cwd=ROOT)
    )
    known = version(aws, 5)["CustomerMetadataProperties"]
    head = aws.git("rev-parse", "HEAD", cwd=work).strip()
    assert found["commit"]["value"].startswith(head)
    whole = json.dumps(found)
    images = aws.aws("ecr", "describe-images", "--repository-name", STACK)["imageDetails"]
    by_tag = {tag: each["imageDigest"] for each in images for tag in each.get("imageTags", [])}
    for part in (by_tag[f"{head}-train"], by_tag[f"{head}-serve"], known["training-job"],
                 known["evaluation"], known["data"], "Developer"):  # fmt: skip
        assert part in whole, part
    assert [what for what, link in found.items() if "missing" in link] == []
    script(aws, "trace")
    listed = script(aws, "models")
    assert listed.count("rejected") >= 3
    script(aws, "destroy", "--yes")
    assert aws.aws("sagemaker", "list-model-package-groups")["ModelPackageGroupSummaryList"] == []
