"""The actions that a pipeline may have here, and how each is configured (CodePipeline User Guide,
"Action structure reference"); pure."""

import json
from collections.abc import Mapping
from typing import Any

from local.refusals import unsupported
from local.service import AwsError

_ACTION = {
    "name",
    "actionTypeId",
    "runOrder",
    "configuration",
    "outputArtifacts",
    "inputArtifacts",
    "namespace",
    "region",
    "timeoutInMinutes",
}
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


def check_action(action: Mapping[str, Any], region: str) -> dict[str, Any]:
    """The action with its defaults filled in; raises AwsError."""
    name, kind = action["name"], action["actionTypeId"]
    known(action, _ACTION, f"action '{name}'")
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
        raise invalid(name, f"is missing the required configuration '{key}'")
    for key in sorted(configuration.keys() - required - optional):
        raise invalid(name, f"contains unknown configuration '{key}'")
    for label, allowed in (("inputArtifacts", inputs), ("outputArtifacts", outputs)):
        if len(action.get(label, [])) not in allowed:
            raise invalid(
                name,
                f"has {len(action.get(label, []))} {label}, allowed are "
                f"{allowed.start} to {allowed.stop - 1}",
            )
    if action.get("region", region) != region:
        raise invalid(name, unsupported(f"region {action['region']}", region))
    _check_configuration(name, provider, configuration, action)
    defaults = {"runOrder": 1, "configuration": {}, "inputArtifacts": [], "outputArtifacts": []}
    return defaults | dict(action)


def _check_configuration(
    name: str, provider: str, configuration: Mapping[str, str], action: Mapping[str, Any]
) -> None:
    if provider == "CodeCommit":
        if configuration.get("PollForSourceChanges", "true") != "false":
            raise invalid(name, unsupported("PollForSourceChanges=true", "false, with a rule"))
        if configuration.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
            raise invalid(name, unsupported("another OutputArtifactFormat", "CODE_ZIP"))
    inputs = [artifact["name"] for artifact in action.get("inputArtifacts", [])]
    if provider == "CodeBuild":
        primary = configuration.get("PrimarySource", inputs[0] if len(inputs) == 1 else None)
        if primary not in inputs:
            raise invalid(name, "PrimarySource must name one of its input artifacts")
        try:
            json.loads(configuration.get("EnvironmentVariables", "[]"))
        except ValueError:
            raise invalid(name, "EnvironmentVariables must be a JSON list") from None
    if provider == "StepFunctions":
        kind = configuration.get("InputType", "Literal")
        if kind not in ("Literal", "FilePath"):
            raise invalid(name, "InputType must be Literal or FilePath")
        if kind == "FilePath" and not (inputs and configuration.get("Input")):
            raise invalid(name, "InputType FilePath needs Input and an input artifact")


def known(given: Mapping[str, Any], known: set[str], where: str) -> None:
    """Raises AwsError for a setting that this endpoint does not act on."""
    for key in sorted(key for key, value in given.items() if key not in known and value):
        raise structure(unsupported(f"{where}: {key}"))


def structure(message: str) -> AwsError:
    return AwsError("InvalidStructureException", message)


def invalid(action: str, message: str) -> AwsError:
    return AwsError("InvalidActionDeclarationException", f"Action '{action}' {message}")
