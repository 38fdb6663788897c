"""AWS::SSM::Parameter."""

from typing import Any

from local.cfn.handler import Handler, Work
from local.cfn.types.common import stale_tags, tag_list

APPLIED = ("Type", "Value", "Description", "AllowedPattern", "DataType", "Tier")


def _create(work: Work) -> None:
    name = work.name("Name", 1011)
    work.client("ssm").put_parameter(Name=name, Tags=tag_list(work), **work.given(*APPLIED))
    work.made(name, **_attributes(work, name))


def _update(work: Work) -> None:
    ssm = work.client("ssm")
    ssm.put_parameter(Name=work.id, Overwrite=True, **work.given(*APPLIED))
    place = {"ResourceType": "Parameter", "ResourceId": work.id}
    if stale := stale_tags(work):
        ssm.remove_tags_from_resource(TagKeys=stale, **place)
    if work.changed("Tags") and (added := tag_list(work)):
        ssm.add_tags_to_resource(Tags=added, **place)
    work.attributes = _attributes(work, work.id)


def _attributes(work: Work, name: str) -> dict[str, Any]:
    arn = work.context.arn("ssm", f"parameter/{name.lstrip('/')}")
    return {"Arn": arn, **work.given("Type", "Value")}


HANDLERS = {
    "AWS::SSM::Parameter": Handler(
        frozenset({"Name", "Tags", *APPLIED}),
        create=_create,
        update=_update,
        delete=lambda work: work.client("ssm").delete_parameter(Name=work.id),
        name="Name",
    ),
}
