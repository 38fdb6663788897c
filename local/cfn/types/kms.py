"""AWS::KMS::Key and its aliases."""

from local.cfn.resource_type import ResourceType, ResourceWork

# days; the schema's default (AWS::KMS::Key, "PendingWindowInDays")
PENDING_WINDOW = 30


def _create_key(work: ResourceWork) -> None:
    key = work.call("kms.create_key", Policy=work.properties.get("KeyPolicy"))["KeyMetadata"]
    work.made(key["KeyId"], Arn=key["Arn"], KeyId=key["KeyId"])
    _set_rotation(work)


def _update_key(work: ResourceWork) -> None:
    if work.changed("KeyPolicy") and "KeyPolicy" in work.properties:
        policy = work.properties["KeyPolicy"]
        work.call("kms.put_key_policy", KeyId=work.id, PolicyName="default", Policy=policy)
    if work.changed("Description"):
        description = work.properties.get("Description", "")
        work.call("kms.update_key_description", KeyId=work.id, Description=description)
    _set_rotation(work)
    work.retag("kms.tag_resource", "kms.untag_resource", KeyId=work.id)


def _set_rotation(work: ResourceWork) -> None:
    if work.changed("EnableKeyRotation"):
        which = "enable" if work.properties.get("EnableKeyRotation") else "disable"
        work.call(f"kms.{which}_key_rotation", KeyId=work.id)


def _delete_key(work: ResourceWork) -> None:
    days = work.properties.get("PendingWindowInDays", PENDING_WINDOW)
    work.call("kms.schedule_key_deletion", KeyId=work.id, PendingWindowInDays=days)


def _create_alias(work: ResourceWork) -> None:
    work.call("kms.create_alias")
    work.made(work.properties["AliasName"])


TYPES = {
    "AWS::KMS::Key": ResourceType(
        frozenset({"Description", "EnableKeyRotation", "KeyPolicy", "PendingWindowInDays", "Tags"}),
        create=_create_key,
        update=_update_key,
        delete=_delete_key,
    ),
    "AWS::KMS::Alias": ResourceType(
        frozenset({"AliasName", "TargetKeyId"}),
        create=_create_alias,
        update=lambda work: work.call("kms.update_alias"),
        delete=lambda work: work.call("kms.delete_alias"),
        name="AliasName",
    ),
}
