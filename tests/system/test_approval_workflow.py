"""The approval workflow of the template itself, and its rule, with the local model registry: each
decision is carried out once, is recorded, and whatever ends badly is told once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local import throttle
from local.tests.aws import SERVE, wait
from local.tests.remote import Remote
from scripts.lib.approval import days_of
from tests.system.approvals import COMMIT, DAYS, Approvals, made

BROKEN = {"Type": "Fail", "Error": "EndpointRolledBack", "Cause": "it went back"}


@pytest.fixture(scope="module")
def project(aws: Remote) -> Iterator[Approvals]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        aws.enter(monkeypatch)
        yield made(aws)


@pytest.fixture
def throttled() -> Iterator[None]:
    yield
    for operation in ("UpdateModelPackage", "DescribeModelPackage"):
        throttle.main([f"sagemaker:{operation}", "--off"])


def test_an_approval_in_the_registry_deploys_the_version_once(
    aws: Remote, project: Approvals
) -> None:
    """Through the rule: what the workflow itself changes of the package starts nothing more."""
    project = made(aws)
    version, package = project.register()
    project.create_trigger()
    project.decide_in_registry(package, "Approved", "good")
    (execution,) = wait(project.executions)
    assert project.end(execution) == "Deployed"
    (deployed,) = project.deployed(version)
    assert deployed["execution"] == deployed["name"] == version
    assert (deployed["commit"], deployed["package"]) == (COMMIT, package)
    described = project.describe(package)
    assert described["ModelApprovalStatus"] == "Approved"
    stamped = described["CustomerMetadataProperties"]
    (kept,) = project.decisions(version)
    assert kept["by"] == stamped["decided-by"]
    assert kept["by"].startswith("arn:aws:") and kept["why"] == "good"
    assert kept["at"] == stamped["decided-at"]
    assert stamped["verdict"] == "accepted"
    assert deployed["about"]["words"] == f"Commit {COMMIT} (approved by {kept['by']})"
    project.told(0)
    assert project.executions() == [execution]


def test_the_same_event_twice_deploys_once_and_tells_nothing(project: Approvals) -> None:
    version, package = project.register()
    project.decide_in_registry(package, "Approved")
    event = project.event(package)
    ends = [project.end(each) for each in [project.start(event), project.start(event)]]
    assert sorted(ends) == ["CameBefore", "Deployed"]
    assert len(project.deployed(version)) == 1
    project.told(0)


def test_an_approval_that_was_taken_back_deploys_nothing(project: Approvals) -> None:
    version, package = project.register()
    project.decide_in_registry(package, "Approved")
    approved = project.event(package)
    project.decide_in_registry(package, "Rejected", "wrong one")
    assert project.end(project.start(approved)) == "DecidedOtherwise"
    assert project.end(project.start(project.event(package))) == "Rejected"
    (notice,) = project.told()
    assert notice.startswith(f"{version} was rejected by arn:aws:")
    assert f"(wrong one). {version} was not deployed" in notice
    assert project.deployed(version) == []


def test_what_nobody_decided_about_in_time_is_rejected_and_told_once(
    aws: Remote, project: Approvals
) -> None:
    project = made(aws)
    version, package = project.register()
    project.create_trigger()
    waits = project.start({"package": package}, name=f"wait-{version}")
    assert project.end(waits) == "Expired"
    assert days_of(aws.client("stepfunctions"), waits) == DAYS, "make status tells until when"
    (notice,) = project.told()
    assert notice.startswith(f"{version} was rejected by ")
    assert "(Expired: nobody decided within 2 days)" in notice
    assert project.describe(package)["ModelApprovalStatus"] == "Rejected"
    assert project.deployed(version) == []


def test_who_waits_for_a_decision_ends_when_it_was_made(project: Approvals) -> None:
    version, package = project.register()
    waits = project.start({"package": package}, name=f"wait-{version}")
    project.decide_in_registry(package, "Approved")
    assert project.end(waits) == "WasDecided"
    assert project.describe(package)["ModelApprovalStatus"] == "Approved"
    project.told(0)


def test_a_package_that_is_gone_is_told(project: Approvals) -> None:
    version, package = project.register()
    project.decide_in_registry(package, "Approved")
    event = project.event(package)
    project.aws.client("sagemaker").delete_model_package(ModelPackageName=package)
    ended = project.ended(project.start(event))
    assert ended["status"] == "FAILED"
    assert f"{package} does not exist" in project.told()[0]
    assert project.deployed(version) == []


@pytest.mark.parametrize("lacks", ["CustomerMetadataProperties", "MetadataProperties"])
def test_a_package_that_no_training_registered_is_told_in_a_sentence(
    project: Approvals, lacks: str
) -> None:
    version, package = project.register(lacks)
    project.decide_in_registry(package, "Approved")
    ended = project.ended(project.start(project.event(package)))
    assert ended["error"] == "NotOfTraining"
    assert ended["cause"] in project.told()[0]
    assert project.deployed(version) == []


def test_a_deployment_that_failed_is_not_told_again(aws: Remote, project: Approvals) -> None:
    """It has told everybody itself, so that here nothing more is said; its error is the run's."""
    broken = made(aws, BROKEN)
    _, package = broken.register()
    broken.decide_in_registry(package, "Approved")
    ended = broken.ended(broken.start(broken.event(package)))
    assert (ended["error"], ended["cause"]) == ("EndpointRolledBack", "it went back")
    broken.told(0)


def test_approved_again_after_its_deployment_it_is_told_how_to_deploy_it(
    project: Approvals,
) -> None:
    version, package = project.register()
    project.decide_in_registry(package, "Approved")
    assert project.end(project.start(project.event(package))) == "Deployed"
    again = {**project.event(package), "LastModifiedTime": "2027-01-01T00:00:00Z"}
    assert project.end(project.start(again)) == "BegunBefore"
    assert "another name in it" in project.told()[0]
    assert len(project.deployed(version)) == 1
    assert len(project.decisions(version)) == 2


def test_a_registry_that_is_asked_too_often_for_a_while_is_asked_again(
    project: Approvals, throttled: None
) -> None:
    version, package = project.register()
    project.decide_in_registry(package, "Approved")
    event = project.event(package)
    throttle.main(["sagemaker:DescribeModelPackage", "--rate", "0.3"])
    executions = [project.start({**event, "LastModifiedTime": str(each)}) for each in range(2)]
    assert sorted(project.end(each) for each in executions) == ["BegunBefore", "Deployed"]
    assert len(project.deployed(version)) == 1


def test_a_notice_of_a_rejection_that_fails_is_told_by_the_rule(
    aws: Remote, project: Approvals
) -> None:
    """Its subject is longer than SNS takes it."""
    long: dict[str, Any] = {': a model was rejected"': f': {"x" * 120}"'}
    silent = made(aws, **long)
    version, package = silent.register()
    silent.decide_in_registry(package, "Rejected")
    ended = silent.ended(silent.start(silent.event(package)))
    assert (ended["status"], ended["error"]) == ("FAILED", "NotTold")
    assert ended["cause"].startswith(f"{version} was rejected by")
    (notice,) = silent.told()
    (detail,) = [v for k, v in json.loads(notice).items() if k.startswith("details")]
    assert detail["cause"] == ended["cause"]


@pytest.mark.slow  # an endpoint is a process, as the container has it
def test_what_serves_already_is_not_deployed_again_and_stays_when_it_is_rejected(
    aws: Remote, project: Approvals, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = made(aws)
    version, package = project.register()
    project.serve(version, aws.image(tmp_path_factory.mktemp("image"), serve=SERVE))
    project.decide_in_registry(package, "Approved")
    assert project.end(project.start(project.event(package))) == "Serves"
    assert "the endpoint serves it already" in project.told()[0]
    project.decide_in_registry(package, "Rejected")
    assert project.end(project.start(project.event(package))) == "Rejected"
    assert f"The endpoint serves {version} and goes on serving it" in project.told()[0]
    other, rejected = project.register()
    project.decide_in_registry(rejected, "Rejected")
    assert project.end(project.start(project.event(rejected))) == "Rejected"
    (notice,) = project.told()
    assert notice.startswith(f"{other} was rejected")
    assert f"The endpoint goes on serving {version}" in notice
    assert project.deployed(version) == []
