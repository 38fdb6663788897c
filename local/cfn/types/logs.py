"""AWS::Logs::LogGroup and AWS::Logs::ResourcePolicy."""

from local.cfn.handler import Handler, Work
from local.cfn.types.common import document, stale_tags, tags


def _create_group(work: Work) -> None:
    name = work.name("LogGroupName", 512)
    key = {"kmsKeyId": work.properties["KmsKeyId"]} if "KmsKeyId" in work.properties else {}
    given = {"tags": tags(work.properties)} if tags(work.properties) else {}
    work.client("logs").create_log_group(logGroupName=name, **key, **given)
    work.made(name, Arn=work.context.arn("logs", f"log-group:{name}:*"))
    _set_retention(work)


def _set_retention(work: Work) -> None:
    logs, group = work.client("logs"), {"logGroupName": work.id}
    if "RetentionInDays" in work.properties:
        logs.put_retention_policy(retentionInDays=work.properties["RetentionInDays"], **group)
    elif work.changed("RetentionInDays"):
        logs.delete_retention_policy(**group)


def _update_group(work: Work) -> None:
    logs, arn = work.client("logs"), work.attributes["Arn"].removesuffix(":*")
    if work.changed("KmsKeyId"):
        if "KmsKeyId" in work.properties:
            logs.associate_kms_key(logGroupName=work.id, kmsKeyId=work.properties["KmsKeyId"])
        else:
            logs.disassociate_kms_key(logGroupName=work.id)
    if stale := stale_tags(work):
        logs.untag_resource(resourceArn=arn, tagKeys=stale)
    if work.changed("Tags") and (added := tags(work.properties)):
        logs.tag_resource(resourceArn=arn, tags=added)
    _set_retention(work)


def _put_policy(work: Work) -> None:
    name, policy = work.properties["PolicyName"], work.properties["PolicyDocument"]
    work.client("logs").put_resource_policy(policyName=name, policyDocument=document(policy))
    work.made(name)


HANDLERS = {
    "AWS::Logs::LogGroup": Handler(
        frozenset({"LogGroupName", "RetentionInDays", "KmsKeyId", "Tags"}),
        create=_create_group,
        update=_update_group,
        delete=lambda work: work.client("logs").delete_log_group(logGroupName=work.id),
        name="LogGroupName",
    ),
    "AWS::Logs::ResourcePolicy": Handler(
        frozenset({"PolicyName", "PolicyDocument"}),
        create=_put_policy,
        update=_put_policy,
        delete=lambda work: work.client("logs").delete_resource_policy(policyName=work.id),
        name="PolicyName",
    ),
}
