"""AWS::Events::Rule."""

from local.cfn.errors import AlreadyExists
from local.cfn.handler import Handler, Work
from local.cfn.types.common import document, exists, stale_tags, tag_list


def _create(work: Work) -> None:
    name = work.name("Name")
    if exists(work.client("events").describe_rule, Name=name):  # PutRule would change it
        raise AlreadyExists(name)
    arn = work.context.arn("events", f"rule/{name}")
    _put_rule(work, name)
    work.made(name, Arn=arn, RuleName=name)
    _put_targets(work)


def _update(work: Work) -> None:
    events, arn = work.client("events"), work.attributes["Arn"]
    _put_rule(work, work.id)
    if stale := stale_tags(work):
        events.untag_resource(ResourceARN=arn, TagKeys=stale)
    if work.changed("Tags") and (added := tag_list(work)):
        events.tag_resource(ResourceARN=arn, Tags=added)
    kept = {target["Id"] for target in work.properties.get("Targets", [])}
    before = {target["Id"] for target in work.previous.get("Targets", [])}
    if gone := sorted(before - kept):
        events.remove_targets(Rule=work.id, Ids=gone)
    _put_targets(work)


def _put_rule(work: Work, name: str) -> None:
    pattern = work.properties.get("EventPattern")
    tags = {} if work.id else {"Tags": tag_list(work)}  # PutRule ignores the tags of an update
    work.client("events").put_rule(
        Name=name,
        **({"EventPattern": document(pattern)} if pattern else {}),
        **work.given("ScheduleExpression", "State", "Description", "RoleArn"),
        **tags,
    )


def _put_targets(work: Work) -> None:
    if targets := work.properties.get("Targets"):
        work.client("events").put_targets(Rule=work.id, Targets=targets)


def _delete(work: Work) -> None:
    events = work.client("events")
    if ids := [target["Id"] for target in work.properties.get("Targets", [])]:
        events.remove_targets(Rule=work.id, Ids=ids)
    events.delete_rule(Name=work.id)


HANDLERS = {
    "AWS::Events::Rule": Handler(
        frozenset(
            {
                "Name",
                "Description",
                "EventPattern",
                "ScheduleExpression",
                "State",
                "RoleArn",
                "Targets",
                "Tags",
            }
        ),
        create=_create,
        update=_update,
        delete=_delete,
        name="Name",
    ),
}
