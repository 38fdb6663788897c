"""Stacks, resources, templates and change sets in the shapes of the CloudFormation API."""

import json
from collections.abc import Mapping
from typing import Any

from local.cfn.functions import text
from local.cfn.plan import Plan
from local.cfn.records import ChangeSetRecord, Resource, Stack
from local.cfn.template import NAMED_IAM, Template


def stack_view(stack: Stack) -> dict[str, Any]:
    return {
        **summary(stack),
        "Parameters": parameters(stack.plan),
        "Outputs": list(stack.outputs.values()),
        "Capabilities": list(stack.plan.capabilities),
        "Tags": tags(stack.plan.tags),
        "RoleARN": stack.plan.role,
        "DisableRollback": stack.on_failure == "DO_NOTHING",
        "EnableTerminationProtection": stack.protected,
        "NotificationARNs": [],
        "Description": stack.plan.template.description,
    }


def summary(stack: Stack) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason or None,
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "DeletionTime": stack.deleted,
        "TemplateDescription": stack.plan.template.description,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def resource_view(stack: Stack, resource: Resource) -> dict[str, Any]:
    return {
        "StackId": stack.id,
        "StackName": stack.name,
        "LogicalResourceId": resource.logical,
        "PhysicalResourceId": resource.id,
        "ResourceType": resource.type,
        "ResourceStatus": resource.status,
        "ResourceStatusReason": resource.reason or None,
        "Timestamp": resource.updated,
        "LastUpdatedTimestamp": resource.updated,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def parameters(plan: Plan) -> list[dict[str, str]]:
    declared = plan.template.parameters
    return [
        {"ParameterKey": k, "ParameterValue": "****" if _secret(declared[k]) else value}
        for k, value in plan.parameters.items()
    ]


def tags(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in given.items()]


def template_view(template: Template) -> dict[str, Any]:
    """What GetTemplateSummary and ValidateTemplate tell of a template."""
    named = [one for one in template.types() if one in NAMED_IAM]
    reason = f"The following resource(s) require capabilities: [{', '.join(named)}]"
    return {
        "Description": template.description,
        "Parameters": [_declared(k, value) for k, value in template.parameters.items()],
        "Capabilities": template.capabilities(),
        "CapabilitiesReason": reason if named else None,
        "ResourceTypes": template.types(),
        "Metadata": json.dumps(template.metadata) if template.metadata else None,
        "Version": "2010-09-09",
    }


def change_set_view(one: ChangeSetRecord) -> dict[str, Any]:
    return {
        **change_set_summary(one),
        "Parameters": parameters(one.plan),
        "Capabilities": list(one.plan.capabilities),
        "Tags": tags(one.plan.tags),
        "NotificationARNs": [],
        "OnStackFailure": one.on_failure,
        "Changes": [{"Type": "Resource", "ResourceChange": change} for change in one.changes],
    }


def change_set_summary(one: ChangeSetRecord) -> dict[str, Any]:
    return {
        "ChangeSetId": one.id,
        "ChangeSetName": one.name,
        "StackId": one.stack.id,
        "StackName": one.stack.name,
        "Status": one.status,
        "StatusReason": one.reason,
        "ExecutionStatus": one.execution,
        "CreationTime": one.created,
        "Description": one.description,
    }


def _declared(name: str, parameter: Mapping[str, Any]) -> dict[str, Any]:
    allowed = [text(value) for value in parameter.get("AllowedValues", [])]
    return {
        "ParameterKey": name,
        "ParameterType": parameter["Type"],
        "DefaultValue": text(parameter["Default"]) if "Default" in parameter else None,
        "NoEcho": _secret(parameter),
        "Description": parameter.get("Description"),
        "ParameterConstraints": {"AllowedValues": allowed} if allowed else {},
    }


def _secret(parameter: Mapping[str, Any]) -> bool:
    return text(parameter.get("NoEcho", False)) == "true"
