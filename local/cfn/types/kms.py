"""AWS::KMS::Key and its aliases."""

from local.cfn.handler import Handler, Work
from local.cfn.types.common import document, stale_tags, tag_list

# days; the schema's default (AWS::KMS::Key, "PendingWindowInDays")
PENDING_WINDOW = 30


def _create_key(work: Work) -> None:
    policy = {"Policy": document(work.properties["KeyPolicy"])} if _has(work, "KeyPolicy") else {}
    key = work.client("kms").create_key(
        Tags=tag_list(work, "TagKey", "TagValue"), **policy, **work.given("Description")
    )["KeyMetadata"]
    work.made(key["KeyId"], Arn=key["Arn"], KeyId=key["KeyId"])
    _set_state(work)


def _update_key(work: Work) -> None:
    kms = work.client("kms")
    if work.changed("KeyPolicy") and _has(work, "KeyPolicy"):
        policy = document(work.properties["KeyPolicy"])
        kms.put_key_policy(KeyId=work.id, PolicyName="default", Policy=policy)
    if work.changed("Description"):
        kms.update_key_description(
            KeyId=work.id, Description=work.properties.get("Description", "")
        )
    if stale := stale_tags(work):
        kms.untag_resource(KeyId=work.id, TagKeys=stale)
    if work.changed("Tags") and _has(work, "Tags"):
        kms.tag_resource(KeyId=work.id, Tags=tag_list(work, "TagKey", "TagValue"))
    _set_state(work)


def _set_state(work: Work) -> None:
    kms = work.client("kms")
    if work.changed("EnableKeyRotation") or work.changed("RotationPeriodInDays"):
        if work.properties.get("EnableKeyRotation"):
            kms.enable_key_rotation(KeyId=work.id, **work.given("RotationPeriodInDays"))
        else:
            kms.disable_key_rotation(KeyId=work.id)
    if work.changed("Enabled"):
        enabled = work.properties.get("Enabled", True)
        (kms.enable_key if enabled else kms.disable_key)(KeyId=work.id)


def _delete_key(work: Work) -> None:
    days = work.properties.get("PendingWindowInDays", PENDING_WINDOW)
    work.client("kms").schedule_key_deletion(KeyId=work.id, PendingWindowInDays=days)


def _create_alias(work: Work) -> None:
    name = work.properties["AliasName"]
    work.client("kms").create_alias(AliasName=name, TargetKeyId=work.properties["TargetKeyId"])
    work.made(name)


def _update_alias(work: Work) -> None:
    work.client("kms").update_alias(AliasName=work.id, TargetKeyId=work.properties["TargetKeyId"])


def _has(work: Work, key: str) -> bool:
    return key in work.properties


HANDLERS = {
    "AWS::KMS::Key": Handler(
        frozenset(
            {
                "Description",
                "EnableKeyRotation",
                "Enabled",
                "KeyPolicy",
                "PendingWindowInDays",
                "RotationPeriodInDays",
                "Tags",
            }
        ),
        create=_create_key,
        update=_update_key,
        delete=_delete_key,
    ),
    "AWS::KMS::Alias": Handler(
        frozenset({"AliasName", "TargetKeyId"}),
        create=_create_alias,
        update=_update_alias,
        delete=lambda work: work.client("kms").delete_alias(AliasName=work.id),
        name="AliasName",
    ),
}
