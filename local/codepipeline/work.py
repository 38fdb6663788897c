"""How an execution goes through its pipeline ("How pipeline executions work"): a stage holds one
execution at a time; others wait in front of it, in order (QUEUED) or until a newer one takes
their place (SUPERSEDED)."""

import itertools
import secrets
import traceback
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.artifacts import Location
from local.background import background
from local.codepipeline.providers import PROVIDERS, ActionWork
from local.codepipeline.records import (
    ActionFailure,
    ActionRun,
    Execution,
    Pipeline,
    PipelineRecords,
)
from local.credentials import NotAuthorized, assume
from local.service import now

POLL = 0.3
MAX_MESSAGE = 2000
_DENIED = ("AccessDenied", "AccessDeniedException", "NotAuthorized")


def launch(state: PipelineRecords, pipeline: Pipeline, execution: Execution) -> None:
    """Queue a new execution in front of the first stage and let it run."""
    with state.changed:
        pipeline.executions.append(execution)
        _queue(pipeline, execution, execution.definition["stages"][0]["name"])
    trigger = {
        "trigger-type": execution.trigger["triggerType"],
        "trigger-detail": execution.trigger["triggerDetail"],
    }
    execution.announce("STARTED", **{"execution-trigger": trigger})
    background(_ExecutionWork(state, pipeline, execution).run, 0, set(), "STARTED")


def retry(
    state: PipelineRecords, pipeline: Pipeline, execution: Execution, number: int, kept: set[str]
) -> None:
    """Run stage `number` again, without the actions in `kept`, and what follows it."""
    with state.changed:
        execution.status, execution.stop, execution.updated = "InProgress", None, now()
        execution.attempt += 1
        _queue(pipeline, execution, execution.definition["stages"][number]["name"])
    execution.announce("RESUMED")
    background(_ExecutionWork(state, pipeline, execution).run, number, kept, "RESUMED")


def _queue(pipeline: Pipeline, execution: Execution, stage: str) -> None:
    queue = pipeline.stage(stage).queue
    if execution.definition["executionMode"] == "SUPERSEDED":
        for waiting in queue:
            waiting.end("Superseded")
        queue.clear()
    queue.append(execution)


class _ExecutionWork:
    def __init__(self, state: PipelineRecords, pipeline: Pipeline, execution: Execution) -> None:
        self.state, self.pipeline, self.execution = state, pipeline, execution

    def run(self, first: int, kept: set[str], begins: str) -> None:
        """From stage `first` on, which `begins` STARTED or RESUMED without the actions `kept`."""
        stages = self.execution.definition["stages"]
        for number in range(first, len(stages)):
            stage, left = stages[number], stages[number + 1 :]
            if not self._enter(stage["name"], begins):
                return
            verdict = self._actions(stage, kept)
            kept, begins = set(), "STARTED"
            with self.state.changed:
                self.execution.leave(stage["name"], verdict)
                self.pipeline.stage(stage["name"]).holder = None
                if verdict != "Succeeded":
                    self.execution.end(verdict)
                elif not left:
                    self.execution.end("Succeeded")
                elif self.execution.stop:
                    self.execution.end("Stopped")
                else:
                    _queue(self.pipeline, self.execution, left[0]["name"])
                self.state.changed.notify_all()
                if self.execution.status not in ("InProgress", "Stopping"):
                    return

    def _enter(self, name: str, begins: str) -> bool:
        """Wait for the stage; False if the execution ended meanwhile."""
        stage, execution = self.pipeline.stage(name), self.execution
        with self.state.changed:
            while stage.holder or stage.queue[:1] != [execution]:
                if execution.status == "Superseded":
                    return False
                if execution.stop:
                    break
                self.state.changed.wait(POLL)
            if execution.status == "Superseded":
                return False
            stage.queue.remove(execution)
            if execution.stop:
                execution.end("Stopped")
                return False
            stage.holder = stage.latest = execution
            execution.enter(name, begins)
            return True

    def _actions(self, stage: Mapping[str, Any], kept: set[str]) -> str:
        """Run the actions in run order, those of one order side by side; the stage's status."""
        actions = sorted(
            (action for action in stage["actions"] if action["name"] not in kept),
            key=lambda action: int(action["runOrder"]),
        )
        for _, group in itertools.groupby(actions, key=lambda action: action["runOrder"]):
            if self.execution.stop:
                return "Stopped"
            runs = [self._begin(stage["name"], action) for action in group]
            self._wait(runs)
            if any(run.status == "Abandoned" for run in runs):
                return "Stopped"
            if any(run.status == "Failed" for run in runs):
                return "Stopped" if self.execution.stop else "Failed"
        return "Succeeded"

    def _begin(self, stage: str, action: Mapping[str, Any]) -> ActionRun:
        known, definition = self.execution.artifacts, self.execution.definition
        inputs = [known[each["name"]] for each in action["inputArtifacts"]]
        outputs = [_location(definition, each["name"]) for each in action["outputArtifacts"]]
        run = ActionRun(stage, action, inputs, outputs)
        with self.state.changed:
            self.execution.actions.append(run)
            self.execution.announce_action(run)
        background(self._perform, run)
        return run

    def _wait(self, runs: list[ActionRun]) -> None:
        """Until all have ended; to abandon leaves what they started running, as AWS does: the
        CodePipeline role may start builds and executions, it need not be able to stop them."""
        with self.state.changed:
            while running := [run for run in runs if run.status == "InProgress"]:
                if self.execution.stop != "abandon":
                    self.state.changed.wait(POLL)
                    continue
                for run in running:
                    run.status, run.updated = "Abandoned", now()
                    self.execution.announce_action(run)

    def _perform(self, run: ActionRun) -> None:
        """Run one action to its end and record how it ended; it never raises."""
        execution, variables, error = self.execution, dict[str, str](), None
        try:
            run.configuration = {
                key: execution.resolve(value)
                for key, value in run.declaration["configuration"].items()
            }
            credentials = assume(
                execution.definition["roleArn"],
                "codepipeline.amazonaws.com",
                execution.id,
                self.pipeline.arn,
            )
            provider = PROVIDERS[run.declaration["actionTypeId"]["provider"]]
            variables = provider(ActionWork(self.state, execution, run, credentials))
        except Exception as failure:  # an action that never ended would hold its stage for ever
            error = {"code": _code(failure), "message": str(failure)[:MAX_MESSAGE]}
        with self.state.changed:
            if run.status == "InProgress":
                run.error, run.variables = error, variables
                run.status = "Failed" if error else "Succeeded"
                run.updated = execution.updated = now()
                if not error:
                    execution.artifacts |= {location.name: location for location in run.outputs}
                    if "namespace" in run.declaration:
                        execution.namespaces[run.declaration["namespace"]] = variables
                execution.announce_action(run)
            self.state.changed.notify_all()


def _code(failure: Exception) -> str:
    """What of ErrorDetails' codes is said of a failed action."""
    if isinstance(failure, ActionFailure):
        return failure.code
    if isinstance(failure, NotAuthorized):
        return "PermissionError"
    if isinstance(failure, ClientError):
        denied = failure.response["Error"]["Code"] in _DENIED
        return "PermissionError" if denied else "ConfigurationError"
    if not isinstance(failure, BotoCoreError):  # which is the endpoint being stopped
        traceback.print_exception(failure)
    return "InternalError"


def _location(definition: Mapping[str, Any], artifact: str) -> Location:
    store = definition["artifactStore"]
    key = f"{definition['name'][:20]}/{artifact[:10]}/{secrets.token_hex(4)[:7]}"
    return Location(artifact, store["location"], key, store.get("encryptionKey", {}).get("id"))
