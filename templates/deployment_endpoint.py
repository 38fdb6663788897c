"""Deployment, second part: bring the version to the one endpoint.

The endpoint is found by describing it, so that a first deployment, an update, an endpoint in the
middle of another update and one that failed are each met as they are.
"""

from typing import Any

from awacs import sagemaker

from templates.asl import Step, catch, retry, task
from templates.deployment_look import BUSY, ENDPOINT, may_look, status_is, wait
from templates.iam import allow
from templates.machine import SAGEMAKER_RETRY
from templates.names import versions


def endpoint_steps() -> list[Step]:
    """From FindEndpoint to StartWaiting, or to a failure."""
    return [
        _find(),
        _is_absent(),
        _keep_lookup_error(),
        _choose_action(),
        *wait("WaitForEndpoint", "CountLook", "FindEndpoint"),
        _change("CreateEndpoint", [sagemaker.CreateEndpoint, sagemaker.AddTags], _tags()),
        _change("UpdateEndpoint", [sagemaker.UpdateEndpoint], {}),
        _delete(),
    ]


def _find() -> Step:
    """Not retried on SageMaker.SageMakerException, which is also the name of "does not exist"."""
    return task(
        "FindEndpoint",
        "aws-sdk:sagemaker:describeEndpoint",
        {"EndpointName": "${ProjectName}"},
        then="ChooseAction",
        caught_by=[
            catch("IsAbsent", error="SageMaker.SageMakerException", result="$.lookup"),
            catch("HasCause"),
        ],
        retried=[retry("SageMaker.SdkClientException")],
        result={"ResultPath": "$.endpoint"},
        grants=[allow("DescribeEndpoint", [sagemaker.DescribeEndpoint], [ENDPOINT])],
    )


def _is_absent() -> Step:
    cause = "$.lookup.Cause"
    throttled = [
        {"Variable": cause, "StringMatches": f"*{text}*"}
        for text in ("Throttling", "Rate exceeded")
    ]
    return Step(
        "IsAbsent",
        {
            "Type": "Choice",
            "Choices": [
                {
                    "Variable": cause,
                    "StringMatches": "*Could not find endpoint*",
                    "Next": "CreateEndpoint",
                },
                {"And": [{"Or": throttled}, may_look()], "Next": "WaitForEndpoint"},
            ],
            "Default": "KeepLookupError",
        },
    )


def _keep_lookup_error() -> Step:
    return Step(
        "KeepLookupError",
        {"Type": "Pass", "InputPath": "$.lookup", "ResultPath": "$.error", "Next": "Notify"},
    )


def _choose_action() -> Step:
    return Step(
        "ChooseAction",
        {
            "Type": "Choice",
            "Choices": [
                {**status_is("InService"), "Next": "UpdateEndpoint"},
                {**status_is("Failed"), "Next": "DeleteEndpoint"},
                {"And": [status_is(*BUSY), may_look()], "Next": "WaitForEndpoint"},
                {**status_is(*BUSY), "Next": "EndpointStayedBusy"},
            ],
            "Default": "EndpointUnusable",
        },
    )


def _tags() -> dict[str, Any]:
    return {
        "Tags": [
            {"Key": "project", "Value": "${ProjectName}"},
            {"Key": "commit", "Value.$": "$.commit"},
        ]
    }


def _change(name: str, actions: list[Any], more: dict[str, Any]) -> Step:
    """Create or update. Both need the ARNs of the endpoint and of its configuration.

    The update does not set RetainAllVariantProperties: it would keep the old instance count, and
    the count of this endpoint is a parameter of the stack. Set it when you add autoscaling, or
    each deployment puts the count back (UpdateEndpoint, SageMaker API Reference).
    """
    return task(
        name,
        f"sagemaker:{name[0].lower()}{name[1:]}",
        {"EndpointName": "${ProjectName}", "EndpointConfigName.$": "$.name", **more},
        then="StartWaiting",
        caught_by=[catch("HasCause")],
        retried=[SAGEMAKER_RETRY],
        result={"ResultPath": "$.change"},
        grants=[allow(name, actions, [ENDPOINT, versions("endpoint-config")])],
    )


def _delete() -> Step:
    """A Failed endpoint cannot be updated, only replaced; it serves nobody."""
    return task(
        "DeleteEndpoint",
        "aws-sdk:sagemaker:deleteEndpoint",
        {"EndpointName": "${ProjectName}"},
        then="WaitForEndpoint",
        caught_by=[catch("HasCause")],
        retried=[retry("SageMaker.SageMakerException", "SageMaker.SdkClientException")],
        result={"ResultPath": "$.change"},
        grants=[allow("DeleteEndpoint", [sagemaker.DeleteEndpoint], [ENDPOINT])],
    )
