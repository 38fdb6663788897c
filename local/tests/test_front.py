"""Who may talk to the endpoint, and what is left of it when it ends."""

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from local.tests.aws import ALL
from local.tests.remote import alive, client, settings, start


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def left_behind(home: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """A build's process, whose endpoint was killed while it ran."""
    told = tmp_path_factory.mktemp("build") / "pid"
    process = start(home)
    start_build(settings(home, process), f"echo $$ > {told}; sleep 300")
    pid = read_pid(told)
    process.kill()
    process.wait()
    (home / "env").unlink()
    return pid


@pytest.fixture(scope="module")
def given(home: Path, left_behind: int) -> Iterator[dict[str, str]]:
    """The endpoint that is started next."""
    process = start(home)
    try:
        yield settings(home, process)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


@pytest.mark.parametrize("service", ["sts", "s3", "codepipeline", "sagemaker"])
def test_a_key_that_the_endpoint_did_not_give_is_refused(
    given: dict[str, str], service: str
) -> None:
    operation = {
        "sts": "get_caller_identity",
        "s3": "list_buckets",
        "codepipeline": "list_pipelines",
        "sagemaker": "list_models",
    }[service]
    getattr(client(given, service), operation)()
    with pytest.raises(ClientError) as refused:
        getattr(client(given, service, key="AKIAIOSFODNN7EXAMPLE"), operation)()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("path", ["/", "/moto-api/data.json", "/v1/repos/any/info/refs"])
def test_a_request_without_a_key_gets_nothing(given: dict[str, str], path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(given["AWS_ENDPOINT_URL"] + path, timeout=60)
    assert refused.value.code in (401, 403, 404)
    assert "Access-Control-Allow-Origin" not in refused.value.headers


def test_another_hosts_name_is_turned_away(given: dict[str, str]) -> None:
    request = urllib.request.Request(given["AWS_ENDPOINT_URL"], headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 403


def test_the_keys_are_for_their_owner_only(given: dict[str, str], home: Path) -> None:
    assert (home / "env").stat().st_mode & 0o077 == 0


def test_one_folder_serves_one_endpoint(given: dict[str, str], home: Path) -> None:
    second = start(home)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "another local endpoint uses" in said


def test_a_taken_port_is_named(given: dict[str, str], tmp_path: Path) -> None:
    port = given["AWS_ENDPOINT_URL"].rsplit(":", 1)[1]
    second = start(tmp_path, "--port", port)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert f"cannot listen on port {port}" in said


def test_a_kill_9_in_the_middle_of_a_build_leaves_nothing(left_behind: int) -> None:
    deadline = time.monotonic() + 10
    while alive(left_behind) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(left_behind)


def test_the_start_after_a_kill_9_is_clean(given: dict[str, str], home: Path) -> None:
    assert not list((home / "builds").iterdir())


def start_build(given: dict[str, str], command: str) -> None:
    trust = (
        '{"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
        ' "Principal": {"Service": "codebuild.amazonaws.com"}}]}'
    )
    iam, codebuild = client(given, "iam"), client(given, "codebuild")
    role = iam.create_role(RoleName="build", AssumeRolePolicyDocument=trust)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [ALL]})
    iam.put_role_policy(RoleName="build", PolicyName="Work", PolicyDocument=policy)
    spec = f"version: 0.2\nphases:\n  build:\n    commands:\n      - {command}\n"
    codebuild.create_project(
        name="endless",
        source={"type": "NO_SOURCE", "buildspec": spec},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=role["Role"]["Arn"],
    )
    codebuild.start_build(projectName="endless")


def read_pid(file: Path) -> int:
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline, "the build did not start"
        time.sleep(0.1)
    return int(file.read_text())
