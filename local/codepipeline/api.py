"""CodePipeline: pipelines that run here (CodePipeline API Reference)."""

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from local.codepipeline import views, work
from local.codepipeline.definition import actions, check
from local.codepipeline.records import ActionRun, Execution, Pipeline, PipelineRecords
from local.context import current
from local.credentials import NotAuthorized, administrator, assume
from local.refusals import unsupported
from local.service import AwsError, Service, now


class CodePipeline(Service):
    service = "codepipeline"
    bad_page = "InvalidNextTokenException"

    def create_pipeline(self) -> ActionResult:
        """As in AWS, creating a pipeline starts its first execution."""
        declared = self._checked()
        name, tags = declared["name"], _tags(self.get("tags", []))
        with self._state.changed:
            if name in self._state.pipelines:
                raise AwsError("PipelineNameInUseException", f"pipeline {name} exists already")
            pipeline = self._state.pipelines[name] = Pipeline({**declared, "version": 1}, tags)
        self._launch(
            pipeline, {"triggerType": "CreatePipeline", "triggerDetail": self.caller().arn}, {}, {}
        )
        return ActionResult({"pipeline": pipeline.definition, "tags": self.get("tags", [])})

    def update_pipeline(self) -> ActionResult:
        """Executions under way go on with the version they started with."""
        declared = self._checked()
        pipeline = self._pipeline(declared["name"])
        with self._state.changed:
            version = pipeline.definition["version"] + 1
            pipeline.definition = {**declared, "version": version}
            pipeline.updated = now()
        return ActionResult({"pipeline": pipeline.definition})

    def get_pipeline(self) -> ActionResult:
        pipeline = self._pipeline(self.get("name"))
        if self.get("version", pipeline.definition["version"]) != pipeline.definition["version"]:
            raise AwsError("PipelineVersionNotFoundException", "only the newest version is kept")
        return ActionResult(
            {
                "pipeline": pipeline.definition,
                "metadata": {
                    "pipelineArn": pipeline.arn,
                    "created": pipeline.created,
                    "updated": pipeline.updated,
                },
            }
        )

    def delete_pipeline(self) -> EmptyResult:
        with self._state.changed:
            pipeline = self._state.pipelines.pop(self.get("name"), None)
            for execution in pipeline.executions if pipeline else []:
                execution.stop = "abandon"
            self._state.changed.notify_all()
        return EmptyResult()

    def list_pipelines(self) -> ActionResult:
        rows = [
            {
                **{
                    key: pipeline.definition[key]
                    for key in ("name", "version", "pipelineType", "executionMode")
                },
                "created": pipeline.created,
                "updated": pipeline.updated,
            }
            for pipeline in self._state.pipelines.values()
        ]
        return self.page("pipelines", rows)

    def start_pipeline_execution(self) -> ActionResult:
        pipeline = self._pipeline(self.get("name"))
        declared = {each["name"] for each in pipeline.definition.get("variables", [])}
        variables = {each["name"]: each["value"] for each in self.get("variables", [])}
        for name in variables.keys() - declared:
            raise AwsError("ValidationException", f"the pipeline has no variable '{name}'")
        revisions = {}
        for each in self.get("sourceRevisions", []):
            if each["revisionType"] != "COMMIT_ID":
                raise AwsError(
                    "ValidationException",
                    unsupported(f"revisionType {each['revisionType']}", "COMMIT_ID"),
                )
            revisions[each["actionName"]] = each["revisionValue"]
        execution = self._launch(pipeline, self._trigger(pipeline), variables, revisions)
        return ActionResult({"pipelineExecutionId": execution.id})

    def stop_pipeline_execution(self) -> ActionResult:
        _, execution = self._execution()
        stop = "abandon" if self.get("abandon", False) else "wait"
        with self._state.changed:
            if execution.status not in ("InProgress", "Stopping"):
                raise AwsError(
                    "PipelineExecutionNotStoppableException",
                    f"the execution has status {execution.status}",
                )
            if execution.stop in (stop, "abandon"):
                raise AwsError("DuplicatedStopRequestException", "a stop was requested already")
            execution.request_stop(stop, self.get("reason", ""))
            self._state.changed.notify_all()
        return ActionResult({"pipelineExecutionId": execution.id})

    def get_pipeline_execution(self) -> ActionResult:
        pipeline, execution = self._execution()
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
        pipeline, execution = self._execution()
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
        work.retry(self._state, pipeline, execution, names.index(name), kept)
        return ActionResult({"pipelineExecutionId": execution.id})

    def put_approval_result(self) -> ActionResult:
        run = self._approval(self._pipeline(self.get("pipelineName")))
        if run.approval:
            raise AwsError("ApprovalAlreadyCompletedException", "the approval has its answer")
        with self._state.changed:
            run.approval, run.updated_by = self.get("result"), self.caller().arn
            self._state.changed.notify_all()
        return ActionResult({"approvedAt": now()})

    def list_tags_for_resource(self) -> ActionResult:
        tags = self._by_arn().tags
        return ActionResult({"tags": [{"key": k, "value": v} for k, v in tags.items()]})

    def tag_resource(self) -> ActionResult:
        self._by_arn().tags.update(_tags(self.get("tags")))
        return ActionResult({})

    def untag_resource(self) -> ActionResult:
        for key in self.get("tagKeys"):
            self._by_arn().tags.pop(key, None)
        return ActionResult({})

    @property
    def _state(self) -> PipelineRecords:
        return PipelineRecords.here()

    def _pipeline(self, name: str) -> Pipeline:
        if name not in self._state.pipelines:
            account = current().account
            raise AwsError(
                "PipelineNotFoundException",
                f"Account '{account}' does not have a pipeline with name '{name}'",
            )
        return self._state.pipelines[name]

    def _execution(self, identifier: str = "") -> tuple[Pipeline, Execution]:
        """The execution that the request is about, or the one that its filter names."""
        pipeline = self._pipeline(self.get("pipelineName"))
        wanted = identifier or self.get("pipelineExecutionId")
        execution = pipeline.find(wanted)
        if execution is None:
            raise AwsError("PipelineExecutionNotFoundException", f"no execution {wanted}")
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

    def _checked(self) -> dict[str, Any]:
        """The declaration in the request, once it and its role hold."""
        here = current()
        declared = check(self.get("pipeline"), here.region)
        try:
            assume(
                declared["roleArn"],
                "codepipeline.amazonaws.com",
                "validation",
                here.arn("codepipeline", declared["name"]),
            )
        except NotAuthorized as error:
            raise AwsError(
                "InvalidStructureException",
                "CodePipeline is not authorized to perform "
                f"AssumeRole on role {declared['roleArn']}: {error}",
            ) from None
        return declared

    def _launch(
        self,
        pipeline: Pipeline,
        trigger: dict[str, str],
        variables: dict[str, str],
        revisions: dict[str, str],
    ) -> Execution:
        definition = pipeline.definition
        values = {
            each["name"]: variables.get(each["name"], each.get("defaultValue"))
            for each in definition.get("variables", [])
        }
        for name in [name for name, value in values.items() if value is None]:
            raise AwsError("ValidationException", f"variable '{name}' needs a value")
        known = {action["name"] for _, action in actions(definition)}
        for name in revisions.keys() - known:
            raise AwsError("ValidationException", f"the pipeline has no action '{name}'")
        execution = Execution(definition, trigger, values, revisions)
        work.launch(self._state, pipeline, execution)
        return execution

    def _trigger(self, pipeline: Pipeline) -> dict[str, str]:
        """An EventBridge rule starts a pipeline in a session that carries the rule's name."""
        arn = self.caller().arn
        events = administrator().client("events")
        rules = events.list_rule_names_by_target(TargetArn=pipeline.arn)["RuleNames"]
        session = arn.rsplit("/", 1)[-1]
        if ":assumed-role/" in arn and session in rules:
            rule = current().arn("events", f"rule/{session}")
            return {"triggerType": "CloudWatchEvent", "triggerDetail": rule}
        return {"triggerType": "StartPipelineExecution", "triggerDetail": arn}

    def _by_arn(self) -> Pipeline:
        name = self.get("resourceArn").rsplit(":", 1)[-1]
        if name not in self._state.pipelines:
            raise AwsError("ResourceNotFoundException", f"no pipeline {name}")
        return self._state.pipelines[name]


def _tags(listed: list[dict[str, str]]) -> dict[str, str]:
    return {each["key"]: each["value"] for each in listed}
