"""CodePipeline's operations on executions: see, stop, retry, approve."""

from moto.core.responses import ActionResult

from local import context
from local.codepipeline import run as codepipeline_run
from local.codepipeline import views
from local.codepipeline.definition import actions
from local.codepipeline.records import ActionRun, Execution, Pipeline, PipelineRecords, now
from local.service import AwsError, Service


class Executions(Service):
    service = "codepipeline"
    bad_page = "InvalidNextTokenException"

    def stop_pipeline_execution(self) -> ActionResult:
        _, execution = self._execution(self.get("pipelineExecutionId"))
        stop = "abandon" if self.get("abandon", False) else "wait"
        with self._state.changed:
            if execution.status not in ("InProgress", "Stopping"):
                raise AwsError(
                    "PipelineExecutionNotStoppableException",
                    f"the execution has status {execution.status}",
                )
            if execution.stop in (stop, "abandon"):
                raise AwsError("DuplicatedStopRequestException", "a stop was requested already")
            execution.stop, execution.stop_reason = stop, self.get("reason", "")
            execution.status, execution.updated = "Stopping", now()
            self._state.changed.notify_all()
        return ActionResult({"pipelineExecutionId": execution.id})

    def get_pipeline_execution(self) -> ActionResult:
        pipeline, execution = self._execution(self.get("pipelineExecutionId"))
        view = views.execution(pipeline, execution)
        return ActionResult({"pipelineExecution": view})

    def list_pipeline_executions(self) -> ActionResult:
        pipeline = self._pipeline(self.get("pipelineName"))
        stage = (self.get("filter") or {}).get("succeededInStage", {}).get("stageName")
        found = [
            each
            for each in reversed(pipeline.executions)
            if not stage or each.stages.get(stage) == "Succeeded"
        ]
        return self.page("pipelineExecutionSummaries", [views.summary(each) for each in found])

    def get_pipeline_state(self) -> ActionResult:
        pipeline = self._pipeline(self.get("name"))
        with self._state.changed:
            stages = views.stage_states(pipeline)
        return ActionResult(
            {
                "pipelineName": pipeline.definition["name"],
                "stageStates": stages,
                "pipelineVersion": pipeline.definition["version"],
                "created": pipeline.created,
                "updated": pipeline.updated,
            }
        )

    def list_action_executions(self) -> ActionResult:
        pipeline = self._pipeline(self.get("pipelineName"))
        wanted = self.get("filter") or {}
        identifier = wanted.get("pipelineExecutionId") or wanted.get(
            "latestInPipelineExecution", {}
        ).get("pipelineExecutionId")
        executions = [self._execution(identifier)[1]] if identifier else pipeline.executions
        runs = sorted(
            ((each, run) for each in executions for run in each.actions),
            key=lambda pair: pair[1].started,
            reverse=True,
        )
        return self.page("actionExecutionDetails", [views.action_execution(*row) for row in runs])

    def retry_stage_execution(self) -> ActionResult:
        pipeline, execution = self._execution(self.get("pipelineExecutionId"))
        name = self.get("stageName")
        names = [stage["name"] for stage in execution.definition["stages"]]
        if name not in names:
            raise AwsError("StageNotFoundException", f"there is no stage {name}")
        if pipeline.stage(name).latest is not execution:
            raise AwsError(
                "NotLatestPipelineExecutionException",
                f"stage {name} has run another execution since",
            )
        if execution.stages[name] not in ("Failed", "Stopped") or execution.status == "InProgress":
            raise AwsError("StageNotRetryableException", f"stage {name} has not failed")
        succeeded = {
            run.name for run in execution.actions if run.stage == name and run.status == "Succeeded"
        }
        kept = succeeded if self.get("retryMode") == "FAILED_ACTIONS" else set()
        codepipeline_run.retry(self._state, pipeline, execution, names.index(name), kept)
        return ActionResult({"pipelineExecutionId": execution.id})

    def put_approval_result(self) -> ActionResult:
        run = self._approval(self._pipeline(self.get("pipelineName")))
        if run.approval:
            raise AwsError("ApprovalAlreadyCompletedException", "the approval has its answer")
        with self._state.changed:
            run.approval, run.updated_by = self.get("result"), self.caller().arn
            self._state.changed.notify_all()
        return ActionResult({"approvedAt": now()})

    @property
    def _state(self) -> PipelineRecords:
        return PipelineRecords.here()

    def _pipeline(self, name: str) -> Pipeline:
        if name not in self._state.pipelines:
            raise AwsError(
                "PipelineNotFoundException",
                "Account "
                f"'{context.current().account}' does not have a pipeline with name "
                f"'{name}'",
            )
        return self._state.pipelines[name]

    def _execution(self, identifier: str) -> tuple[Pipeline, Execution]:
        pipeline = self._pipeline(self.get("pipelineName"))
        execution = pipeline.find(identifier)
        if execution is None:
            raise AwsError("PipelineExecutionNotFoundException", f"no execution {identifier}")
        return pipeline, execution

    def _approval(self, pipeline: Pipeline) -> ActionRun:
        place = (self.get("stageName"), self.get("actionName"))
        if place not in [(stage, each["name"]) for stage, each in actions(pipeline.definition)]:
            raise AwsError("ActionNotFoundException", f"no action {place[1]} in {place[0]}")
        for execution in pipeline.executions:
            for run in execution.actions:
                if (run.stage, run.name) == place and run.token == self.get("token"):
                    return run
        raise AwsError("InvalidApprovalTokenException", "the token is not that of the approval")
