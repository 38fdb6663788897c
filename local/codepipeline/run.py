"""How an execution goes through its pipeline ("How pipeline executions work"): a stage holds one
execution at a time; others wait in front of it, in order (QUEUED) or until a newer one takes
their place (SUPERSEDED)."""

import itertools
import threading
from collections.abc import Mapping
from typing import Any

from local.background import background
from local.codepipeline.actions import perform
from local.codepipeline.records import ActionRun, Execution, Pipeline, PipelineRecords, now

POLL = 0.3


def launch(state: PipelineRecords, pipeline: Pipeline, execution: Execution) -> None:
    """Queue a new execution in front of the first stage and let it run."""
    with state.changed:
        pipeline.executions.append(execution)
        _queue(pipeline, execution, execution.definition["stages"][0]["name"])
    execution.announce("STARTED")
    background(_Run(state, pipeline, execution).run, 0, set())


def retry(
    state: PipelineRecords, pipeline: Pipeline, execution: Execution, number: int, kept: set[str]
) -> None:
    """Run stage `number` again, without the actions in `kept`, and what follows it."""
    with state.changed:
        execution.status, execution.stop, execution.updated = "InProgress", None, now()
        _queue(pipeline, execution, execution.definition["stages"][number]["name"])
    execution.announce("RESUMED")
    background(_Run(state, pipeline, execution).run, number, kept)


def _queue(pipeline: Pipeline, execution: Execution, stage: str) -> None:
    queue = pipeline.stage(stage).queue
    if execution.definition["executionMode"] == "SUPERSEDED":
        for waiting in queue:
            waiting.end("Superseded")
        queue.clear()
    queue.append(execution)


class _Run:
    def __init__(self, state: PipelineRecords, pipeline: Pipeline, execution: Execution) -> None:
        self.state, self.pipeline, self.execution = state, pipeline, execution

    def run(self, first: int, kept: set[str]) -> None:
        stages = self.execution.definition["stages"]
        for number in range(first, len(stages)):
            stage, left = stages[number], stages[number + 1 :]
            if not self._enter(stage["name"]):
                return
            verdict = self._actions(stage, kept)
            kept = set()
            with self.state.changed:
                self.execution.stages[stage["name"]] = verdict
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

    def _enter(self, name: str) -> bool:
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
            execution.stages[name] = "InProgress"
            execution.updated = now()
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
            runs = [ActionRun(stage["name"], action) for action in group]
            with self.state.changed:
                self.execution.actions += runs
            for run in runs:
                threading.Thread(
                    target=perform,
                    args=(self.state, self.pipeline, self.execution, run),
                    daemon=True,
                    name=f"action-{run.name}",
                ).start()
            self._wait(runs)
            if any(run.status == "Abandoned" for run in runs):
                return "Stopped"
            if any(run.status == "Failed" for run in runs):
                return "Stopped" if self.execution.stop else "Failed"
        return "Succeeded"

    def _wait(self, runs: list[ActionRun]) -> None:
        """Until all have ended; to abandon leaves what they started running, as AWS does: the
        CodePipeline role may start builds and executions, it need not be able to stop them."""
        with self.state.changed:
            while any(run.status == "InProgress" for run in runs):
                if self.execution.stop == "abandon":
                    for run in runs:
                        if run.status == "InProgress":
                            run.status, run.updated = "Abandoned", now()
                    return
                self.state.changed.wait(POLL)
