"""One execution of one action, from its inputs to its verdict."""

import secrets
import traceback
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.artifacts import Location
from local.codepipeline.providers import PROVIDERS, Work
from local.codepipeline.records import (
    ActionFailure,
    ActionRun,
    Execution,
    Pipeline,
    PipelineRecords,
    now,
)
from local.credentials import NotAuthorized, assume

MAX_MESSAGE = 2000
_DENIED = ("AccessDenied", "AccessDeniedException", "NotAuthorized")


def perform(
    state: PipelineRecords, pipeline: Pipeline, execution: Execution, run: ActionRun
) -> None:
    """Run one action to its end and record how it ended; it never raises."""
    error: dict[str, str] | None = None
    try:
        run.configuration = {
            key: execution.resolve(value) for key, value in run.declaration["configuration"].items()
        }
        run.inputs = [
            execution.artifacts[each["name"]] for each in run.declaration["inputArtifacts"]
        ]
        run.outputs = [
            _location(execution.definition, each["name"])
            for each in run.declaration["outputArtifacts"]
        ]
        credentials = assume(
            execution.definition["roleArn"],
            "codepipeline.amazonaws.com",
            execution.id,
            pipeline.arn,
        )
        work = Work(state, execution, run, credentials)
        run.variables = PROVIDERS[run.declaration["actionTypeId"]["provider"]](work)
    except ActionFailure as failure:
        error = {"code": failure.code, "message": str(failure)[:MAX_MESSAGE]}
    except NotAuthorized as failure:
        error = {"code": "PermissionError", "message": str(failure)}
    except ClientError as failure:
        denied = failure.response["Error"]["Code"] in _DENIED
        error = {
            "code": "PermissionError" if denied else "ConfigurationError",
            "message": str(failure)[:MAX_MESSAGE],
        }
    except BotoCoreError as failure:  # the endpoint is being stopped
        error = {"code": "InternalError", "message": str(failure)[:MAX_MESSAGE]}
    except Exception as failure:  # an action that never ended would hold its stage for ever
        traceback.print_exc()
        error = {"code": "InternalError", "message": str(failure)[:MAX_MESSAGE]}
    with state.changed:
        if run.status == "InProgress":
            run.error, run.status, run.updated = error, "Failed" if error else "Succeeded", now()
            execution.updated = run.updated
            if not error:
                execution.artifacts |= {location.name: location for location in run.outputs}
                if "namespace" in run.declaration:
                    execution.namespaces[run.declaration["namespace"]] = run.variables
        state.changed.notify_all()


def _location(definition: Mapping[str, Any], artifact: str) -> Location:
    store = definition["artifactStore"]
    key = f"{definition['name'][:20]}/{artifact[:10]}/{secrets.token_hex(4)[:7]}"
    return Location(artifact, store["location"], key, store.get("encryptionKey", {}).get("id"))
