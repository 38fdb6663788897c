"""`docker login` and `docker push` against this endpoint's ECR, as a build calls them."""

import base64
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from local import images
from local.credentials import administrator
from local.docker.__main__ import main
from local.tests.aws import Aws, unique


@dataclass(frozen=True)
class Docker:
    """The docker of a build that acts as the administrator."""

    aws: Aws
    uri: str
    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def password(self) -> str:
        (given,) = self.aws.client("ecr").get_authorization_token()["authorizationData"]
        return base64.b64decode(given["authorizationToken"]).decode().partition(":")[2]

    def login(self, password: str) -> int:
        self.monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
        registry = self.uri.partition("/")[0]
        return main(["login", "--username", "AWS", "--password-stdin", registry])

    def push(self, name: str, mark: str = "x") -> int:
        """Build an image that holds the word `mark`, and push it by this name."""
        (self.folder / "Dockerfile").write_text(f"FROM python:3.11\nENV MARK={mark}\n")
        assert main(["build", "--tag", "image", str(self.folder)]) == 0
        assert main(["tag", "image", name]) == 0
        return main(["push", name])


@pytest.fixture
def docker(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    made = aws.client("ecr").create_repository(
        repositoryName=unique("image"), imageTagMutability="IMMUTABLE"
    )
    variables = administrator().environment() | {
        "LOCAL_DOCKER_STORE": str(tmp_path / "store"),
        "LOCAL_DOCKER_IMAGES": str(aws.context.home / "images"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the first keys that it found
    (tmp_path / "context").mkdir()
    return Docker(aws, str(made["repository"]["repositoryUri"]), tmp_path / "context", monkeypatch)


@pytest.fixture
def signed_in(docker: Docker) -> Docker:
    assert docker.login(docker.password()) == 0
    return docker


def test_a_tag_that_is_taken_is_not_overwritten(
    signed_in: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{signed_in.uri}:one"
    assert signed_in.push(name) == 0
    before = images.resolve(name)
    assert signed_in.push(name, mark="another") == 1
    assert "tag invalid: The image tag 'one' already exists" in capsys.readouterr().err
    assert images.resolve(name) == before


def test_the_same_content_under_another_tag_is_the_same_image(signed_in: Docker) -> None:
    names = [f"{signed_in.uri}:one", f"{signed_in.uri}:two"]
    assert [signed_in.push(name) for name in names] == [0, 0]
    assert images.resolve(names[0]) == images.resolve(names[1])


def test_a_push_needs_a_login(docker: Docker, capsys: pytest.CaptureFixture[str]) -> None:
    assert docker.push(docker.uri) == 1
    assert capsys.readouterr().err == "no basic auth credentials\n"


def test_a_wrong_password_is_not_accepted(
    docker: Docker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert docker.login("guess") == 1
    assert "400 Bad Request" in capsys.readouterr().err
    assert docker.push(docker.uri) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{uri}-none", "RepositoryNotFoundException"),
        ("{uri}@sha256:" + "0" * 64, "denied: a push to"),
        ("docker.io/library/python:3.11", "denied: a push to docker.io/library/python:3.11"),
    ],
)
def test_a_push_reaches_repositories_of_ecr_only(
    signed_in: Docker, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    assert signed_in.push(name.format(uri=signed_in.uri)) == 1
    assert words in capsys.readouterr().err
