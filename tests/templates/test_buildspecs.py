"""The build specifications as CodeBuild runs them: one bash for all commands, with an aws, a docker
and a sleep that write down how they were called."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"
URI = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mlops"


def script(specification: str) -> str:
    """All commands; the first that fails ends the build."""
    phases = yaml.safe_load(specification)["phases"].values()
    commands = [command for phase in phases for command in phase["commands"]]
    return "\n".join(f"{command}\n[ $? -eq 0 ] || exit 1" for command in commands)


class BuildFolder:
    """A folder to build in, with programs that are under the test's control."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.variables = variables
        (folder / "bin").mkdir()

    def program(self, name: str, body: str) -> None:
        file = self.folder / "bin" / name
        file.write_text(f'#!/bin/bash\necho "{name} $*" >> "$CALLS"\n{body}\n')
        file.chmod(0o755)

    def start(self, specification: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            **self.variables,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
        }
        return subprocess.Popen(
            ["bash", "-c", script(specification)],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, specification: str) -> tuple[int, str]:
        process = self.start(specification)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def calls(self) -> str:
        file = self.folder / "calls"
        return file.read_text() if file.exists() else ""


# ---- every file


def test_no_command_is_a_mapping(buildspecs: dict[str, str]) -> None:
    """A plain YAML scalar that holds ": " is one, and CodeBuild refuses it."""
    for name, text in buildspecs.items():
        specification = yaml.safe_load(text)
        assert specification["version"] == 0.2
        for phase in specification["phases"].values():
            assert all(isinstance(command, str) for command in phase["commands"]), name


def test_the_report_has_the_name_of_the_stacks_report_group(
    buildspecs: dict[str, str], template: dict[str, Any]
) -> None:
    """CodeBuild joins the project's name and the key of the buildspec."""
    (key,) = yaml.safe_load(buildspecs["test"])["reports"]
    resources = template["Resources"]
    project = resources["TestBuild"]["Properties"]["Name"]["Fn::Sub"]
    assert resources["TestReports"]["Properties"]["Name"]["Fn::Sub"] == f"{project}-{key}"


# ---- image.yml


DIGESTS = {name: "sha256:" + name[0].encode().hex() * 32 for name in ("train", "serve")}


def image_build(
    folder: Path,
    hyperparameters: str,
    known: tuple[str, ...] = (),
    manifest: str = "application/vnd.docker.distribution.manifest.v2+json",
) -> BuildFolder:
    """A registry that holds the images `known` of the commit, and what docker pushes."""
    (folder / "hyperparameters.json").write_text(hyperparameters)
    build = BuildFolder(
        folder,
        CODEBUILD_RESOLVED_SOURCE_VERSION=COMMIT,
        REPOSITORY_NAME="mlops",
        REPOSITORY_URI=URI,
        BASE_IMAGE="base",
        PIP_INDEX_URL="https://index",
    )
    (folder / "pushed").mkdir()
    for name in known:
        (folder / "pushed" / name).touch()
    build.program("docker", '[ "$1" = push ] && touch "pushed/${2##*-}"; exit 0')
    listed = "\n".join(
        f"[ -e pushed/{name} ] && printf '{COMMIT}-{name}\\t{digest}\\t{manifest}\\n'"
        for name, digest in DIGESTS.items()
    )
    build.program("aws", f'[ "$2" = get-login-password ] && echo secret && exit\n{listed}\ntrue')
    return build


def images_of(folder: Path) -> dict[str, str]:
    workflow = json.loads((folder / "workflow.json").read_text())
    return {name: value for name, value in workflow.items() if name.endswith("Image")}


BOTH = {
    "trainingImage": f"{URI}@{DIGESTS['train']}",
    "servingImage": f"{URI}@{DIGESTS['serve']}",
}


def test_a_commit_is_built_twice_pushed_and_named_by_digest(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = image_build(tmp_path, '{"epochs": 12, "rate": 0.5, "augment": true, "name": "x"}')
    code, output = build.run(buildspecs["image"])
    assert code == 0, output
    for target in ("train", "serve"):
        arguments = "--build-arg BASE_IMAGE --build-arg PIP_INDEX_URL"
        tag = f"{URI}:{COMMIT}-{target}"
        assert f"docker build --target {target} {arguments} --tag {tag} ." in build.calls()
        assert f"docker push {tag}" in build.calls()
    assert json.loads((tmp_path / "workflow.json").read_text()) == {
        "commit": COMMIT,
        "version": COMMIT[:12],
        "hyperparameters": {"epochs": "12", "rate": "0.5", "augment": "true", "name": "x"},
        **BOTH,
    }


@pytest.mark.parametrize("known", [("train", "serve"), ("train",), ("serve",)])
def test_the_same_commit_again_builds_only_what_is_missing(
    tmp_path: Path, buildspecs: dict[str, str], known: tuple[str, ...]
) -> None:
    build = image_build(tmp_path, "{}", known)
    code, output = build.run(buildspecs["image"])
    assert code == 0, output
    built = {name for name in DIGESTS if f"docker build --target {name} " in build.calls()}
    assert built == DIGESTS.keys() - set(known)
    assert ("docker" in build.calls()) is bool(built)
    assert images_of(tmp_path) == BOTH


def test_nothing_is_pushed_of_a_commit_that_builds_only_one_image(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = image_build(tmp_path, "{}")
    build.program("docker", '[ "$3" != serve ]')
    code, _ = build.run(buildspecs["image"])
    assert code != 0
    assert "docker push" not in build.calls()


@pytest.mark.parametrize(
    ("hyperparameters", "reason"),
    [
        ('{"layers": [1, 2]}', "must be flat: layers"),
        ('{"optimizer": {"name": "adam"}}', "must be flat: optimizer"),
        ('{"seed": null}', "must be flat: seed"),
        ("[1]", "must hold one object"),
        ('{"epochs": ', "cannot be read"),
        (json.dumps({"note": "x" * 10_000}), "is too long"),
    ],
)
def test_a_malformed_hyperparameter_is_refused_before_the_build(
    tmp_path: Path, buildspecs: dict[str, str], hyperparameters: str, reason: str
) -> None:
    build = image_build(tmp_path, hyperparameters)
    code, output = build.run(buildspecs["image"])
    assert code != 0
    assert reason in output
    assert "Traceback" not in output
    assert build.calls() == ""


def test_a_failed_push_leaves_no_workflow_to_start(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = image_build(tmp_path, "{}")
    build.program("docker", '[ "$1" != push ]')
    code, _ = build.run(buildspecs["image"])
    assert code != 0
    assert images_of(tmp_path) == {}


@pytest.mark.parametrize("known", [(), ("train", "serve")])
@pytest.mark.parametrize(
    "manifest",
    [
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    ],
)
def test_an_image_that_sagemaker_does_not_run_ends_the_build_with_the_way_out(
    tmp_path: Path, buildspecs: dict[str, str], known: tuple[str, ...], manifest: str
) -> None:
    """Also one that was pushed before, under the commit's tag."""
    build = image_build(tmp_path, "{}", known, manifest)
    code, output = build.run(buildspecs["image"])
    assert code != 0
    assert f"SageMaker runs no image whose manifest is {manifest}" in output
    tag = f"--repository-name mlops --image-ids imageTag={COMMIT}-train)"
    assert f"Remove it by the AWS CLI (ecr batch-delete-image {tag}" in output
    assert "docker buildx build --provenance=false --output type=docker" in output
    assert images_of(tmp_path) == {}


def test_a_registry_that_cannot_be_asked_is_not_an_absent_image(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = image_build(tmp_path, "{}")
    build.program("aws", "echo AccessDenied >&2; exit 254")
    code, output = build.run(buildspecs["image"])
    assert code != 0
    assert "AccessDenied" in output
    assert "docker" not in build.calls()


# ---- train.yml


def train_build(
    folder: Path, status: str, history: list[dict[str, Any]] | None = None
) -> BuildFolder:
    (folder / "workflow.json").write_text("{}")
    (folder / "events.json").write_text(json.dumps({"events": history or []}))
    build = BuildFolder(
        folder, CODEBUILD_BUILD_ID="mlops-train:1-2-3", TRAINING_WORKFLOW="arn:workflow"
    )
    build.program(
        "aws",
        'case "$2" in start-execution) echo arn:execution ;; '
        f"describe-execution) echo {status} ;; "
        "get-execution-history) cat events.json ;; esac",
    )
    build.program("sleep", "")
    return build


def entered(number: int, name: str) -> dict[str, Any]:
    details = {"name": name}
    return {
        "id": number,
        "previousEventId": number - 1,
        "type": "TaskStateEntered",
        "stateEnteredEventDetails": details,
    }


def failed(number: int, error: str, cause: str) -> dict[str, Any]:
    return {
        "id": number,
        "previousEventId": number - 1,
        "type": "ExecutionFailed",
        "executionFailedEventDetails": {"error": error, "cause": cause},
    }


def test_a_build_that_waits_ends_well_with_the_workflow(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = train_build(tmp_path, "SUCCEEDED")
    code, output = build.run(buildspecs["train"])
    assert code == 0, output
    assert "--name mlops-train-1-2-3 " in build.calls()
    assert "stop-execution" not in build.calls()


@pytest.mark.parametrize(
    ("history", "state"),
    [
        (
            [
                failed(6, "TrainingFailed", "it broke"),
                entered(5, "Failed"),
                entered(4, "Notify"),
                {"id": 3, "previousEventId": 2, "type": "TaskFailed"},
                entered(2, "Train"),
            ],
            "Train",
        ),
        (
            [
                failed(6, "TrainingFailed", "it broke"),
                entered(5, "Failed"),
                {"id": 4, "previousEventId": 3, "type": "TaskFailed"},
                entered(3, "Notify"),
                entered(2, "Reject"),
            ],
            "Reject",
        ),
        (
            [
                failed(6, "ModelRejected", "it broke"),
                entered(5, "Failed"),
                entered(4, "Reject"),
                {"id": 3, "previousEventId": 2, "type": "TaskSucceeded"},
                {"id": 2, "previousEventId": 1, "type": "TaskFailed"},
                entered(1, "Train"),
            ],
            "Reject",
        ),
    ],
)
def test_a_failed_workflow_is_explained(
    tmp_path: Path, buildspecs: dict[str, str], history: list[dict[str, Any]], state: str
) -> None:
    build = train_build(tmp_path, "FAILED", history)
    code, output = build.run(buildspecs["train"])
    assert code == 1
    assert f"Failed in state: {state}" in output
    assert f"Error: {history[0]['executionFailedEventDetails']['error']}" in output
    assert "Cause: it broke" in output
    assert "stop-execution" not in build.calls()


def test_a_build_that_is_stopped_stops_the_workflow(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = train_build(tmp_path, "RUNNING")
    build.program("sleep", f"exec {shutil.which('sleep')} 600")
    process = build.start(buildspecs["train"])
    deadline = time.monotonic() + 60
    while "sleep" not in build.calls():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert build.calls().count("stop-execution --execution-arn arn:execution") == 1


def test_a_workflow_that_cannot_start_fails_the_build_at_once(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = train_build(tmp_path, "RUNNING")
    build.program("aws", "echo AccessDenied >&2; exit 254")
    code, output = build.run(buildspecs["train"])
    assert code == 1
    assert "AccessDenied" in output
