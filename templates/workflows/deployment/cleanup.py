"""Deployment, last part: remove versions nobody will go back to. By now the deployment is good, or
it has failed and everybody was told, and it stays so.

A version is a model, a tag of its image and an endpoint configuration, all of one name. The model
is made first and removed last, so that whatever is left of a version is found by its model.
"""

from awacs import ecr, sagemaker
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.kit.iam import allow
from templates.kit.names import version_arns, version_prefix
from templates.parameters import Parameters
from templates.parts.registry import VERSION_TAGS, Registry
from templates.workflows.deployment.endpoint import BUSY, describe_endpoint, endpoint_is
from templates.workflows.deployment.rollout import is_rollback
from templates.workflows.deployment.serving import SERVING_NAME, describe_config
from templates.workflows.deployment.version import (
    MODEL_ARN,
    SERVED_TAG,
    WITHDRAWN,
    mark_as,
)
from templates.workflows.failure import FAILED, notify, problem, say_cause
from templates.workflows.language import (
    Below,
    Step,
    all_of,
    any_of,
    catch,
    choose,
    compares,
    each,
    end,
    equals,
    fail,
    matches,
    present,
    put,
    task,
    when,
)
from templates.workflows.queue import has_turn

_LEFT, _USED = "$.left", "$.used"


def remove_old_versions(
    parameters: Parameters, registry: Registry, topic: Topic, key: Key
) -> list[Step]:
    """Keep the newest KeepVersions of those that have served; remove the older ones, and what
    deployments that were broken off have left.

    Of the newest 100: what is beyond them is seen when these have become fewer, as at most
    KeepVersions of them stay. A version that cannot be removed does not stand in the way of others.
    """
    warning = notify(
        "WarnOfLeftovers",
        "${ProjectName}: old versions were not removed",
        "States.Format('{} serves. What was to be tidied up after it was not, the next deployment "
        f"tries again: {{}}', $.name, States.JsonToString({_LEFT}))",
        topic,
        key,
        then=Below("AreAllRemoved"),
    )
    warn = [catch(warning.name, at=_LEFT)]
    return [
        mark_as("yes", "MarkAsServed", MODEL_ARN, otherwise="WarnOfLeftovers", at=_LEFT),
        task(
            "ListVersions",
            "aws-sdk:sagemaker:listModels",
            {
                "NameContains": "${VersionPrefix}-",
                "SortBy": "CreationTime",
                "SortOrder": "Descending",
                "MaxResults": 100,
            },
            # sagemaker:ListModels has no resource level
            grants=[allow("ListVersions", [sagemaker.ListModels], ["*"])],
            tokens={"VersionPrefix": version_prefix()},
            at="$.listed",
            caught=[catch([warning], at=_LEFT)],
        ),
        each(
            "SortVersions",
            "$.listed.Models",
            {"name.$": "$$.Map.Item.Value.ModelName", "arn.$": "$$.Map.Item.Value.ModelArn"},
            _has_served(),
            at="$.versions",
            caught=warn,
            one_by_one=True,
        ),
        put(
            "Sorted",
            "$.sorted",
            {"served.$": "$.versions[*].served", "failed.$": "$.versions[*].failed"},
        ),
        put(
            "ChooseOld",
            "$.old",
            {
                "lists": [
                    {"names.$": "$.sorted.served[${KeepVersions}:]"},
                    {"names.$": "$.sorted.failed"},
                ]
            },
            tokens={"KeepVersions": parameters.keep_versions.ref()},
        ),
        put("ListOld", "$.old", "$.old.lists[*].names[*]"),
        each(
            "RemoveVersions",
            "$.old",
            {
                "name.$": "$$.Map.Item.Value",
                "serving.$": "$.name",
                "before.$": SERVING_NAME,
                "isGood.$": "States.ArrayContains($.sorted.served, $$.Map.Item.Value)",
                "keep": "${KeepVersions}",
            },
            _remove(registry),
            tokens={"KeepVersions": parameters.keep_versions.ref()},
            at="$.removed",
            caught=warn,
            one_by_one=True,
        ),
        put("ListLeft", _LEFT, "$.removed[*].left"),
        choose("AreAllRemoved", when(present(f"{_LEFT}[0]"), warning.name), otherwise=None),
    ]


def remove_failed(registry: Registry) -> list[Step]:
    """What this deployment has made goes when it fails, unless the endpoint uses it, or may.

    An endpoint that could not be created uses nothing. What is not removed here is by the next
    deployment, as it has not served.
    """
    at = "$.inUse"
    # A configuration of another name may have its model too
    ours = compares(f"{_USED}.name", "StringEqualsPath", "$.name")
    absent = all_of(present(f"{at}.Cause"), matches(f"{at}.Cause", "*Could not find*"))
    known = present(f"{at}.EndpointStatus")
    failed = all_of(known, endpoint_is("Failed", at=at))
    # While it changes, only SageMaker knows which configuration it comes to
    changes = all_of(known, endpoint_is(*BUSY, at=at))
    return [
        choose(
            "IsAnythingMade",
            when(all_of(has_turn(), present(MODEL_ARN), {"Not": is_rollback()})),
            otherwise=FAILED,
        ),
        describe_endpoint("FindInUse", at=at, caught=[catch(None, at=at)]),
        choose(
            "IsInUse",
            when(any_of(absent, failed), Below("IsUsed")),
            when(any_of(present(f"{at}.Error"), changes), FAILED),
            otherwise=None,
        ),
        describe_config("FindUsed", f"{at}.EndpointConfigName", _USED, FAILED),
        choose("IsUsed", when(ours, FAILED), otherwise=None),
        *_delete(registry, "Failed", left=FAILED),
    ]


def _has_served() -> list[Step]:
    """A version that tells nothing of it is from before this was noted, and counts as one. One that
    was withdrawn is nothing to go back to."""
    served = "$.tags.served"
    never = all_of(
        present(f"{served}[0]"),
        any_of(*(equals(f"{served}[0]", said) for said in ("no", WITHDRAWN))),
    )
    cause = say_cause("HasTagsCause", "AddTagsCause", "AddTagsTimeout")
    unread = problem(
        "SayTagsUnread",
        "States.Format('The tags of the model {} could not be read: {}', $.name, $.error.Cause)",
        error="TagsUnread",
        then=None,
    )
    return [
        task(
            "ReadTags",
            "aws-sdk:sagemaker:listTags",
            {"ResourceArn.$": "$.arn"},
            grants=[allow("ReadTags", [sagemaker.ListTags], [version_arns("model")])],
            at="$.tags",
            select={"served.$": f"$.Tags[?(@.Key == '{SERVED_TAG}')].Value"},
            caught=[catch([*cause, unread, fail("TagsUnread")])],
        ),
        choose(
            "HasServed",
            when(never, [put("NoteFailed", None, {"failed.$": "$.name"})]),
            otherwise=[put("NoteServed", None, {"served.$": "$.name"})],
        ),
        end("Noted"),
    ]


def _remove(registry: Registry) -> list[Step]:
    """One version, if it is not the one that serves, or that has served until now and was not
    withdrawn: a rollback may have brought an old one back, and it is the first to go back to. Who
    keeps a single version does not want one."""
    was = all_of(
        compares("$.name", "StringEqualsPath", "$.before"),
        equals("$.isGood", True),
        {"Not": equals("$.keep", "1")},
    )
    serves = any_of(compares("$.name", "StringEqualsPath", "$.serving"), was)
    left = put(
        "NotRemoved",
        None,
        {"left": {"version.$": "$.name", "error.$": "$.deleted"}},
        then="Removed",
    )
    return [
        choose("IsServing", when(serves, "Removed"), otherwise=None),
        *_delete(registry, "", left=[left]),
        end("Removed"),
    ]


def _delete(registry: Registry, noun: str, left: str | list[Step]) -> list[Step]:
    """Let the image go, then the configuration, then the model. What is gone already is as good."""
    at = "$.deleted"
    configs, models = version_arns("endpoint-config"), version_arns("model")
    gone = matches(f"{at}.Cause", "*Could not find*")
    left_name = left if isinstance(left, str) else left[0].name

    def unless_gone(what: str) -> Step:
        return choose(
            f"Is{noun}{what}Gone", when(all_of(present(f"{at}.Cause"), gone)), otherwise=left_name
        )

    return [
        task(
            f"Release{noun}Image",
            "aws-sdk:ecr:batchDeleteImage",
            {
                "RepositoryName": "${Repository}",
                "ImageIds": [{"ImageTag.$": f"States.Format('{VERSION_TAGS}{{}}', $.name)"}],
            },
            grants=[
                allow("ReleaseImages", [ecr.BatchDeleteImage], [registry.repository.get_att("Arn")])
            ],
            tokens={"Repository": registry.repository.ref()},
            at=at,
            caught=[catch(left, at=at)],
        ),
        task(
            f"Delete{noun}Config",
            "aws-sdk:sagemaker:deleteEndpointConfig",
            {"EndpointConfigName.$": "$.name"},
            grants=[allow("DeleteConfigs", [sagemaker.DeleteEndpointConfig], [configs])],
            at=at,
            caught=[catch([unless_gone("Config")], at=at)],
        ),
        task(
            f"Delete{noun}Model",
            "aws-sdk:sagemaker:deleteModel",
            {"ModelName.$": "$.name"},
            grants=[allow("DeleteModels", [sagemaker.DeleteModel], [models])],
            at=at,
            caught=[catch([unless_gone("Model")], at=at)],
        ),
    ]
