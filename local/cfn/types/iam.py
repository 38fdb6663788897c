"""AWS::IAM::Role and AWS::IAM::Policy."""

from typing import Any

from local.cfn.handler import Handler, Work
from local.cfn.types.common import document, stale_tags, tag_list


def _create_role(work: Work) -> None:
    name = work.name("RoleName")
    role = work.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=document(work.properties["AssumeRolePolicyDocument"]),
        Tags=tag_list(work),
        **work.given("Path", "Description", "MaxSessionDuration", "PermissionsBoundary"),
    )["Role"]
    work.made(name, Arn=role["Arn"], RoleId=role["RoleId"])
    _set_policies(work)


def _update_role(work: Work) -> None:
    iam, role = work.client("iam"), {"RoleName": work.id}
    if work.changed("AssumeRolePolicyDocument"):
        trust = document(work.properties["AssumeRolePolicyDocument"])
        iam.update_assume_role_policy(PolicyDocument=trust, **role)
    if work.changed("Description") or work.changed("MaxSessionDuration"):
        iam.update_role(
            Description=work.properties.get("Description", ""),
            MaxSessionDuration=work.properties.get("MaxSessionDuration", 3600),
            **role,
        )
    if boundary := work.given("PermissionsBoundary"):
        iam.put_role_permissions_boundary(**boundary, **role)
    elif work.changed("PermissionsBoundary"):
        iam.delete_role_permissions_boundary(**role)
    if stale := stale_tags(work):
        iam.untag_role(TagKeys=stale, **role)
    if added := tag_list(work):
        iam.tag_role(Tags=added, **role)
    _set_policies(work)


def _set_policies(work: Work) -> None:
    iam, role = work.client("iam"), {"RoleName": work.id}
    inline = _inline(work.properties)
    for name in _inline(work.previous).keys() - inline.keys():
        iam.delete_role_policy(PolicyName=name, **role)
    for name, policy in inline.items():
        iam.put_role_policy(PolicyName=name, PolicyDocument=document(policy), **role)
    managed = set(work.properties.get("ManagedPolicyArns", []))
    before = set(work.previous.get("ManagedPolicyArns", []))
    for arn in sorted(before - managed):
        iam.detach_role_policy(PolicyArn=arn, **role)
    for arn in sorted(managed - before):
        iam.attach_role_policy(PolicyArn=arn, **role)


def _delete_role(work: Work) -> None:
    iam, role = work.client("iam"), {"RoleName": work.id}
    for name in iam.list_role_policies(**role)["PolicyNames"]:
        iam.delete_role_policy(PolicyName=name, **role)
    for policy in iam.list_attached_role_policies(**role)["AttachedPolicies"]:
        iam.detach_role_policy(PolicyArn=policy["PolicyArn"], **role)
    iam.delete_role(**role)


def _inline(properties: Any) -> dict[str, Any]:
    return {one["PolicyName"]: one["PolicyDocument"] for one in properties.get("Policies", [])}


def _create_policy(work: Work) -> None:
    name = work.name("", 128)
    work.made(name, Id=name)
    _update_policy(work)


def _update_policy(work: Work) -> None:
    iam, name = work.client("iam"), work.properties["PolicyName"]
    for role, old in _places(work.previous) - _places(work.properties):
        iam.delete_role_policy(RoleName=role, PolicyName=old)
    policy = document(work.properties["PolicyDocument"])
    for role in work.properties.get("Roles", []):
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=policy)


def _delete_policy(work: Work) -> None:
    for role, name in _places(work.properties):
        work.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


def _places(properties: Any) -> set[tuple[str, str]]:
    return {(role, properties["PolicyName"]) for role in properties.get("Roles", [])}


HANDLERS = {
    "AWS::IAM::Role": Handler(
        frozenset(
            {
                "RoleName",
                "AssumeRolePolicyDocument",
                "Description",
                "ManagedPolicyArns",
                "MaxSessionDuration",
                "Path",
                "PermissionsBoundary",
                "Policies",
                "Tags",
            }
        ),
        create=_create_role,
        update=_update_role,
        delete=_delete_role,
        name="RoleName",
    ),
    "AWS::IAM::Policy": Handler(
        frozenset({"PolicyName", "PolicyDocument", "Roles"}),
        create=_create_policy,
        update=_update_policy,
        delete=_delete_policy,
    ),
}
