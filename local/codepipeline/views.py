"""Executions and stages as the CodePipeline API shows them."""

from typing import Any

from local.codepipeline.records import ActionRun, Execution, Pipeline


def execution(pipeline: Pipeline, found: Execution) -> dict[str, Any]:
    """GetPipelineExecution's pipelineExecution."""
    revisions = [
        {
            "name": artifact,
            **{key: revision[key] for key in ("revisionId", "revisionSummary", "created")},
        }
        for artifact, revision in found.revisions.items()
    ]
    return {
        "pipelineName": pipeline.definition["name"],
        "pipelineVersion": found.definition["version"],
        "pipelineExecutionId": found.id,
        "status": found.status,
        "artifactRevisions": revisions,
        "variables": [
            {"name": name, "resolvedValue": value} for name, value in found.variables.items()
        ],
        "trigger": found.trigger,
        "executionMode": found.definition["executionMode"],
        "executionType": "STANDARD",
    }


def summary(found: Execution) -> dict[str, Any]:
    """A row of ListPipelineExecutions."""
    revisions = [
        {key: revision[key] for key in ("actionName", "revisionId", "revisionSummary")}
        for revision in found.revisions.values()
    ]
    stopped = {"stopTrigger": {"reason": found.stop_reason}} if found.stop else {}
    return stopped | {
        "pipelineExecutionId": found.id,
        "status": found.status,
        "startTime": found.started,
        "lastUpdateTime": found.updated,
        "sourceRevisions": revisions,
        "trigger": found.trigger,
        "executionMode": found.definition["executionMode"],
        "executionType": "STANDARD",
    }


def stage_states(pipeline: Pipeline) -> list[dict[str, Any]]:
    """GetPipelineState's stageStates."""
    return [_stage_state(pipeline, stage) for stage in pipeline.definition["stages"]]


def _stage_state(pipeline: Pipeline, declared: dict[str, Any]) -> dict[str, Any]:
    stage = pipeline.stage(declared["name"])
    view: dict[str, Any] = {
        "stageName": declared["name"],
        "inboundTransitionState": {"enabled": True},
        "actionStates": [
            _action_state(pipeline, declared["name"], action["name"])
            for action in declared["actions"]
        ],
    }
    if stage.latest:
        status = stage.latest.stages[declared["name"]]
        stopping = stage.latest.stop and status == "InProgress"
        view["latestExecution"] = {
            "pipelineExecutionId": stage.latest.id,
            "type": "STANDARD",
            "status": "Stopping" if stopping else status,
        }
    waiting = [
        {"pipelineExecutionId": each.id, "status": "InProgress", "type": "STANDARD"}
        for each in stage.queue
        if stage.holder
    ]
    if waiting:
        view |= {"inboundExecution": waiting[-1], "inboundExecutions": waiting}
    return view


def _action_state(pipeline: Pipeline, stage: str, name: str) -> dict[str, Any]:
    runs = [
        (found, run)
        for found in pipeline.executions
        for run in found.actions
        if (run.stage, run.name) == (stage, name)
    ]
    if not runs:
        return {"actionName": name}
    found, run = max(runs, key=lambda pair: pair[1].started)
    latest = {
        "actionExecutionId": run.id,
        "status": run.status,
        "lastStatusChange": run.updated,
        "summary": run.summary,
        "externalExecutionId": run.external_id,
        "errorDetails": run.error,
        "token": run.token if run.status == "InProgress" else None,
        "lastUpdatedBy": run.updated_by,
    }
    state: dict[str, Any] = {"actionName": name, "latestExecution": _present(latest)}
    for revision in found.revisions.values():
        if revision["actionName"] == name:
            state["currentRevision"] = {
                "revisionId": revision["revisionId"],
                "revisionChangeId": revision["revisionId"],
                "created": revision["created"],
            }
    return state


def action_execution(found: Execution, run: ActionRun) -> dict[str, Any]:
    """A row of ListActionExecutions."""
    result = {
        "externalExecutionId": run.external_id,
        "externalExecutionSummary": run.summary,
        "errorDetails": run.error,
    }
    return {
        "pipelineExecutionId": found.id,
        "actionExecutionId": run.id,
        "pipelineVersion": found.definition["version"],
        "stageName": run.stage,
        "actionName": run.name,
        "startTime": run.started,
        "lastUpdateTime": run.updated,
        "status": run.status,
        "input": _present(
            {
                "actionTypeId": run.declaration["actionTypeId"],
                "configuration": run.declaration["configuration"],
                "resolvedConfiguration": run.configuration,
                "inputArtifacts": [location.described() for location in run.inputs],
                "namespace": run.declaration.get("namespace"),
            }
        ),
        "output": {
            "outputArtifacts": [location.described() for location in run.outputs],
            "executionResult": _present(result),
            "outputVariables": run.variables,
        },
    } | _present({"updatedBy": run.updated_by})


def _present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
