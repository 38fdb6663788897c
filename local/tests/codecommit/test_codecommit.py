import base64
import http.client
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import credentials
from local.tests.aws import Aws, unique, wait

HELPER = "!aws codecommit credential-helper --ignore-host-check $@"


@pytest.fixture
def repository(aws: Aws) -> str:
    name = unique("code")
    aws.client("codecommit").create_repository(repositoryName=name)
    return name


def commit(aws: Aws, repository: str, parent: str | None = None, **arguments: Any) -> Any:
    more = {"parentCommitId": parent} if parent else {}
    return aws.client("codecommit").create_commit(
        repositoryName=repository,
        branchName="main",
        authorName="A",
        email="a@example.com",
        **arguments,
        **more,
    )


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return str(caught.value.response["Error"]["Code"])


def git(aws: Aws, *words: str, cwd: Path, check: bool = True, **extra: str) -> Any:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        **extra,
        **credentials.administrator().environment(),
    }
    options = [
        "-c",
        "user.name=D",
        "-c",
        "user.email=d@example.com",
        "-c",
        f"credential.helper={HELPER}",
        "-c",
        "credential.UseHttpPath=true",
    ]
    return subprocess.run(
        ["git", *options, *words],
        cwd=cwd,
        env=environment,
        check=check,
        capture_output=True,
        text=True,
    )


def test_what_is_pushed_can_be_cloned_and_read_through_the_api(
    aws: Aws, repository: str, tmp_path: Path
) -> None:
    url = aws.client("codecommit").get_repository(repositoryName=repository)["repositoryMetadata"][
        "cloneUrlHttp"
    ]
    git(aws, "init", "--quiet", "--initial-branch=main", "work", cwd=tmp_path)
    work = tmp_path / "work"
    (work / "train").write_text("#!/bin/sh\n")
    (work / "train").chmod(0o755)
    # beyond http.postBuffer the body comes chunked, and git compresses large requests
    (work / "large").write_bytes(bytes(range(256)) * 12000)
    git(aws, "add", "--all", cwd=work)
    git(aws, "commit", "--quiet", "--message", "one", cwd=work)
    git(aws, "-c", "http.postBuffer=65536", "push", "--quiet", url, "main", cwd=work)
    head = git(aws, "rev-parse", "HEAD", cwd=work).stdout.strip()
    client = aws.client("codecommit")
    assert (
        client.get_branch(repositoryName=repository, branchName="main")["branch"]["commitId"]
        == head
    )
    assert client.get_file(repositoryName=repository, filePath="train")["fileMode"] == "EXECUTABLE"
    git(aws, "clone", "--quiet", url, "again", cwd=tmp_path)
    assert (tmp_path / "again" / "large").read_bytes() == (work / "large").read_bytes()


def test_an_unknown_access_key_cannot_read_a_repository(
    aws: Aws, repository: str, tmp_path: Path
) -> None:
    url = f"{aws.context.url}/v1/repos/{repository}"
    with_stranger = url.replace("://", "://AKIAAAAAAAAAAAAAAAAA:secret@")
    refused = git(aws, "ls-remote", with_stranger, cwd=tmp_path, check=False)
    assert refused.returncode != 0
    assert "403" in refused.stderr


def test_a_push_to_a_repository_that_is_not_there_says_so(aws: Aws, tmp_path: Path) -> None:
    refused = git(aws, "ls-remote", f"{aws.context.url}/v1/repos/none", cwd=tmp_path, check=False)
    assert "not found" in refused.stderr


def test_a_push_starts_what_listens_for_it(aws: Aws, repository: str, tmp_path: Path) -> None:
    """The event reaches a state machine through a rule, with the detail that AWS documents."""
    role = aws.role("states", "events")
    machine = aws.client("stepfunctions").create_state_machine(
        name=unique("machine"),
        roleArn=role,
        definition='{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}',
    )["stateMachineArn"]
    events, rule = aws.client("events"), unique("rule")
    events.put_rule(
        Name=rule,
        EventPattern=(
            '{"source": ["aws.codecommit"], "detail": {"event": ["referenceUpdated"], '
            f'"repositoryName": ["{repository}"], "referenceName": ["main"]}}}}'
        ),
    )
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": machine, "RoleArn": role}])
    first = commit(aws, repository, putFiles=[{"filePath": "a", "fileContent": b"1"}])
    url = f"{aws.context.url}/v1/repos/{repository}"
    git(aws, "clone", "--quiet", url, "work", cwd=tmp_path)
    work = tmp_path / "work"
    git(aws, "commit", "--quiet", "--allow-empty", "--message", "two", cwd=work)
    git(aws, "push", "--quiet", "origin", "main", cwd=work)
    states = aws.client("stepfunctions")
    (execution,) = wait(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    text = states.describe_execution(executionArn=execution["executionArn"])["input"]
    detail = json.loads(text)["detail"]
    assert (detail["referenceFullName"], detail["referenceType"]) == ("refs/heads/main", "branch")
    assert detail["oldCommitId"] == first["commitId"]
    assert detail["commitId"] == git(aws, "rev-parse", "HEAD", cwd=work).stdout.strip()


def test_create_commit_keeps_bytes_and_executable_bits(aws: Aws, repository: str) -> None:
    content = bytes(range(256))
    made = commit(
        aws,
        repository,
        putFiles=[
            {"filePath": "bin/train", "fileContent": content, "fileMode": "EXECUTABLE"},
            {"filePath": "a b.txt", "fileContent": b""},
        ],
    )
    assert [entry["absolutePath"] for entry in made["filesAdded"]] == ["a b.txt", "bin/train"]
    found = aws.client("codecommit").get_file(repositoryName=repository, filePath="bin/train")
    assert (found["fileContent"], found["fileMode"]) == (content, "EXECUTABLE")


def test_a_commit_on_an_outdated_parent_is_refused(aws: Aws, repository: str) -> None:
    first = commit(aws, repository, putFiles=[{"filePath": "a", "fileContent": b"1"}])
    commit(aws, repository, first["commitId"], putFiles=[{"filePath": "a", "fileContent": b"2"}])
    with pytest.raises(ClientError, match="ParentCommitIdOutdatedException"):
        commit(
            aws, repository, first["commitId"], putFiles=[{"filePath": "a", "fileContent": b"3"}]
        )
    with pytest.raises(ClientError, match="ParentCommitIdRequiredException"):
        commit(aws, repository, putFiles=[{"filePath": "a", "fileContent": b"3"}])


def test_a_commit_that_changes_nothing_is_refused_and_the_branch_stays(
    aws: Aws, repository: str
) -> None:
    files = [{"filePath": "a", "fileContent": b"1"}]
    first = commit(aws, repository, putFiles=files)["commitId"]
    with pytest.raises(ClientError, match="NoChangeException"):
        commit(aws, repository, first, putFiles=files)
    assert (
        aws.client("codecommit").get_branch(repositoryName=repository, branchName="main")["branch"][
            "commitId"
        ]
        == first
    )


def test_files_can_be_deleted(aws: Aws, repository: str) -> None:
    first = commit(
        aws, repository, putFiles=[{"filePath": name, "fileContent": b"1"} for name in ("a", "b")]
    )["commitId"]
    commit(aws, repository, first, deleteFiles=[{"filePath": "a"}])
    folder = aws.client("codecommit").get_folder(repositoryName=repository, folderPath="/")
    assert [file["absolutePath"] for file in folder["files"]] == ["b"]


def test_a_folder_tells_links_and_submodules_from_files(
    aws: Aws, repository: str, tmp_path: Path
) -> None:
    client, url = aws.client("codecommit"), f"{aws.context.url}/v1/repos/{repository}"
    git(aws, "init", "-q", "-b", "main", cwd=tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    git(aws, "add", ".", cwd=tmp_path)
    git(aws, "commit", "-qm", "1", cwd=tmp_path)
    head = git(aws, "rev-parse", "HEAD", cwd=tmp_path).stdout.strip()
    git(aws, "update-index", "--add", "--cacheinfo", f"160000,{head},sub", cwd=tmp_path)
    git(aws, "commit", "-qm", "2", cwd=tmp_path)
    git(aws, "push", "-q", url, "HEAD:main", cwd=tmp_path)
    folder = client.get_folder(repositoryName=repository, folderPath="/")
    assert [file["relativePath"] for file in folder["files"]] == ["file"]
    (link,) = folder["symbolicLinks"]
    assert (link["relativePath"], link["fileMode"]) == ("link", "SYMLINK")
    (module,) = folder["subModules"]
    assert (module["relativePath"], module["commitId"]) == ("sub", head)
    asked = {"repositoryName": repository, "filePath": "sub"}
    assert refusal(client.get_file, **asked) == "FileDoesNotExistException"


@pytest.mark.parametrize("branch", ["a..b", "x.lock", "a/", "0123456789abcdef0123" * 2])
def test_a_branch_has_no_name_that_codecommit_forbids(
    aws: Aws, repository: str, branch: str
) -> None:
    first = commit(aws, repository, putFiles=[{"filePath": "a", "fileContent": b"1"}])
    asked = {"repositoryName": repository, "branchName": branch, "commitId": first["commitId"]}
    call = aws.client("codecommit").create_branch
    assert refusal(call, **asked) == "InvalidBranchNameException"


@pytest.mark.parametrize("path", ["../up", "/root", ".git/config", "a//b", "a\nb"])
def test_a_path_that_leaves_the_repository_is_refused(aws: Aws, repository: str, path: str) -> None:
    with pytest.raises(ClientError, match="InvalidPathException"):
        commit(aws, repository, putFiles=[{"filePath": path, "fileContent": b"1"}])


def test_an_author_whom_git_cannot_write_down_is_refused(aws: Aws, repository: str) -> None:
    with pytest.raises(ClientError, match="InvalidEmailException"):
        aws.client("codecommit").create_commit(
            repositoryName=repository,
            branchName="main",
            email="a@example.com\nfrom refs/heads/other",
            putFiles=[{"filePath": "a", "fileContent": b"1"}],
        )


def test_what_is_not_there_is_named_as_in_aws(aws: Aws, repository: str) -> None:
    client = aws.client("codecommit")
    assert refusal(client.get_repository, repositoryName="none") == (
        "RepositoryDoesNotExistException"
    )
    assert refusal(client.create_repository, repositoryName=repository) == (
        "RepositoryNameExistsException"
    )
    assert refusal(client.get_branch, repositoryName=repository, branchName="main") == (
        "BranchDoesNotExistException"
    )
    assert refusal(client.get_commit, repositoryName=repository, commitId="0" * 40) == (
        "CommitIdDoesNotExistException"
    )
    assert "repositoryId" not in client.delete_repository(repositoryName="none")


def test_the_default_branch_is_the_first_that_gets_a_commit(aws: Aws, repository: str) -> None:
    client = aws.client("codecommit")
    metadata = client.get_repository(repositoryName=repository)["repositoryMetadata"]
    assert "defaultBranch" not in metadata
    client.create_commit(
        repositoryName=repository,
        branchName="trunk",
        putFiles=[{"filePath": "a", "fileContent": b"1"}],
    )
    metadata = client.get_repository(repositoryName=repository)["repositoryMetadata"]
    assert metadata["defaultBranch"] == "trunk"


def test_a_malformed_request_for_git_gets_a_reason_and_the_server_stays(
    aws: Aws, repository: str
) -> None:
    key = credentials.administrator().access_key_id
    basic = base64.b64encode(f"{key}:x".encode()).decode()
    path = f"/v1/repos/{repository}/git-receive-pack"
    for headers, status in (({"Authorization": "Basic %%%"}, 403), ({}, 401)):
        connection = http.client.HTTPConnection("127.0.0.1", aws.context.port, timeout=60)
        connection.request("POST", path, b"junk", headers)
        assert connection.getresponse().status == status
    connection = http.client.HTTPConnection("127.0.0.1", aws.context.port, timeout=60)
    connection.request("POST", path, b"junk", {"Authorization": f"Basic {basic}"})
    assert connection.getresponse().status in (400, 415)
    aws.client("codecommit").get_repository(repositoryName=repository)
