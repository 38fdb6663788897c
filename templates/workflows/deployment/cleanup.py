"""Deployment, last part: remove versions nobody will go back to. The deployment is good by now and
stays so."""

from awacs import sagemaker
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.kit.iam import allow
from templates.kit.names import version_arns, version_prefix
from templates.parameters import Parameters
from templates.workflows.failure import notify, say_cause
from templates.workflows.language import (
    Below,
    Step,
    all_of,
    catch,
    choose,
    compares,
    each,
    end,
    fail,
    matches,
    present,
    task,
    when,
)


def remove_old_versions(parameters: Parameters, topic: Topic, key: Key) -> list[Step]:
    """Of the newest 100 configurations, keep the newest KeepVersions and the one that serves.

    A failed deployment has left a configuration too, and counts.
    """
    warning = notify(
        "WarnOfLeftovers",
        "${ProjectName}: old versions were not removed",
        "States.Format('{} serves. Old versions were left behind: {}: {}', "
        "$.name, $.error.Error, $.error.Cause)",
        topic,
        key,
        then=Below("RemoveVersions"),
    )
    cause = say_cause("HasLeftoverCause", "AddLeftoverCause", "AddLeftoverTimeout")
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
            # sagemaker:ListEndpointConfigs has no resource level
            grants=[allow("ListVersions", [sagemaker.ListEndpointConfigs], ["*"])],
            tokens={
                "VersionPrefix": version_prefix(),
                "KeepVersions": parameters.keep_versions.ref(),
            },
            at="$.versions",
            select={"old.$": "$.EndpointConfigs[${KeepVersions}:].EndpointConfigName"},
            caught=[catch([*cause, warning])],
        ),
        each(
            "RemoveVersions",
            "$.versions.old",
            {"name.$": "$$.Map.Item.Value", "serving.$": "$.name"},
            _remove(),
            at="$.removed",
            caught=[catch(cause[0].name)],
            one_by_one=True,
        ),
    ]


def _remove() -> list[Step]:
    """One version, if it is not the one that serves. What is gone already is as good."""
    serves = compares("$.name", "StringEqualsPath", "$.serving")
    configs, models = version_arns("endpoint-config"), version_arns("model")
    return [
        choose("IsServing", when(serves, "Removed"), otherwise=None),
        task(
            "DeleteConfig",
            "aws-sdk:sagemaker:deleteEndpointConfig",
            {"EndpointConfigName.$": "$.name"},
            grants=[allow("DeleteConfigs", [sagemaker.DeleteEndpointConfig], [configs])],
            at="$.deleted",
            caught=[catch([_is_gone("IsConfigGone")])],
        ),
        task(
            "DeleteModel",
            "aws-sdk:sagemaker:deleteModel",
            {"ModelName.$": "$.name"},
            grants=[allow("DeleteModels", [sagemaker.DeleteModel], [models])],
            at="$.deleted",
            caught=[catch([_is_gone("IsModelGone")])],
        ),
        end("Removed"),
        *say_cause("HasRemovalCause", "AddRemovalCause", "AddRemovalTimeout"),
        fail("NotRemoved"),
    ]


def _is_gone(name: str) -> Step:
    gone = all_of(present("$.error.Cause"), matches("$.error.Cause", "*Could not find*"))
    return choose(name, when(gone), otherwise="HasRemovalCause")  # gone: to the step below
