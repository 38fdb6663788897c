"""AWS::CodePipeline::Pipeline."""

from typing import Any

from local.cfn.conditions import text
from local.cfn.handler import Handler, Work
from local.cfn.types.common import lower, stale_tags, tag_list

OWN = {"Tags", "RestartExecutionOnUpdate"}


def _declaration(work: Work, name: str) -> dict[str, Any]:
    """The pipeline structure of CreatePipeline; an action's Configuration keeps its keys."""
    wanted = {k: v for k, v in work.properties.items() if k not in OWN}
    pipeline: dict[str, Any] = {**lower(wanted, {"Configuration"}), "name": name}
    for stage in pipeline["stages"]:
        for action in stage["actions"]:
            action["configuration"] = {
                key: text(value) for key, value in action.get("configuration", {}).items()
            }
    return pipeline


def _create(work: Work) -> None:
    name = work.name("Name", 100)
    made = work.client("codepipeline").create_pipeline(
        pipeline=_declaration(work, name), tags=tag_list(work, "key", "value")
    )["pipeline"]
    work.made(name, Arn=_arn(work, name), Version=str(made.get("version", 1)))


def _update(work: Work) -> None:
    codepipeline = work.client("codepipeline")
    same = all(not work.changed(k) for k in {*work.properties, *work.previous} - OWN)
    if not same:
        made = codepipeline.update_pipeline(pipeline=_declaration(work, work.id))["pipeline"]
        work.attributes["Version"] = str(made["version"])
    if stale := stale_tags(work):
        codepipeline.untag_resource(resourceArn=_arn(work, work.id), tagKeys=stale)
    if work.changed("Tags") and (added := tag_list(work, "key", "value")):
        codepipeline.tag_resource(resourceArn=_arn(work, work.id), tags=added)
    if work.properties.get("RestartExecutionOnUpdate") and not same:
        codepipeline.start_pipeline_execution(name=work.id)


def _arn(work: Work, name: str) -> str:
    return work.context.arn("codepipeline", name)


HANDLERS = {
    "AWS::CodePipeline::Pipeline": Handler(
        frozenset(
            {
                "Name",
                "RoleArn",
                "PipelineType",
                "ExecutionMode",
                "ArtifactStore",
                "Stages",
                "Triggers",
                "Variables",
                "RestartExecutionOnUpdate",
                "Tags",
            }
        ),
        create=_create,
        update=_update,
        delete=lambda work: work.client("codepipeline").delete_pipeline(name=work.id),
        name="Name",
    ),
}
