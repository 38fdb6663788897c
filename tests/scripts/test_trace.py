"""From what serves back to the commit; what is missing in between is told, and the rest goes on."""

import io
import json
from typing import Any

import pytest

from scripts import trace
from scripts.lib.chain import Chain, Link, written
from scripts.lib.console import Console
from scripts.lib.packages import PENDING
from scripts.lib.packages import package as read_package
from scripts.lib.session import Clients
from tests.scripts import versions
from tests.scripts.answers import START
from tests.scripts.conftest import Stubs
from tests.scripts.versions import ARTIFACTS, DIGEST, IMAGE, KNOWN, PERSON, arn, name

TOLD = {
    "data": "ab" * 32,
    "data-uri": "s3://mlops-databucket-1/data/",
    "training-job": f"{name(1)}-0",
    "evaluation-job": f"{name(1)}-evaluate-0",
    "training-image": IMAGE,
    "trigger": "push",
    "triggered-by": PERSON,
    "decided-by": PERSON,
    "decided-at": "2026-01-01T02:00:00Z",
    "forced-by": PERSON,
    "forced-because": "the old one is biased",
}


def registered(**more: Any) -> dict[str, Any]:
    one = versions.description(1)
    one["CustomerMetadataProperties"] |= TOLD
    return {**one, **more}


def package(stub: Stubs, **more: Any) -> None:
    stub["sagemaker"].add_response("describe_model_package", registered(**more))


def job(stub: Stubs, job_name: str = f"{name(1)}-0") -> None:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://mlops-databucket-1/data/"}
    stub["sagemaker"].add_response(
        "describe_training_job",
        {
            "TrainingJobName": job_name,
            "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/x",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://a/b"},
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "ResourceConfig": {"VolumeSizeInGB": 1},
            "StoppingCondition": {},
            "CreationTime": START,
            "TrainingEndTime": START,
            "HyperParameters": {"epochs": "6"},
            "InputDataConfig": [{"ChannelName": "data", "DataSource": {"S3DataSource": source}}],
        },
        {"TrainingJobName": job_name},
    )


def images(stub: Stubs, *tags: str) -> None:
    for tag in tags:
        asked = {"repositoryName": "mlops", "imageIds": [{"imageDigest": DIGEST}]}
        found = [{"imageDigest": DIGEST, "imageTags": [tag]}]
        stub["ecr"].add_response("describe_images", {"imageDetails": found}, asked)


def commit(stub: Stubs, message: str = "Use a deeper model\n\nbecause") -> None:
    author = {"name": "Jo", "email": "jo@example.com", "date": "1767225600 +0100"}
    stub["codecommit"].add_response(
        "get_commit", {"commit": {"author": author, "message": message}}
    )


def links(chain: Chain) -> dict[str, Link]:
    assert len({one.what for one in chain.links}) == len(chain.links), "a name stands for one link"
    return {one.what: one for one in chain.links}


def shown(chain: Chain, console: Console, page: io.StringIO) -> str:
    trace.show(chain.links, console)
    assert max(map(len, page.getvalue().splitlines())) <= 80
    return page.getvalue()


def test_every_link_is_told_with_where_it_was_read(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.serves(stub, name(1), package=arn(1))
    package(stub)
    job(stub)
    images(stub, "c0ffee-serve", "c0ffee-train")
    commit(stub)
    chain = Chain(clients, KNOWN)
    chain.of_endpoint()
    found = links(chain)
    assert not [one for one in chain.links if one.missing]
    assert {what: one.value for what, one in found.items()} == {
        "endpoint": "mlops, InService since 2026-01-01 00:00 UTC",
        "config": f"{name(1)}-config",
        "model": name(1),
        "version": f"1 (0123456789ab), {name(1)}",
        "status": "Approved",
        "verdict": "98.1 % against 98.6 %: 2 of 360 pictures, within chance",
        "evaluation": f"{name(1)}-evaluate-0",
        "report": f"s3://{ARTIFACTS}/evaluations/{name(1)}/",
        "model data": f"s3://{ARTIFACTS}/models/{name(1)}-0/output/model.tar.gz",
        "training job": f"{name(1)}-0, Completed, 2026-01-01 00:00 UTC",
        "settings": "epochs=6",
        "data": "s3://mlops-databucket-1/data/",
        "data sha256": "ab" * 32,
        "serving image": DIGEST,
        "serving tags": "c0ffee-serve",
        "training image": DIGEST,
        "training tags": "c0ffee-train",
        "commit": "0123456789ab" + "f" * 28,
        "author": "Jo <jo@example.com>",
        "written": "2026-01-01 00:00 UTC (+0100)",
        "subject": "Use a deeper model",
        "started by": PERSON,
        "trigger": "a push",
        "workflow": "arn:aws:states:eu-west-1:123456789012:stateMachine:mlops-x",
        "forced by": PERSON,
        "because": "the old one is biased",
        "decided by": PERSON,
        "decided at": "2026-01-01T02:00:00Z",
        "reason": "none was given",
    }
    assert found["version"].source == "model's tag" and found["author"].source == "commit"
    whole = json.loads(trace.as_json(chain.links))
    assert whole["author"] == {"value": "Jo <jo@example.com>", "from": "commit"}
    assert list(whole) == list(found)
    assert "epochs=6" in shown(chain, console, page)


def test_a_rollback_is_told_with_who_wanted_it_and_why(clients: Clients, stub: Stubs) -> None:
    back = {"back-from": name(2), "back-at": "2026-01-01T04:00:00Z"}
    versions.serves(stub, name(1), package="none", commit="c0ffee", **back)
    listed = [
        {"executionArn": "e", "stateMachineArn": "m", "name": each, "status": "SUCCEEDED"}
        for each in (name(3), "rollback-1", "rollback-2")
    ]
    states = stub["stepfunctions"]
    states.add_response(
        "list_executions", {"executions": [one | {"startDate": START} for one in listed]}
    )
    request = {"from": name(2), "by": PERSON, "reason": "it was biased"}
    for given in ({"name": name(9), "rollback": {}}, {"name": name(1), "rollback": request}):
        output = json.dumps({"rollout": {"type": "AllAtOnce"}})
        answer = {**listed[1], "startDate": START, "input": json.dumps(given), "output": output}
        states.add_response("describe_execution", answer)
    job(stub)
    images(stub, "c0ffee-serve")
    commit(stub)
    chain = Chain(clients, KNOWN)
    chain.of_endpoint()
    found = links(chain)
    assert found["rollback"].value == f"taken back from {name(2)} at 2026-01-01 04:00 UTC"
    assert found["rollback by"].value == PERSON
    assert found["rollback why"].value == "it was biased"


def test_a_model_without_its_tag_is_followed_by_where_its_data_lies(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.serves(stub, name(1), package="none", commit="c0ffee")
    job(stub)
    images(stub, "c0ffee-serve")
    commit(stub)
    chain = Chain(clients, KNOWN)
    chain.of_endpoint()
    found = links(chain)
    assert f"model {name(1)} has no tag package" in found["version"].missing
    assert found["training job"].value.startswith(f"{name(1)}-0, Completed")
    assert found["training job"].source == "model data"
    assert found["data"].value == "s3://mlops-databucket-1/data/"
    assert (found["commit"].value, found["commit"].source) == ("c0ffee", "model's tag")
    assert "deployed by hand" in shown(chain, console, page)


def test_what_may_not_be_seen_or_is_gone_is_told_and_the_rest_goes_on(
    clients: Clients, stub: Stubs, console: Console, page: io.StringIO
) -> None:
    versions.serves(stub, name(1), package=arn(1))
    package(stub)
    no = "User: arn:aws:iam::1:user/x is not authorized to perform: sagemaker:DescribeTrainingJob"
    denied = stub["sagemaker"].add_client_error
    denied("describe_training_job", "AccessDeniedException", no)
    stub["ecr"].add_client_error("describe_images", "ImageNotFoundException", "no such image")
    images(stub, "c0ffee-train")
    stub["codecommit"].add_client_error("get_commit", "CommitIdDoesNotExistException", "rewritten")
    chain = Chain(clients, KNOWN)
    chain.of_endpoint()
    found = links(chain)
    assert found["training job"].missing == (
        "access denied: arn:aws:iam::1:user/x may not sagemaker:DescribeTrainingJob"
    )
    assert found["serving tags"].missing.startswith("it is gone: ")
    assert found["author"].missing.startswith("it is gone: ")
    assert found["training tags"].value == "c0ffee-train"
    assert found["decided by"].value == PERSON
    assert shown(chain, console, page).count("it is gone") == 2


def test_a_version_that_is_gone_from_the_registry_is_told(clients: Clients, stub: Stubs) -> None:
    versions.serves(stub, name(1), package=arn(1), commit="c0ffee")
    denied = stub["sagemaker"].add_client_error
    denied("describe_model_package", "ValidationException", "ModelPackage does not exist")
    job(stub)
    images(stub, "c0ffee-serve")
    commit(stub, "")
    chain = Chain(clients, KNOWN)
    chain.of_endpoint()
    found = links(chain)
    assert found["version"].missing == f"{arn(1)}, the model's tag package, is gone"
    assert found["commit"].value == "c0ffee"


def test_a_model_that_is_not_made_of_its_version_is_told(clients: Clients, stub: Stubs) -> None:
    versions.serves(stub, name(1), package=arn(1))
    other = {"Containers": [{"Image": IMAGE.replace("d" * 64, "e" * 64), "ModelDataUrl": "x"}]}
    package(stub, InferenceSpecification=other)
    job(stub)
    images(stub, "c0ffee-serve", "c0ffee-train")
    commit(stub)
    chain = Chain(clients, KNOWN)
    chain.of_endpoint()
    found = links(chain)
    assert f"model {name(1)} has {IMAGE}" in found["same image"].missing
    assert "the version x" in found["same data"].missing
    assert found["serving image"].value == DIGEST


def test_a_version_that_does_not_serve_is_traced_from_itself(clients: Clients, stub: Stubs) -> None:
    one = versions.version(1, PENDING, **{key.replace("-", "_"): TOLD[key] for key in TOLD})
    waiting = {key: value for key, value in one.metadata.items() if "decided" not in key}
    job(stub)
    images(stub, "c0ffee-serve", "c0ffee-train")
    commit(stub)
    chain = Chain(clients, KNOWN)
    chain.of_version(
        versions.version(1, PENDING, **{key.replace("-", "_"): waiting[key] for key in waiting})
    )
    found = links(chain)
    assert "endpoint" not in found and found["status"].value == PENDING
    assert found["decided by"].missing == "nobody yet: it waits for approval"


def test_where_nothing_serves_that_is_all(clients: Clients, stub: Stubs) -> None:
    versions.serves(stub, "")
    chain = Chain(clients, KNOWN)
    chain.of_endpoint()
    assert [one.missing for one in chain.links] == ["mlops does not exist yet: nothing serves"]


@pytest.mark.parametrize(
    ("date", "text"),
    [("1767225600 +0100", "2026-01-01 00:00 UTC (+0100)"), ("soon", "soon"), ("", "")],
)
def test_the_date_of_a_commit_is_told_as_others_are(date: str, text: str) -> None:
    assert written(date) == text


@pytest.mark.parametrize(
    ("kind", "by", "told"),
    [
        (
            "schedule",
            "arn:aws:scheduler:eu-west-1:1:schedule/default/mlops-retraining",
            "a schedule, mlops-retraining",
        ),
        ("data", "s3://b/data/manifest.json", "data that arrived: s3://b/data/manifest.json"),
        ("drift", "s3://b/drift/v/1/", "drift, found by the look s3://b/drift/v/1/"),
        ("person", PERSON, "a person"),
    ],
)
def test_what_has_asked_for_a_version_is_told_in_words(
    clients: Clients, stub: Stubs, kind: str, by: str, told: str
) -> None:
    job(stub)
    images(stub, "c0ffee-serve", "c0ffee-train")
    commit(stub)
    answer = registered()
    answer["CustomerMetadataProperties"] |= {"trigger": kind, "triggered-by": by}
    chain = Chain(clients, KNOWN)
    chain.of_version(read_package(arn(1), answer))
    assert (links(chain)["started by"].value, links(chain)["trigger"].value) == (by, told)


@pytest.mark.parametrize(
    ("by", "told"),
    [
        (PERSON, "the pipeline's creation, with the stack"),
        ("unknown", "neither a push nor a person's start"),
    ],
)
def test_what_neither_a_push_nor_a_person_started_says_what_did(
    clients: Clients, stub: Stubs, by: str, told: str
) -> None:
    job(stub)
    images(stub, "c0ffee-serve", "c0ffee-train")
    commit(stub)
    answer = registered()
    answer["CustomerMetadataProperties"] |= {"trigger": "other", "triggered-by": by}
    chain = Chain(clients, KNOWN)
    chain.of_version(read_package(arn(1), answer))
    assert (links(chain)["started by"].value, links(chain)["trigger"].value) == (by, told)
