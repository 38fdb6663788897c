"""The build specifications as CodeBuild runs them: one bash for all commands, with an aws, a docker
and a sleep that write down how they were called."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore.validate import ParamValidator

import generate
from templates.workflows.training.train import REPORTED

COMMIT = "0123456789abcdef0123456789abcdef01234567"
URI = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mlops"


@cache
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
            # `python3` is this one: what else has the name may be a script that looks for one
            "PATH": os.pathsep.join(
                [str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
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
    execution: dict[str, Any] | None = None,
) -> BuildFolder:
    """A registry that holds the images `known` of the commit, and what docker pushes; a pipeline
    that tells of its execution, or cannot be asked."""
    (folder / "hyperparameters.json").write_text(hyperparameters)
    if execution is not None:
        (folder / "told.json").write_text(json.dumps({"pipelineExecution": execution}))
    build = BuildFolder(
        folder,
        CODEBUILD_RESOLVED_SOURCE_VERSION=COMMIT,
        REPOSITORY_NAME="mlops",
        REPOSITORY_URI=URI,
        BASE_IMAGE="base",
        PIP_INDEX_URL="https://index",
        PIPELINE="mlops",
        PIPELINE_EXECUTION="1-2-3",
    )
    (folder / "pushed").mkdir()
    for name in known:
        (folder / "pushed" / name).touch()
    build.program("docker", '[ "$1" = push ] && touch "pushed/${2##*-}"; exit 0')
    listed = "\n".join(
        f"[ -e pushed/{name} ] && printf '{COMMIT}-{name}\\t{digest}\\t{manifest}\\n'"
        for name, digest in DIGESTS.items()
    )
    asked = (
        '[ "$2" = get-login-password ] && echo secret && exit\n'
        'if [ "$2" = get-pipeline-execution ]; then cat told.json; exit; fi'
    )
    build.program("aws", f"{asked}\n{listed}\ntrue")
    return build


def built(folder: Path, specification: str, **more: Any) -> dict[str, Any]:
    """What a build that ends well hands to the training workflow."""
    code, output = image_build(folder, "{}", ("train", "serve"), **more).run(specification)
    assert code == 0, output
    return dict(json.loads((folder / "workflow.json").read_text()))


def refused(folder: Path, specification: str, **more: Any) -> str:
    """What a build says that ends before anything is built."""
    build = image_build(folder, '{"depth": 8}', **more)
    code, output = build.run(specification)
    assert code != 0
    assert "Traceback" not in output
    assert "docker" not in build.calls()
    return output


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
        "trigger": {"kind": "other", "by": "unknown"},
        "force": {"reason": "", "by": ""},
        "prepare": False,
        "tuning": {},
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


# ---- image.yml: who started it


PERSON = "arn:aws:iam::123456789012:user/alex"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/mlops-push"
BY_PERSON = {"triggerType": "StartPipelineExecution", "triggerDetail": PERSON}
BY_PUSH = {"triggerType": "CloudWatchEvent", "triggerDetail": RULE}


def execution(trigger: dict[str, str], **variables: str) -> dict[str, Any]:
    """As GetPipelineExecution tells of it."""
    values = {"FORCE": "-", "PUSHER": "-", **variables}
    listed = [{"name": name, "resolvedValue": value} for name, value in values.items()]
    return {"trigger": trigger, "variables": listed}


@pytest.mark.parametrize(
    ("trigger", "pusher", "told"),
    [
        (BY_PUSH, f"-{PERSON}", {"kind": "push", "by": PERSON}),
        (BY_PUSH, "-", {"kind": "push", "by": "unknown"}),
        (BY_PERSON, "-", {"kind": "person", "by": PERSON}),
        # Whoever starts the pipeline by hand cannot say that somebody else pushed
        (BY_PERSON, "-somebody", {"kind": "person", "by": PERSON}),
        (
            {"triggerType": "CreatePipeline", "triggerDetail": PERSON},
            "-",
            {"kind": "other", "by": PERSON},
        ),
        (
            {"triggerType": "Webhook", "triggerDetail": "a-webhook"},
            "-",
            {"kind": "other", "by": "unknown"},
        ),
    ],
)
def test_the_pipeline_says_who_started_it(
    tmp_path: Path,
    buildspecs: dict[str, str],
    trigger: dict[str, str],
    pusher: str,
    told: dict[str, str],
) -> None:
    workflow = built(tmp_path, buildspecs["image"], execution=execution(trigger, PUSHER=pusher))
    assert workflow["trigger"] == told
    assert workflow["force"] == {"reason": "", "by": ""}


def test_the_execution_is_asked_for_by_the_name_that_the_pipeline_gave(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = image_build(tmp_path, "{}", execution=execution(BY_PERSON))
    build.run(buildspecs["image"])
    assert "--pipeline-name mlops --pipeline-execution-id 1-2-3 " in build.calls()


def test_a_pipeline_that_cannot_be_asked_fails_no_build_and_forces_nothing(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    build = image_build(tmp_path, "{}", ("train", "serve"))
    code, output = build.run(buildspecs["image"])
    assert code == 0, output
    assert "could not be asked who started it" in output
    workflow = json.loads((tmp_path / "workflow.json").read_text())
    assert workflow["trigger"] == {"kind": "other", "by": "unknown"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            "The champion is wrong since March: we go on",
            "The champion is wrong since March: we go on",
        ),
        ('"; rm -rf / #{x} "', "rm -rf / x"),
        ("Größere Bilder, 更大的图片", "Größere Bilder 更大的图片"),
        ("line one\nline\ttwo", "line one line two"),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_person_forces_a_model_and_the_reason_is_kept(
    tmp_path: Path, buildspecs: dict[str, str], said: str, kept: str
) -> None:
    """In the characters that a model package's metadata may have."""
    workflow = built(tmp_path, buildspecs["image"], execution=execution(BY_PERSON, FORCE=said))
    assert workflow["force"] == {"reason": kept, "by": PERSON}


def test_a_reason_of_which_nothing_can_be_kept_is_refused(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    forced = execution(BY_PERSON, FORCE='"!?"')
    assert "FORCE must say why" in refused(tmp_path, buildspecs["image"], execution=forced)


@pytest.mark.parametrize("trigger", [BY_PUSH, {}])
def test_a_push_cannot_force_a_model(
    tmp_path: Path, buildspecs: dict[str, str], trigger: dict[str, str]
) -> None:
    forced = execution(trigger, FORCE="because")
    workflow = built(tmp_path, buildspecs["image"], execution=forced)
    assert workflow["force"] == {"reason": "", "by": ""}


# ---- image.yml: what may be tuned, and whether data is prepared


OBJECTIVE = {"metric": "validation:accuracy", "goal": "maximize"}


def tuning(folder: Path, ranges: Any, objective: Any = OBJECTIVE) -> None:
    text = json.dumps({"objective": objective, "ranges": ranges})
    (folder / "tuning.json").write_text(text)


def test_ranges_become_those_of_the_tuning_jobs_request(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    tuning(
        tmp_path,
        {
            "rate": {"from": 0.0005, "to": 0.02, "scale": "logarithmic"},
            "decay": {"from": 0, "to": 0.1},
            "depth": {"values": [8, 14]},
            "flip": {"values": [True, "auto"]},
            "size": {"from": 16, "to": 128, "scale": "linear"},
        },
    )
    build = image_build(tmp_path, '{"epochs": 3, "depth": 8, "size": 64}')
    code, output = build.run(buildspecs["image"])
    assert code == 0, output
    made = json.loads((tmp_path / "workflow.json").read_text())["tuning"]
    assert made == {
        "objective": {"Type": "Maximize", "MetricName": "validation:accuracy"},
        "ranges": {
            "ContinuousParameterRanges": [
                {
                    "Name": "rate",
                    "MinValue": "0.0005",
                    "MaxValue": "0.02",
                    "ScalingType": "Logarithmic",
                },
                {"Name": "decay", "MinValue": "0", "MaxValue": "0.1", "ScalingType": "Auto"},
            ],
            "CategoricalParameterRanges": [
                {"Name": "depth", "Values": ["8", "14"]},
                {"Name": "flip", "Values": ["true", "auto"]},
            ],
            "IntegerParameterRanges": [
                {"Name": "size", "MinValue": "16", "MaxValue": "128", "ScalingType": "Linear"}
            ],
        },
        "static": {"epochs": "3"},
    }
    validate(made)


def validate(made: dict[str, Any]) -> None:
    """As SageMaker takes it."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    for part, shape in (
        ("objective", "HyperParameterTuningJobObjective"),
        ("ranges", "ParameterRanges"),
    ):
        found = ParamValidator().validate(made[part], model.shape_for(shape))
        assert not found.has_errors(), found.generate_report()


@pytest.mark.parametrize("folder", [".", "examples/tabular"])
def test_the_ranges_that_come_with_the_models_are_accepted(
    tmp_path: Path, buildspecs: dict[str, str], folder: str
) -> None:
    container = Path(generate.__file__).parent / "container" / folder
    shutil.copy(container / "tuning.json", tmp_path)
    build = image_build(tmp_path, (container / "hyperparameters.json").read_text())
    code, output = build.run(buildspecs["image"])
    assert code == 0, output
    validate(json.loads((tmp_path / "workflow.json").read_text())["tuning"])


def test_what_may_be_an_objective_is_reported_by_the_job_and_does_not_judge_it(
    buildspecs: dict[str, str],
) -> None:
    (found,) = re.findall(r"METRICS = (\(.*\))", buildspecs["image"])
    assert set(ast.literal_eval(found)) < set(REPORTED)
    assert not [name for name in ast.literal_eval(found) if name.startswith("eval:")]


def a_range(**given: Any) -> dict[str, Any]:
    return {"rate": {"from": 0.1, "to": 0.2, **given}}


@pytest.mark.parametrize(
    ("ranges", "sentence"),
    [
        ({}, "ranges must be an object that names 1 to 30"),
        ([1], "ranges must be an object that names 1 to 30"),
        ({f"p{n}": {"values": [1]} for n in range(31)}, "names 1 to 30 hyperparameters"),
        ({"rate": 1}, "rate must be an object with from and to"),
        ({"rate": {"from": 1}}, "rate lacks to"),
        (a_range(step=1), "rate has step, but may only have from, to, scale"),
        (a_range(scale="log"), 'rate.scale is "log", but must be one of linear, logarithmic'),
        (a_range(scale=1), "rate.scale is 1, but must be one of"),
        (a_range(**{"from": 0.2}), "rate.from is 0.2, but must be less than rate.to, which is 0.2"),
        (a_range(**{"from": 0}, scale="logarithmic"), "must be more than 0 where the scale"),
        (a_range(to="2"), 'rate.to is "2", but must be a number'),
        (a_range(to=True), "rate.to is true, but must be a number"),
        (a_range(to=float("nan")), "rate.to is NaN, but must be a number"),
        (a_range(to=float("inf")), "rate.to is Infinity, but must be a number"),
        ({"depth": {"values": []}}, "depth.values must be a list of 1 to 30 values"),
        ({"depth": {"values": list(range(31))}}, "depth.values must be a list of 1 to 30 values"),
        ({"depth": {"values": "8"}}, "depth.values must be a list"),
        ({"depth": {"values": [[8]]}}, "depth.values has [8], but each must be a number"),
        ({"depth": {"values": [8, "8"]}}, "depth.values has a value twice"),
        ({"depth": {"values": [8], "to": 9}}, "depth has to, but may only have values"),
        ({"note": {"values": ["x" * 10_000]}}, "the ranges are too long"),
    ],
)
def test_a_range_that_cannot_be_tuned_is_refused_with_its_place(
    tmp_path: Path, buildspecs: dict[str, str], ranges: Any, sentence: str
) -> None:
    tuning(tmp_path, ranges)
    output = refused(tmp_path, buildspecs["image"])
    assert output.startswith("tuning.json: ")
    assert sentence in output


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        (
            {"metric": "eval:accuracy", "goal": "maximize"},
            '"eval:accuracy", but must be one of val',
        ),
        ({"metric": "validation:f1", "goal": "maximize"}, 'objective.metric is "validation:f1"'),
        ({**OBJECTIVE, "goal": "max"}, 'objective.goal is "max", but must be one of maximize, min'),
        ({"metric": "validation:loss"}, "objective lacks goal"),
        ({**OBJECTIVE, "target": 1}, "objective has target, but may only have metric, goal"),
        (None, "objective must be an object with metric and goal"),
    ],
)
def test_an_objective_that_no_job_reports_is_refused(
    tmp_path: Path, buildspecs: dict[str, str], objective: Any, sentence: str
) -> None:
    tuning(tmp_path, a_range(), objective)
    assert sentence in refused(tmp_path, buildspecs["image"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "tuning.json cannot be read"),
        ("[]", "tuning.json: the file must be an object with objective and ranges"),
        ("{}", "tuning.json: the file lacks objective"),
    ],
)
def test_ranges_that_are_none_are_told(
    tmp_path: Path, buildspecs: dict[str, str], text: str, sentence: str
) -> None:
    (tmp_path / "tuning.json").write_text(text)
    assert sentence in refused(tmp_path, buildspecs["image"])


def test_data_is_prepared_if_the_repository_has_a_program_for_it(
    tmp_path: Path, buildspecs: dict[str, str]
) -> None:
    (tmp_path / "prepare").touch()
    assert built(tmp_path, buildspecs["image"])["prepare"] is True


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
