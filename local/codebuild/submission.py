"""What StartBuild makes of a project: a build about to run."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local import context
from local.artifacts import Handover
from local.codebuild.records import Build


def new_build(
    project: Mapping[str, Any],
    number: int,
    initiator: str,
    start: Mapping[str, Any],
    handover: Handover | None,
) -> Build:
    """A build about to run; `start` holds StartBuild's parameters."""
    here = context.current()
    name, unique = project["name"], str(uuid.uuid4())
    source = project["source"] | (
        {"buildspec": start["buildspecOverride"]} if "buildspecOverride" in start else {}
    )
    minutes = start.get("timeoutInMinutesOverride") or project["timeoutInMinutes"]
    record: dict[str, Any] = {
        "id": f"{name}:{unique}",
        "arn": here.arn("codebuild", f"build/{name}:{unique}"),
        "buildNumber": number,
        "startTime": datetime.now(UTC),
        "currentPhase": "QUEUED",
        "buildStatus": "IN_PROGRESS",
        "buildComplete": False,
        "projectName": name,
        "phases": [],
        "source": source,
        "environment": project["environment"],
        "serviceRole": project["serviceRole"],
        "timeoutInMinutes": minutes,
        "queuedTimeoutInMinutes": project["queuedTimeoutInMinutes"],
        "initiator": initiator,
        "encryptionKey": project["encryptionKey"],
        "logs": _logs(project, unique),
        "artifacts": {"location": ""},
        "cache": {"type": "NO_CACHE"},
        "exportedEnvironmentVariables": [],
        "reportArns": [],
    }
    if handover:
        record["sourceVersion"] = f"arn:{here.partition}:s3:::{handover.inputs[0].bucket}/" + (
            handover.inputs[0].key
        )
        if handover.revision:
            record["resolvedSourceVersion"] = handover.revision
    elif "sourceVersion" in start:
        record["sourceVersion"] = start["sourceVersion"]
    return Build(record, project, start.get("environmentVariablesOverride", []), handover)


def _logs(project: Mapping[str, Any], unique: str) -> dict[str, Any]:
    config = project.get("logsConfig", {}).get("cloudWatchLogs", {"status": "ENABLED"})
    if config["status"] == "DISABLED":
        return {"cloudWatchLogs": config}
    group = config.get("groupName") or f"/aws/codebuild/{project['name']}"
    stream = f"{config['streamName']}/{unique}" if config.get("streamName") else unique
    arn = context.current().arn("logs", f"log-group:{group}:log-stream:{stream}")
    return {
        "groupName": group,
        "streamName": stream,
        "cloudWatchLogsArn": arn,
        "cloudWatchLogs": config,
    }
