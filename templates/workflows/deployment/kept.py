"""Deployment: back to a version that has served, as it was: its model, its image, its
configuration.

Nothing is made anew, so little can fail: what has to be there still is looked for before anything
is touched. Afterwards the version that was left does not count as one that serves well, and the one
that serves says where it was taken back from.
"""

from awacs import sagemaker

from templates.kit.iam import allow, arn
from templates.kit.names import version_arns, version_prefix
from templates.parts.registry import Registry
from templates.parts.storage import Storage
from templates.workflows.archive import find_archive
from templates.workflows.deployment.rollout import is_rollback
from templates.workflows.deployment.serving import (
    NOTHING,
    SERVING_NAME,
    describe_config,
    serves_something,
)
from templates.workflows.deployment.version import (
    ASKED_AT_TAG,
    BACK_AT_TAG,
    BACK_FROM_TAG,
    SERVED_TAG,
    WITHDRAWN,
    get_image,
    mark_as,
    tag_models,
)
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    Below,
    ChoiceRule,
    Step,
    all_of,
    any_of,
    catch,
    check,
    choose,
    compares,
    end,
    equals,
    matches,
    present,
    put,
    task,
    when,
)
from templates.workflows.settings import DeploymentSettings

_KEPT, _LEFT = "$.kept", "$.leaving"
_MODEL, _TAGS, _CONFIG, _IMAGE, _ARCHIVE = (
    f"{_KEPT}{part}" for part in ("", ".tags", ".config", ".image", ".archive")
)
_SERVED, _URL = f"{_TAGS}.served[0]", f"{_MODEL}.url"


def take_kept(
    settings: DeploymentSettings, summarize: Step, storage: Storage, registry: Registry, then: str
) -> Step:
    """In the place of making a version, up to the step `then`: find all that there was of it."""
    serves = compares("$.name", "StringEqualsPath", SERVING_NAME)
    ours = matches("$.name", "${VersionPrefix}-*")
    return choose(
        "IsRollback",
        when(
            is_rollback(),
            [
                choose(
                    "ServesAlready",
                    when(serves, [summarize, end("NothingToTakeBack")]),
                    otherwise=None,
                ),
                check("IsLeftStill", _still_serves(), otherwise=[_other_serves()]),
                check(
                    "IsKeptOurs",
                    ours,
                    otherwise=[_gone("KeptForeign", "is no version of this stack")],
                    tokens={"VersionPrefix": version_prefix()},
                ),
                *_find_model(),
                describe_config(
                    "FindKeptConfig",
                    "$.name",
                    _CONFIG,
                    _if_gone("Config", "endpoint configuration"),
                ),
                check("IsKeptOfKind", _of_kind(settings), otherwise=[_other_kind()]),
                *_find_image(registry),
                *find_archive(
                    "KeptArchive",
                    _URL,
                    storage,
                    _ARCHIVE,
                    elsewhere=[_gone("KeptElsewhere", "has no archive among the models")],
                    gone=[
                        _gone(
                            "KeptLostArchive", "has lost its archive ({}) in S3", "$.modelDataUrl"
                        )
                    ],
                    then=Below(then),
                ),
            ],
        ),
        otherwise=None,
    )


def _still_serves() -> ChoiceRule:
    """What a person wanted to leave may have been replaced while the wish waited for its turn."""
    wanted = "$$.Execution.Input.rollback.from"
    return any_of(
        equals(SERVING_NAME, NOTHING),
        {"Not": present(wanted)},
        equals(wanted, NOTHING),
        compares(wanted, "StringEqualsPath", SERVING_NAME),
    )


def _other_serves() -> Step:
    return problem(
        "ServesAnother",
        "States.Format('{} was to be taken back from {}, and by now the endpoint serves {}: it was "
        "not touched. Run make rollback again if that is to be left too', $.name, "
        f"$$.Execution.Input.rollback.from, {SERVING_NAME})",
    )


def _of_kind(settings: DeploymentSettings) -> ChoiceRule:
    """A real-time endpoint is none that could become serverless again (Serverless Inference,
    SageMaker Developer Guide)."""
    serverless, wanted = (
        present(f"{_CONFIG}.serverless[0]"),
        equals(settings.kind.path, "Serverless"),
    )
    return any_of(all_of(serverless, wanted), all_of({"Not": serverless}, {"Not": wanted}))


def _other_kind() -> Step:
    return _gone("KeptOtherKind", "is of another kind than EndpointKind says")


def _find_model() -> list[Step]:
    """The image and the archive are the model's, whatever the input says."""
    never = all_of(present(_SERVED), equals(_SERVED, "no"))
    return [
        task(
            "FindKeptModel",
            "aws-sdk:sagemaker:describeModel",
            {"ModelName.$": "$.name"},
            grants=[allow("SeeModels", [sagemaker.DescribeModel], [version_arns("model")])],
            at=_MODEL,
            select={
                "arn.$": "$.ModelArn",
                "createdAt.$": "$.CreationTime",
                "uri.$": "$.PrimaryContainer.Image",
                "url.$": "$.PrimaryContainer.ModelDataUrl",
            },
            caught=[catch(_if_gone("Model", "model"))],
        ),
        task(
            "ReadKeptTags",
            "aws-sdk:sagemaker:listTags",
            {"ResourceArn.$": f"{_MODEL}.arn"},
            grants=[allow("ReadTags", [sagemaker.ListTags], [version_arns("model")])],
            at=_TAGS,
            select={"served.$": f"$.Tags[?(@.Key == '{SERVED_TAG}')].Value"},
        ),
        choose(
            "HasKeptServed",
            when(never, [_gone("KeptNeverServed", "has never served")]),
            otherwise=None,
        ),
    ]


def _if_gone(what: str, words: str) -> list[Step]:
    """What is not there comes as an error without a name; any other is explained."""
    at = _CONFIG if what == "Config" else "$.error"
    missing = all_of(present(f"{at}.Cause"), matches(f"{at}.Cause", "*Could not find*"))
    lost = _gone(f"KeptLost{what}", f"has no {words} in SageMaker any more")
    keep = [put(f"KeepKept{what}Error", "$.error", at, then=EXPLAIN)]
    return [choose(f"IsKept{what}Gone", when(missing, [lost]), otherwise=keep)]


def _find_image(registry: Registry) -> list[Step]:
    digest = f"States.ArrayGetItem(States.StringSplit({_MODEL}.uri, '@'), 1)"
    absent = _gone("KeptLostImage", "has lost its image ({}) in the registry", f"{_MODEL}.uri")
    return [
        get_image(
            "FindKeptImage",
            {"ImageDigest.$": digest},
            registry,
            _IMAGE,
            {"digest.$": "$.Images[*].ImageId.ImageDigest"},
        ),
        check("IsKeptImageThere", present(f"{_IMAGE}.digest[0]"), otherwise=[absent]),
    ]


def _gone(name: str, what: str, *paths: str) -> Step:
    given = ", ".join(("$.name", *paths))
    return problem(
        name,
        f"States.Format('{{}} cannot be taken back: it {what}. The endpoint was not touched. See "
        f"which others there are: make models', {given})",
        error="NothingToGoBackTo",
    )


def note_rollback(summarize: str, otherwise: str) -> Step:
    """What serves says where it was taken back from, and the version that was left is withdrawn,
    if it is the newer one: who goes on to a newer version has nothing against the older. A later
    training does not take the place of what was decided now (order.py). Nothing is tidied up: what
    is there to go back to stays."""
    models = arn("sagemaker", "model")
    left_arn = f"States.Format('${{Models}}/{{}}', {SERVING_NAME})"
    missed = [catch(otherwise, at="$.left")]
    newer = all_of(
        present(f"{_LEFT}.createdAt"),
        compares(f"{_KEPT}.createdAt", "TimestampLessThanPath", f"{_LEFT}.createdAt"),
    )
    return choose(
        "WasRollback",
        when(
            is_rollback(),
            [
                task(
                    "NoteRollback",
                    "aws-sdk:sagemaker:addTags",
                    {
                        "ResourceArn.$": f"{_KEPT}.arn",
                        "Tags": [
                            {"Key": SERVED_TAG, "Value": "yes"},
                            {"Key": ASKED_AT_TAG, "Value.$": "$$.State.EnteredTime"},
                            {"Key": BACK_FROM_TAG, "Value.$": SERVING_NAME},
                            {"Key": BACK_AT_TAG, "Value.$": "$$.State.EnteredTime"},
                        ],
                    },
                    grants=tag_models(),
                    at="$.noted",
                    caught=missed,
                ),
                check("HasLeftAny", serves_something(), otherwise=summarize),
                task(
                    "FindLeftModel",
                    "aws-sdk:sagemaker:describeModel",
                    {"ModelName.$": SERVING_NAME},
                    grants=[allow("SeeModels", [sagemaker.DescribeModel], [version_arns("model")])],
                    at=_LEFT,
                    select={"createdAt.$": "$.CreationTime"},
                    caught=missed,
                ),
                check("IsLeftNewer", newer, otherwise=summarize),
                mark_as(
                    WITHDRAWN,
                    "Withdraw",
                    left_arn,
                    otherwise,
                    "$.left",
                    {"Models": models},
                    then=summarize,
                ),
            ],
        ),
        otherwise=None,
    )
