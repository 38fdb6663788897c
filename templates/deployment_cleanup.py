"""Deployment, last part: remove versions nobody will go back to. The deployment is good by now and
stays so."""

from awacs import sagemaker
from awacs.aws import Statement
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.asl import Step, catch, retry, states, task
from templates.iam import allow
from templates.machine import fail, notify
from templates.names import version_prefix, versions
from templates.parameters import Parameters

_RETRY = retry("SageMaker.SageMakerException", "SageMaker.SdkClientException")


def cleanup_steps(parameters: Parameters, topic: Topic, key: Key) -> list[Step]:
    """List the project's configurations, newest first, and remove all but the newest."""
    return [
        task(
            "ListVersions",
            "aws-sdk:sagemaker:listEndpointConfigs",
            {
                "NameContains": "${VersionPrefix}-",
                "SortBy": "CreationTime",
                "SortOrder": "Descending",
                "MaxResults": 100,
            },
            then="RemoveVersions",
            caught_by=[catch("WarnOfLeftovers")],
            retried=[_RETRY],
            result={
                "ResultSelector": {
                    "old.$": "$.EndpointConfigs[${KeepVersions}:].EndpointConfigName"
                },
                "ResultPath": "$.versions",
            },
            # sagemaker:ListEndpointConfigs has no resource level
            grants=[allow("ListVersions", [sagemaker.ListEndpointConfigs], ["*"])],
            tokens={
                "VersionPrefix": version_prefix(),
                "KeepVersions": parameters.keep_versions.ref(),
            },
        ),
        _remove_versions(),
        notify(
            "WarnOfLeftovers",
            "${ProjectName}: old versions were not removed",
            "States.Format('{} serves. Old versions were left behind: {}: {}', "
            "$.name, $.error.Error, $.error.Cause)",
            "Summarize",
            topic,
            key,
        ),
        Step(
            "Summarize",
            {
                "Type": "Pass",
                "Parameters": {
                    "name.$": "$.name",
                    "commit.$": "$.commit",
                    "image.$": "$.image",
                    "modelDataUrl.$": "$.modelDataUrl",
                    "endpoint": "${ProjectName}",
                },
                "Next": "Deployed",
            },
        ),
        Step("Deployed", {"Type": "Succeed"}),
    ]


def _remove_versions() -> Step:
    inside = [
        Step(
            "IsServing",
            {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.name", "StringEqualsPath": "$.serving", "Next": "Removed"}
                ],
                "Default": "DeleteConfig",
            },
        ),
        *_remove("Config", "deleteEndpointConfig", "EndpointConfigName", "DeleteModel"),
        *_remove("Model", "deleteModel", "ModelName", "Removed"),
        Step("Removed", {"Type": "Succeed"}),
        fail("NotRemoved"),
    ]
    return Step(
        "RemoveVersions",
        {
            "Type": "Map",
            "ItemsPath": "$.versions.old",
            "ItemSelector": {"name.$": "$$.Map.Item.Value", "serving.$": "$.name"},
            "MaxConcurrency": 1,
            "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **states(inside)},
            "ResultPath": "$.removed",
            "Catch": [catch("WarnOfLeftovers")],
            "Next": "Summarize",
        },
        [grant for step in inside for grant in step.grants] + _delete_grants(),
        {token: value for step in inside for token, value in step.tokens.items()},
    )


def _remove(kind: str, action: str, argument: str, then: str) -> list[Step]:
    """Delete one thing; that it is gone already is as good. Its grants stand at the Map."""
    return [
        task(
            f"Delete{kind}",
            f"aws-sdk:sagemaker:{action}",
            {f"{argument}.$": "$.name"},
            then=then,
            caught_by=[catch(f"Is{kind}Gone")],
            retried=[_RETRY],
            result={"ResultPath": "$.deleted"},
        ),
        Step(
            f"Is{kind}Gone",
            {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": "$.error.Cause",
                        "StringMatches": "*Could not find*",
                        "Next": then,
                    }
                ],
                "Default": "NotRemoved",
            },
        ),
    ]


def _delete_grants() -> list[Statement]:
    return [
        allow(f"Delete{title}", [action], [versions(kind)])
        for title, action, kind in (
            ("Configs", sagemaker.DeleteEndpointConfig, "endpoint-config"),
            ("Models", sagemaker.DeleteModel, "model"),
        )
    ]
