"""Taking a model back: the deployment workflow of the template itself, with models of a few lines
that really serve."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.tests.remote import Remote
from tests.system.deployments import Deployments, made

pytestmark = pytest.mark.slow  # models are served by processes

KEEP = 3


@pytest.fixture(scope="module")
def project(aws: Remote, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployments]:
    """One for all tests, which leave three whole versions in it, all but the last."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        images = tmp_path_factory.mktemp("images")
        project = made(aws, images, monkeypatch, KeepVersions=str(KEEP))
        for version in "abc":
            assert project.deploy(archived(project, version))["status"] == "SUCCEEDED"
        yield project


def others(project: Deployments) -> list[str]:
    """The versions that do not serve."""
    return sorted(project.versions() - {project.serving()})


def archived(project: Deployments, version: str) -> dict[str, Any]:
    """An archive of its own for each, where a training leaves it."""
    key = f"models/{project.name}-{version}/output/model.tar.gz"
    s3 = project.aws.client("s3")
    source = {"Bucket": project.bucket, "Key": "models/model.tar.gz"}
    s3.copy_object(Bucket=project.bucket, Key=key, CopySource=source)
    return project.input(version, modelDataUrl=f"s3://{project.bucket}/{key}")


def back(project: Deployments, version: str) -> dict[str, Any]:
    said = {"from": project.endpoint()["EndpointConfigName"], "by": "me", "reason": "it is bad"}
    return project.input(version, rollback=said)


def tags(project: Deployments, version: str) -> dict[str, str]:
    sagemaker = project.aws.client("sagemaker")
    arn = sagemaker.describe_model(ModelName=f"{project.name}-{version}")["ModelArn"]
    return {each["Key"]: each["Value"] for each in sagemaker.list_tags(ResourceArn=arn)["Tags"]}


def test_a_version_comes_back_as_it_was_and_the_one_that_is_left_is_withdrawn(
    project: Deployments,
) -> None:
    before = project.aws.client("sagemaker").describe_model(ModelName=f"{project.name}-b")
    told = project.deploy(back(project, "b"))
    assert told["status"] == "SUCCEEDED", told
    assert json.loads(told["output"])["serves"] == f"{project.name}-b"
    assert project.serving() == "b"
    assert project.versions() == {"a", "b", "c"}
    after = project.aws.client("sagemaker").describe_model(ModelName=f"{project.name}-b")
    assert after["CreationTime"] == before["CreationTime"]
    assert tags(project, "b")["back-from"] == f"{project.name}-c"
    assert tags(project, "b")["served"] == "yes"
    assert tags(project, "c")["served"] == "withdrawn"
    assert project.told() == []
    # Once more, and then on to the newest: who goes on has nothing against the older
    assert project.deploy(back(project, "a"))["status"] == "SUCCEEDED"
    assert project.deploy(back(project, "c"))["status"] == "SUCCEEDED"
    assert project.serving() == "c"
    found = [tags(project, version)["served"] for version in "abc"]
    assert found == ["yes", "withdrawn", "yes"]
    # A withdrawn one goes with the next deployment, and costs none that has served well its place
    assert project.deploy(archived(project, "d"))["status"] == "SUCCEEDED"
    assert project.versions() == {"a", "c", "d"}


def test_what_was_trained_before_does_not_undo_it(project: Deployments) -> None:
    older, heard = others(project)[0], len(project.told())
    project.deploy(back(project, older))
    told = project.deploy(project.trained("late", "2026-03-02T13:00:00.000Z"))
    assert json.loads(told["output"])["serves"] == f"{project.name}-{older}"
    assert project.serving() == older
    assert "-late was not deployed" in project.mailbox.read(heard + 1)[-1]


def test_a_rollback_takes_back_only_what_it_was_asked_to_leave(project: Deployments) -> None:
    """Two wishes to leave the same bad version, and its successor, at once."""
    bad, (one, other), heard = project.serving(), others(project), len(project.told())
    wishes = [back(project, one), archived(project, "new"), back(project, other)]
    started = [project.start(wish) for wish in wishes]
    told = {each: project.ended(each) for each in started}
    turns = sorted((project.span(each), each) for each in started)
    serving, expected = bad, dict[str, str | None]()
    for (*_, version), each in turns:
        may = version == "new" or serving == bad
        expected[each] = None if may else "ServesAnother"
        serving = version if may else serving
    assert {each: told[each].get("error") for each in told} == expected
    assert project.serving() == serving
    failed = sum(each is not None for each in expected.values())
    assert len(project.mailbox.read(heard + failed)) == heard + failed


def lose_model(project: Deployments, name: str) -> None:
    project.aws.client("sagemaker").delete_model(ModelName=name)


def lose_config(project: Deployments, name: str) -> None:
    project.aws.client("sagemaker").delete_endpoint_config(EndpointConfigName=name)


def lose_image(project: Deployments, name: str) -> None:
    digest = project.images["good"].partition("@")[2]
    image = {"imageDigest": digest}
    project.aws.client("ecr").batch_delete_image(repositoryName=project.name, imageIds=[image])


def lose_archive(project: Deployments, name: str) -> None:
    key = f"models/{name}/output/model.tar.gz"
    project.aws.client("s3").delete_object(Bucket=project.bucket, Key=key)


def never_serve(project: Deployments, name: str) -> None:
    sagemaker = project.aws.client("sagemaker")
    arn = sagemaker.describe_model(ModelName=name)["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "served", "Value": "no"}])


def test_to_what_serves_ends_well_to_what_is_not_whole_is_told_and_neither_touches_anything(
    project: Deployments,
) -> None:
    serving, lost = project.serving(), others(project)[0]
    changed, heard = project.endpoint()["LastModifiedTime"], len(project.told())
    told = project.deploy(back(project, serving))
    assert told["status"] == "SUCCEEDED"
    assert json.loads(told["output"])["serves"] == f"{project.name}-{serving}"
    assert project.endpoint()["LastModifiedTime"] == changed
    assert tags(project, serving)["served"] == "yes"
    name = f"{project.name}-{lost}"
    # The last first: each is looked for after those before it
    for lose, said in (
        (lose_archive, "has lost its archive (s3://"),
        (lose_image, "has lost its image ("),
        (lose_config, "has no endpoint configuration"),
        (never_serve, "has never served"),
        (lose_model, "has no model in SageMaker"),
    ):
        lose(project, name)
        told = project.deploy(back(project, lost))
        assert (told["status"], told["error"]) == ("FAILED", "NothingToGoBackTo")
        assert f"{name} cannot be taken back: it {said}" in told["cause"]
    assert project.endpoint()["LastModifiedTime"] == changed
    assert project.serving() == serving
    assert len(project.mailbox.read(heard + 5)) == heard + 5
