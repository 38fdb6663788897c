"""AWS::IAM::Role, with its policies, and AWS::IAM::ManagedPolicy."""

from collections.abc import Mapping
from typing import Any

from local.cfn.resource_type import ResourceType, ResourceWork


def _create(work: ResourceWork) -> None:
    role = work.call("iam.create_role", RoleName=work.name("RoleName"))["Role"]
    work.made(role["RoleName"], Arn=role["Arn"], RoleId=role["RoleId"])
    _set_policies(work)


def _update(work: ResourceWork) -> None:
    if work.changed("AssumeRolePolicyDocument"):
        trust = work.properties["AssumeRolePolicyDocument"]
        work.call("iam.update_assume_role_policy", RoleName=work.id, PolicyDocument=trust)
    if work.changed("Description"):
        description = work.properties.get("Description", "")
        work.call("iam.update_role", RoleName=work.id, Description=description)
    if work.changed("PermissionsBoundary"):
        if "PermissionsBoundary" in work.properties:
            work.call("iam.put_role_permissions_boundary", RoleName=work.id)
        else:
            work.call("iam.delete_role_permissions_boundary", RoleName=work.id)
    _set_policies(work)
    work.retag("iam.tag_role", "iam.untag_role", RoleName=work.id)


def _set_policies(work: ResourceWork) -> None:
    wanted, before = _policies(work.properties), _policies(work.previous)
    for name in before.keys() - wanted.keys():
        work.call("iam.delete_role_policy", RoleName=work.id, PolicyName=name)
    for name, policy in wanted.items():
        work.call("iam.put_role_policy", RoleName=work.id, PolicyName=name, PolicyDocument=policy)
    attached = set(work.properties.get("ManagedPolicyArns", []))
    attached_before = set(work.previous.get("ManagedPolicyArns", []))
    for arn in sorted(attached_before - attached):
        work.call("iam.detach_role_policy", RoleName=work.id, PolicyArn=arn)
    for arn in sorted(attached - attached_before):
        work.call("iam.attach_role_policy", RoleName=work.id, PolicyArn=arn)


def _policies(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {one["PolicyName"]: one["PolicyDocument"] for one in properties.get("Policies", [])}


def _delete(work: ResourceWork) -> None:
    for name in work.call("iam.list_role_policies", RoleName=work.id)["PolicyNames"]:
        work.call("iam.delete_role_policy", RoleName=work.id, PolicyName=name)
    for one in work.call("iam.list_attached_role_policies", RoleName=work.id)["AttachedPolicies"]:
        work.call("iam.detach_role_policy", RoleName=work.id, PolicyArn=one["PolicyArn"])
    work.call("iam.delete_role", RoleName=work.id)


def _create_policy(work: ResourceWork) -> None:
    name = work.name("ManagedPolicyName")
    policy = work.call("iam.create_policy", PolicyName=name)["Policy"]
    work.made(policy["Arn"], PolicyArn=policy["Arn"])


def _update_policy(work: ResourceWork) -> None:
    """The default version is replaced; older ones go first, as IAM keeps five at most."""
    _drop_old_versions(work)
    work.call("iam.create_policy_version", PolicyArn=work.id, SetAsDefault=True)


def _drop_old_versions(work: ResourceWork) -> None:
    for version in work.call("iam.list_policy_versions", PolicyArn=work.id)["Versions"]:
        if not version["IsDefaultVersion"]:
            number = version["VersionId"]
            work.call("iam.delete_policy_version", PolicyArn=work.id, VersionId=number)


def _delete_policy(work: ResourceWork) -> None:
    _drop_old_versions(work)
    work.call("iam.delete_policy", PolicyArn=work.id)


TYPES = {
    "AWS::IAM::Role": ResourceType(
        frozenset(
            {
                *("RoleName", "AssumeRolePolicyDocument", "Description", "Policies", "Tags"),
                *("PermissionsBoundary", "ManagedPolicyArns"),
            }
        ),
        create=_create,
        update=_update,
        delete=_delete,
        name="RoleName",
    ),
    "AWS::IAM::ManagedPolicy": ResourceType(
        frozenset({"ManagedPolicyName", "Description", "PolicyDocument"}),
        create=_create_policy,
        update=_update_policy,
        delete=_delete_policy,
        name="ManagedPolicyName",
    ),
}
