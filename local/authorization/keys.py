"""What is asked of a KMS key: by its own API, and by services in their callers' names.

"kms:ViaService": "Use the .amazonaws.com suffix of the AWS KMS ViaService name in all AWS
partitions" (KMS Developer Guide, "AWS KMS condition keys").
"""

import base64
from collections.abc import Iterator, Mapping

from moto.kms.models import Key, kms_backends

from local.authorization.ask import Ask, Unjudged
from local.context import current
from local.door.request import Asked

_WITHOUT_RESOURCE = {"CreateKey", "ListAliases", "ListKeys"}
_OF_AN_ALIAS = {"CreateAlias", "DeleteAlias", "UpdateAlias"}
_OF_A_KEY = {
    *("CancelKeyDeletion", "Decrypt", "DescribeKey", "DisableKey", "EnableKey"),
    *("DisableKeyRotation", "EnableKeyRotation", "Encrypt", "GenerateDataKey", "GetKeyPolicy"),
    *("GenerateDataKeyWithoutPlaintext", "GetKeyRotationStatus", "ListKeyPolicies"),
    *("ListResourceTags", "PutKeyPolicy", "ScheduleKeyDeletion"),
    *("TagResource", "UntagResource", "UpdateKeyDescription"),
}
_CIPHERTEXT_KEY = 36  # what moto encrypts begins with the key's ID


def find(name: str) -> Key | None:
    """The customer's key of this ID, ARN or alias; None for those of AWS, and for none at all."""
    here = current()
    backend = kms_backends[here.account][here.region]
    if "alias/" in name:
        alias = "alias/" + name.partition("alias/")[2]
        return next((each for each in backend.keys.values() if alias in each.aliases), None)
    return backend.keys.get(name.rpartition("/")[2])


def arn(name: str) -> str:
    """The ARN of a key that a request names, as policies have it."""
    key = find(name)
    return key.arn if key else name if name.startswith("arn:") else _arn(f"key/{name}")


def tags(key_arn: str) -> dict[str, str]:
    """The tags of a key, by their names."""
    key, here = find(key_arn), current()
    if key is None:
        return {}
    told = kms_backends[here.account][here.region].list_resource_tags(key.id)
    return {one["TagKey"]: one["TagValue"] for one in told["Tags"]}


def used(service: str, name: str | None, *actions: str, **context: str) -> Iterator[Ask]:
    """The actions on a customer's key that `service` asks of its caller; on AWS's own none."""
    key = find(name) if name else None
    if key:
        via = {"kms:ViaService": f"{service}.{current().region}.amazonaws.com", **context}
        yield from (Ask(f"kms:{action}", key.arn, via) for action in actions)


def lent(service: str, name: str | None, or_of: str = "") -> Iterator[Ask]:
    """A grant for AWS's own use of the key, which `service` makes in its caller's name."""
    for ask in used(service, name, "CreateGrant", **{"kms:GrantIsForAWSResource": "true"}):
        yield Ask(ask.action, ask.resource, ask.context, or_of=or_of)


def asks(call: Asked) -> Iterator[Ask]:
    """What KMS's own operations ask for. Raises Unjudged."""
    action, members = f"kms:{call.name}", call.members
    context = _encryption_context(members.get("EncryptionContext") or {})
    if call.name in _WITHOUT_RESOURCE:
        yield Ask(action, context=context)
        if members.get("Tags"):
            yield Ask("kms:TagResource", _arn("key/*"), context)
    elif call.name in _OF_AN_ALIAS:
        yield Ask(action, _arn(members.get("AliasName", "")))
        names = ["TargetKeyId"] if call.name == "CreateAlias" else ["TargetKeyId", "AliasName"]
        # … and on its key: where it gets another, on both (API reference, UpdateAlias)
        keys = {arn(members[name]) for name in names if name in members}
        yield from (Ask(action, each) for each in sorted(keys))
    elif call.name in _OF_A_KEY:
        named = members.get("KeyId") or _of_ciphertext(call)
        yield Ask(action, arn(named), context)
    else:
        raise Unjudged(action)


def _of_ciphertext(call: Asked) -> str:
    blob = call.members.get("CiphertextBlob")
    if not blob:
        raise Unjudged(f"kms:{call.name} without KeyId")
    return base64.b64decode(blob)[:_CIPHERTEXT_KEY].decode(errors="replace")


def _encryption_context(given: Mapping[str, str]) -> dict[str, str | list[str] | None]:
    return {f"kms:EncryptionContext:{name}": value for name, value in given.items()}


def _arn(resource: str) -> str:
    return current().arn("kms", resource)
