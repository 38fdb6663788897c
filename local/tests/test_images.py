"""Content of images, kept by digest: what a build pushed is found, and nothing else."""

import hashlib
import json
from pathlib import Path

import pytest

from local import images
from local.tests.aws import Aws, unique
from local.tests.builds import ended, log, project, start

PUSH = """\
version: 0.2
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
      - docker build --tag image context
      - docker tag image $REPOSITORY_URI:one
      - docker push $REPOSITORY_URI:one
"""


@pytest.fixture
def uri(aws: Aws) -> str:
    made = aws.client("ecr").create_repository(
        repositoryName=unique("image"), imageTagMutability="IMMUTABLE"
    )
    return str(made["repository"]["repositoryUri"])


def test_a_pushed_image_is_found_by_tag_and_by_digest_and_its_program_runs(
    aws: Aws, uri: str
) -> None:
    name = project(aws, PUSH, environment={"privilegedMode": True})
    variables = [{"name": "REPOSITORY_URI", "value": uri}]
    build = ended(aws, start(aws, name, environmentVariablesOverride=variables))
    lines = log(aws, build)
    assert build["buildStatus"] == "SUCCEEDED", lines
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


def test_an_image_of_two_tags_is_answered_under_the_one_that_is_asked_for(
    aws: Aws, uri: str
) -> None:
    """So that a build finds the image of its commit after a deployment gave it one more tag."""
    ecr, repository = aws.client("ecr"), uri.split("/", 1)[1]
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "layers": []})
    for tag in ("one", "two"):
        ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
    asked = [{"imageTag": tag} for tag in ("one", "two", "three")]
    answer = ecr.batch_get_image(repositoryName=repository, imageIds=asked)
    assert [each["imageId"]["imageTag"] for each in answer["images"]] == ["one", "two"]
    assert [each["imageId"]["imageTag"] for each in answer["failures"]] == ["three"]


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


def test_an_image_deleted_from_the_registry_is_gone(aws: Aws, tmp_path: Path) -> None:
    uri = aws.image(tmp_path, train="exit 0")
    images.resolve(uri)
    repository, digest = uri.split("/", 1)[1].split("@")
    aws.client("ecr").batch_delete_image(
        repositoryName=repository, imageIds=[{"imageDigest": digest}]
    )
    with pytest.raises(images.ImageNotFound):
        images.resolve(uri)


def test_added_content_is_never_changed_by_a_second_add(tmp_path: Path) -> None:
    for number in ("1", "2"):
        (tmp_path / number / "root").mkdir(parents=True)
        (tmp_path / number / "root" / "file").write_text(number)
        images.add("team/image", "sha256:" + "a" * 64, tmp_path / number, tmp_path / "store")
    kept = tmp_path / "store" / "team/image" / ("a" * 64) / "root" / "file"
    assert kept.read_text() == "1"
