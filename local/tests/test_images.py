import hashlib
from pathlib import Path

import pytest

from local import images
from local.tests.aws import Aws, unique
from local.tests.builds import ended, log, project, start

PUSH = """\
version: 0.2
env: {exported-variables: [DIGEST]}
phases:
  pre_build:
    commands:
      - REGISTRY=${REPOSITORY_URI%%/*}
      - aws ecr get-login-password | docker login --username AWS --password-stdin $REGISTRY
  build:
    commands:
      - mkdir context
      - printf '#!/bin/sh\\necho "$0" "$@"\\n' > context/train && chmod +x context/train
      - printf 'FROM python:3.11\\nENV PATH=/opt/program:$PATH\\nWORKDIR /opt/program\\n'
        > context/Dockerfile
      - echo 'COPY train ./' >> context/Dockerfile
      - echo "ENV MARK=$MARK" >> context/Dockerfile
      - docker build --tag image context
      - docker tag image $REPOSITORY_URI:$TAG
      - docker push $REPOSITORY_URI:$TAG
"""


@pytest.fixture
def uri(aws: Aws) -> str:
    made = aws.client("ecr").create_repository(
        repositoryName=unique("image"), imageTagMutability="IMMUTABLE"
    )
    return str(made["repository"]["repositoryUri"])


def push(aws: Aws, uri: str, tag: str = "one", mark: str = "x", text: str = PUSH) -> list[str]:
    """The log of a privileged build that pushes."""
    name = project(aws, text, environment={"privilegedMode": True})
    variables = {"REPOSITORY_URI": uri, "TAG": tag, "MARK": mark}
    build = ended(
        aws,
        start(
            aws,
            name,
            environmentVariablesOverride=[
                {"name": key, "value": value} for key, value in variables.items()
            ],
        ),
    )
    return [build["buildStatus"], *log(aws, build)]


def test_a_pushed_image_is_found_by_tag_and_by_digest_and_its_program_runs(
    aws: Aws, uri: str
) -> None:
    status, *lines = push(aws, uri)
    assert status == "SUCCEEDED", lines
    ecr, repository = aws.client("ecr"), uri.split("/", 1)[1]
    (detail,) = ecr.describe_images(repositoryName=repository)["imageDetails"]
    text = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "one"}])["images"][
        0
    ]["imageManifest"]
    assert detail["imageDigest"] == "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    assert any(line.startswith(f"one: digest: {detail['imageDigest']}") for line in lines)
    by_digest = images.resolve(f"{uri}@{detail['imageDigest']}")
    assert images.resolve(f"{uri}:one") == by_digest
    assert by_digest.workdir == "/opt/program"
    program = by_digest.program("train")
    assert program is not None
    assert program.stat().st_mode & 0o111
    assert by_digest.program("serve") is None


def test_a_tag_that_is_taken_is_not_overwritten(aws: Aws, uri: str) -> None:
    push(aws, uri)
    before = images.resolve(f"{uri}:one")
    status, *lines = push(aws, uri, mark="another")
    assert status == "FAILED"
    assert any("tag invalid: The image tag 'one' already exists" in line for line in lines)
    assert images.resolve(f"{uri}:one") == before


def test_the_same_content_under_another_tag_is_the_same_image(aws: Aws, uri: str) -> None:
    push(aws, uri)
    push(aws, uri, tag="two")
    assert images.resolve(f"{uri}:one") == images.resolve(f"{uri}:two")


def test_a_push_needs_a_login_and_a_repository(aws: Aws, uri: str) -> None:
    _, *lines = push(
        aws, uri, text=PUSH.replace("aws ecr get-login-password | docker", "true || docker")
    )
    assert "no basic auth credentials" in lines
    _, *lines = push(aws, uri + "-none")
    assert any("RepositoryNotFoundException" in line for line in lines)


def test_a_wrong_password_is_not_accepted(aws: Aws, uri: str) -> None:
    _, *lines = push(aws, uri, text=PUSH.replace("aws ecr get-login-password", "echo guess"))
    assert any("400 Bad Request" in line for line in lines)


@pytest.mark.parametrize(
    "reference",
    [
        "{uri}:none",
        "{uri}@sha256:" + "0" * 64,
        "python:3.11",
        "999999999999.dkr.ecr.eu-west-1.amazonaws.com/x:one",
        "{uri}/../../etc:one",
    ],
)
def test_an_image_that_is_not_there_is_named_in_sagemakers_words(
    aws: Aws, uri: str, reference: str
) -> None:
    wanted = reference.format(uri=uri)
    with pytest.raises(images.ImageNotFound, match="Requested image"):
        images.resolve(wanted)


def test_an_image_deleted_from_the_registry_is_gone(aws: Aws, uri: str) -> None:
    push(aws, uri)
    aws.client("ecr").batch_delete_image(
        repositoryName=uri.split("/", 1)[1], imageIds=[{"imageTag": "one"}]
    )
    with pytest.raises(images.ImageNotFound):
        images.resolve(f"{uri}:one")


def test_added_content_is_never_changed_by_a_second_add(tmp_path: Path) -> None:
    for number in ("1", "2"):
        (tmp_path / number / "root").mkdir(parents=True)
        (tmp_path / number / "root" / "file").write_text(number)
        images.add("team/image", "sha256:" + "a" * 64, tmp_path / number, tmp_path / "store")
    kept = tmp_path / "store" / "team/image" / ("a" * 64) / "root" / "file"
    assert kept.read_text() == "1"
