"""The approval workflow of the template itself, where the region has no model registry: a record in
S3 is decided about in the place of a package."""

from collections.abc import Iterator

import pytest

from local.tests.remote import Remote
from tests.system.approvals import COMMIT, Approvals, made

ANN = "arn:aws:iam::111122223333:user/ann"


@pytest.fixture(scope="module")
def project(aws: Remote) -> Iterator[Approvals]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        aws.enter(monkeypatch)
        yield made(aws)


def test_an_approved_record_is_deployed_under_its_versions_name(project: Approvals) -> None:
    version = project.version()
    key = project.keep_record(version)
    assert project.end(project.decide(key)) == "Deployed"
    (deployed,) = project.deployed(version)
    container = project.fields(version)["InferenceSpecification"]["Containers"][0]
    assert deployed["execution"] == deployed["name"] == version
    assert deployed["image"] == container["Image"]
    assert deployed["modelDataUrl"] == container["ModelDataUrl"]
    assert deployed["commit"] == COMMIT
    assert deployed["package"] == f"s3://{project.bucket}/{key}"
    assert "training" not in deployed
    project.told(0)


def test_the_record_says_who_decided_and_keeps_all_else(project: Approvals) -> None:
    version = project.version()
    key = project.keep_record(version)
    project.ended(project.decide(key, at="2026-11-28T10:00:00Z"))
    record = project.read(key)
    decided = {"decided-by": ANN, "decided-at": "2026-11-28T10:00:00Z"}
    before = project.fields(version)
    assert record["ModelApprovalStatus"] == "Approved"
    assert record["ApprovalDescription"] == "she looked at it"
    assert record["LastModifiedTime"] == "2026-11-28T10:00:00Z"
    assert record["CustomerMetadataProperties"] == before["CustomerMetadataProperties"] | decided
    assert record["InferenceSpecification"] == before["InferenceSpecification"]
    (kept,) = project.decisions(version)
    assert (kept["by"], kept["at"], kept["ModelApprovalStatus"]) == (
        ANN,
        "2026-11-28T10:00:00Z",
        "Approved",
    )


def test_a_rejected_record_is_told_of_and_not_deployed(project: Approvals) -> None:
    version = project.version()
    key = project.keep_record(version)
    assert project.end(project.decide(key, "Rejected")) == "Rejected"
    (notice,) = project.told()
    assert notice.startswith(f"{version} was rejected by {ANN} (she looked at it). ")
    assert project.deployed(version) == []
    assert project.read(key)["ModelApprovalStatus"] == "Rejected"


def test_what_nobody_decided_about_in_time_is_rejected_and_told_once(project: Approvals) -> None:
    version = project.version()
    key = project.keep_record(version)
    execution = project.start({"record": key}, name=f"wait-{version}")
    assert project.end(execution) == "Rejected"
    (notice,) = project.told()
    assert "(Expired: nobody decided within 2 days)" in notice
    assert project.read(key)["ModelApprovalStatus"] == "Rejected"
    assert project.deployed(version) == []


def test_who_waits_for_a_decision_ends_when_it_was_made(project: Approvals) -> None:
    version = project.version()
    key = project.keep_record(version)
    waits = project.start({"record": key}, name=f"wait-{version}")
    assert project.end(project.decide(key)) == "Deployed"
    assert project.end(waits) == "WasDecided"
    assert project.read(key)["ModelApprovalStatus"] == "Approved"
    project.told(0)


def test_two_who_approve_at_once_deploy_once(project: Approvals) -> None:
    version = project.version()
    key = project.keep_record(version)
    ends = [project.end(each) for each in [project.decide(key), project.decide(key)]]
    assert sorted(ends) == ["BegunBefore", "Deployed"]
    assert len(project.deployed(version)) == 1
    (notice,) = project.told()
    assert "a deployment of it was begun before" in notice
    assert len(project.decisions(version)) == 2


def test_an_unknown_record_is_told_in_a_sentence(project: Approvals) -> None:
    version = project.version()
    key = f"registry/{version}.json"
    ended = project.ended(project.decide(key))
    assert ended["error"] == "UnknownVersion"
    assert f"There is no record {key} of a version" in ended["cause"]
    assert ended["cause"] in project.told()[0]
    assert project.deployed(version) == []


def test_an_input_that_decides_nothing_is_refused(project: Approvals) -> None:
    version = project.version()
    key = project.keep_record(version)
    ended = project.ended(project.decide(key, "Wanted"))
    assert ended["error"] == "InvalidInput"
    assert ended["cause"] in project.told()[0]
    assert project.deployed(version) == []
