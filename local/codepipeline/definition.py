"""What a pipeline may look like, and how its actions are configured (CodePipeline User Guide,
"CodePipeline pipeline structure reference" and "Action structure reference"); pure. What the local
endpoint does not do is refused by name."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.refusals import unsupported
from local.service import AwsError

_PIPELINE = {
    *("name", "roleArn", "artifactStore", "stages", "version", "executionMode", "pipelineType"),
    "variables",
}
_NAME = re.compile(r"[A-Za-z0-9.@_-]{1,100}")
_ACTION = {
    *("name", "actionTypeId", "runOrder", "configuration", "outputArtifacts", "inputArtifacts"),
    *("namespace", "region", "timeoutInMinutes"),
}
_RESERVED = ("codepipeline", "variables")  # namespaces
# (category, provider): required and optional configuration, inputs, outputs
_KINDS: dict[tuple[str, str], tuple[set[str], set[str], range, range]] = {
    ("Source", "CodeCommit"): (
        {"RepositoryName", "BranchName"},
        {"PollForSourceChanges", "OutputArtifactFormat"},
        range(1),
        range(1, 2),
    ),
    **{
        (category, "CodeBuild"): (
            {"ProjectName"},
            {"PrimarySource", "EnvironmentVariables"},
            range(1, 6),
            range(6),
        )
        for category in ("Build", "Test")
    },
    ("Invoke", "StepFunctions"): (
        {"StateMachineArn"},
        {"ExecutionNamePrefix", "Input", "InputType"},
        range(2),
        range(1),
    ),
    ("Approval", "Manual"): (
        set(),
        {"CustomData", "ExternalEntityLink", "NotificationArn"},
        range(1),
        range(1),
    ),
}


def check(pipeline: Mapping[str, Any], region: str) -> dict[str, Any]:
    """The declaration with its defaults filled in; raises AwsError as CreatePipeline does."""
    _known(pipeline, _PIPELINE, "pipeline")
    if not _NAME.fullmatch(pipeline["name"]):
        raise AwsError("ValidationException", f"'{pipeline['name']}' is no pipeline name")
    if pipeline.get("pipelineType", "V1") != "V2":
        raise _structure(unsupported("pipelineType V1", "V2"))
    mode = pipeline.get("executionMode", "SUPERSEDED")
    if mode not in ("QUEUED", "SUPERSEDED"):
        raise _structure(unsupported(f"executionMode {mode}", "QUEUED", "SUPERSEDED"))
    if "artifactStore" not in pipeline:
        raise _structure("artifactStore is required")
    stages = [_stage(stage, region) for stage in pipeline["stages"]]
    if len(stages) < 2:
        raise _structure("Pipeline must have at least two stages")
    _unique([stage["name"] for stage in stages], "stage names")
    for number, stage in enumerate(stages):
        _unique(
            [action["name"] for action in stage["actions"]],
            f"action names of stage {stage['name']}",
        )
        for action in stage["actions"]:
            source = action["actionTypeId"]["category"] == "Source"
            if source != (number == 0):
                raise _structure(
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
    _known(stage, {"name", "actions"}, f"stage '{stage['name']}'")
    if not stage["actions"]:
        raise AwsError("InvalidStageDeclarationException", f"stage '{stage['name']}' is empty")
    return {
        "name": stage["name"],
        "actions": [_check_action(action, region) for action in stage["actions"]],
    }


def _check_artifacts(pipeline: Mapping[str, Any]) -> None:
    made: dict[str, tuple[int, int]] = {}
    for number, stage in enumerate(pipeline["stages"]):
        for action in stage["actions"]:
            for artifact in action["outputArtifacts"]:
                if artifact["name"] in made:
                    raise _invalid(
                        action["name"],
                        f"output artifact '{artifact['name']}' is made by another action too",
                    )
                made[artifact["name"]] = (number, action["runOrder"])
    for number, stage in enumerate(pipeline["stages"]):
        for action in stage["actions"]:
            for artifact in action["inputArtifacts"]:
                if made.get(artifact["name"], (number, 999)) >= (number, action["runOrder"]):
                    raise _invalid(
                        action["name"],
                        f"input artifact '{artifact['name']}' is not "
                        "an output of an action that runs before it",
                    )


def _unique(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise _structure(f"{what} must be unique: '{name}' is there twice")


def _check_action(action: Mapping[str, Any], region: str) -> dict[str, Any]:
    """The action with its defaults filled in; raises AwsError."""
    name, kind = action["name"], action["actionTypeId"]
    _known(action, _ACTION, f"action '{name}'")
    category, provider = kind["category"], kind["provider"]
    in_china = region.startswith("cn-") and provider == "StepFunctions"
    if (category, provider) not in _KINDS or kind["owner"] != "AWS" or in_china:
        # the action reference of StepFunctions: not available in the China regions
        raise AwsError(
            "InvalidActionDeclarationException",
            f"ActionType (Category: '{category}', Provider: '{provider}', Owner: "
            f"'{kind['owner']}', Version: '{kind['version']}') in action '{name}' is not "
            f"available in region {region.upper().replace('-', '_')}",
        )
    required, optional, inputs, outputs = _KINDS[category, provider]
    configuration = action.get("configuration", {})
    for key in sorted(required - configuration.keys()):
        raise _invalid(name, f"is missing the required configuration '{key}'")
    for key in sorted(configuration.keys() - required - optional):
        raise _invalid(name, f"contains unknown configuration '{key}'")
    for label, allowed in (("inputArtifacts", inputs), ("outputArtifacts", outputs)):
        if len(action.get(label, [])) not in allowed:
            raise _invalid(
                name,
                f"has {len(action.get(label, []))} {label}, allowed are "
                f"{allowed.start} to {allowed.stop - 1}",
            )
    # User Guide, "Variables reference"
    if category == "Source" and any("#{" in value for value in configuration.values()):
        raise _invalid(name, "is a source action, whose configuration can have no variables")
    if action.get("namespace") in _RESERVED:
        raise _invalid(name, f"uses the reserved namespace '{action['namespace']}'")
    if action.get("region", region) != region:
        raise _invalid(name, unsupported(f"region {action['region']}", region))
    _check_configuration(name, provider, configuration, action)
    defaults = {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []}
    return defaults | dict(action)


def _check_configuration(
    name: str, provider: str, configuration: Mapping[str, str], action: Mapping[str, Any]
) -> None:
    if provider == "CodeCommit":
        if configuration.get("PollForSourceChanges", "true") != "false":
            raise _invalid(name, unsupported("PollForSourceChanges=true", "false, with a rule"))
        if configuration.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
            raise _invalid(name, unsupported("another OutputArtifactFormat", "CODE_ZIP"))
    inputs = [artifact["name"] for artifact in action.get("inputArtifacts", [])]
    if provider == "CodeBuild":
        primary = configuration.get("PrimarySource", inputs[0] if len(inputs) == 1 else None)
        if primary not in inputs:
            raise _invalid(name, "PrimarySource must name one of its input artifacts")
        try:
            json.loads(configuration.get("EnvironmentVariables", "[]"))
        except ValueError:
            raise _invalid(name, "EnvironmentVariables must be a JSON list") from None
    if provider == "StepFunctions":
        kind = configuration.get("InputType", "Literal")
        if kind not in ("Literal", "FilePath"):
            raise _invalid(name, "InputType must be Literal or FilePath")
        if kind == "FilePath" and not (inputs and configuration.get("Input")):
            raise _invalid(name, "InputType FilePath needs Input and an input artifact")


def _known(given: Mapping[str, Any], known: set[str], where: str) -> None:
    """Raises AwsError for a setting that this endpoint does not act on."""
    for key in sorted(key for key, value in given.items() if key not in known and value):
        raise _structure(unsupported(f"{where}: {key}"))


def _structure(message: str) -> AwsError:
    return AwsError("InvalidStructureException", message)


def _invalid(action: str, message: str) -> AwsError:
    return AwsError("InvalidActionDeclarationException", f"Action '{action}' {message}")
