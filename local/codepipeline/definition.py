"""What a pipeline may look like (CodePipeline User Guide, "CodePipeline pipeline structure
reference"); pure. What the local endpoint does not do is refused by name."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.codepipeline.action_types import check_action, invalid, known, structure
from local.refusals import unsupported
from local.service import AwsError

_PIPELINE = {
    "name",
    "roleArn",
    "artifactStore",
    "stages",
    "version",
    "executionMode",
    "pipelineType",
    "variables",
}
_NAME = re.compile(r"[A-Za-z0-9.@_-]{1,100}")


def check(pipeline: Mapping[str, Any], region: str) -> dict[str, Any]:
    """The declaration with its defaults filled in; raises AwsError as CreatePipeline does."""
    known(pipeline, _PIPELINE, "pipeline")
    if not _NAME.fullmatch(pipeline["name"]):
        raise AwsError("ValidationException", f"'{pipeline['name']}' is no pipeline name")
    if pipeline.get("pipelineType", "V1") != "V2":
        raise structure(unsupported("pipelineType V1", "V2"))
    mode = pipeline.get("executionMode", "SUPERSEDED")
    if mode not in ("QUEUED", "SUPERSEDED"):
        raise structure(unsupported(f"executionMode {mode}", "QUEUED", "SUPERSEDED"))
    if "artifactStore" not in pipeline:
        raise structure("artifactStore is required")
    stages = [_stage(stage, region) for stage in pipeline["stages"]]
    if len(stages) < 2:
        raise structure("Pipeline must have at least two stages")
    _unique([stage["name"] for stage in stages], "stage names")
    for number, stage in enumerate(stages):
        _unique(
            [action["name"] for action in stage["actions"]],
            f"action names of stage {stage['name']}",
        )
        for action in stage["actions"]:
            source = action["actionTypeId"]["category"] == "Source"
            if source != (number == 0):
                raise structure(
                    "the first stage holds Source actions and only they do: "
                    f"action '{action['name']}' in stage '{stage['name']}'"
                )
    checked = {**pipeline, "executionMode": mode, "stages": stages}
    _check_artifacts(checked)
    _unique(
        [action["namespace"] for _, action in actions(checked) if "namespace" in action],
        "namespaces",
    )
    return checked


def actions(pipeline: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(stage name, action) in the order of the declaration."""
    for stage in pipeline["stages"]:
        for action in stage["actions"]:
            yield stage["name"], action


def _stage(stage: Mapping[str, Any], region: str) -> dict[str, Any]:
    known(stage, {"name", "actions"}, f"stage '{stage['name']}'")
    if not stage["actions"]:
        raise AwsError("InvalidStageDeclarationException", f"stage '{stage['name']}' is empty")
    return {
        "name": stage["name"],
        "actions": [check_action(action, region) for action in stage["actions"]],
    }


def _check_artifacts(pipeline: Mapping[str, Any]) -> None:
    made: dict[str, tuple[int, int]] = {}
    for number, stage in enumerate(pipeline["stages"]):
        for action in stage["actions"]:
            for artifact in action["outputArtifacts"]:
                if artifact["name"] in made:
                    raise invalid(
                        action["name"],
                        f"output artifact '{artifact['name']}' is made by another action too",
                    )
                made[artifact["name"]] = (number, action["runOrder"])
    for number, stage in enumerate(pipeline["stages"]):
        for action in stage["actions"]:
            for artifact in action["inputArtifacts"]:
                if made.get(artifact["name"], (number, 999)) >= (number, action["runOrder"]):
                    raise invalid(
                        action["name"],
                        f"input artifact '{artifact['name']}' is not "
                        "an output of an action that runs before it",
                    )


def _unique(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise structure(f"{what} must be unique: '{name}' is there twice")
