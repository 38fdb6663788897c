"""Deployment: golden requests. The new version is asked what its evaluation has asked it, through
the real endpoint, and has to give the same answers.

The evaluation leaves them in S3 as evaluations/NAME/golden.json. They are up to 64 KiB, which every
event of the execution would repeat (it has 25,000, and logs each): so a round of them reads the
file anew, and what is kept between two rounds is how many they are.

Requests and answers are marked. Each request has an InferenceId, so that whoever reads what was
captured can leave it out; each answer says which version it comes from (container/README.md), so
that of two that serve during an update the right one is judged.
"""

from awacs import kms
from troposphere import Ref, Sub

from templates.kit.grants import list_objects, put_metrics, read_objects, use_key
from templates.kit.names import version_objects
from templates.parts.alarms import NAMESPACE, WRONG_ANSWERS
from templates.parts.storage import Storage
from templates.workflows.deployment.answer import ask_one
from templates.workflows.deployment.endpoint import SEEN, endpoint_is
from templates.workflows.deployment.rollout import is_rollback
from templates.workflows.failure import problem
from templates.workflows.language import (
    EXPLAIN,
    Below,
    ChoiceRule,
    Step,
    Way,
    all_of,
    any_of,
    catch,
    check,
    choose,
    compares,
    each,
    equals,
    present,
    put,
    task,
    when,
)
from templates.workflows.settings import DeploymentSettings

# {"asked": how many}; the error of the first wrong answer, if there was one; whether the new
# version is known to serve alone; and how many rounds there were before
GOLDEN, WRONG, _ALONE, _ROUNDS = "$.golden", "$.wrong", "$.asking.alone", "$.asking.rounds"
# What a story begins with
UNASKED = {"golden": "none", "asking": {"alone": False, "rounds": 0}}
# A round of five requests is less than 100 events of an execution's 25,000
MOST_ROUNDS = 60
# Of an update, in which the new version gets requests (PendingDeploymentSummary, SageMaker API
# Reference). Asked before, only the old one would answer, and one that fails would make the alarms
# ring that take back what is to replace it
_STAGES = ("ActivatingTraffic", "Baking")
_STAGE = f"{SEEN}.PendingDeploymentSummary.ProductionVariants[0].VariantStatus[0].Status"

_FOLDER = "evaluations/"
_KEY = f"States.Format('{_FOLDER}{{}}/golden.json', $.name)"
# What is larger is cut there, and is no JSON then: it could be more than a state may carry
_FIRST_BYTES = "bytes=0-131071"
_ROUND, _FILE = "$.round", "$.round.document"
_ASKED = f"{GOLDEN}.asked"


def read_golden(storage: Storage) -> list[Step]:
    """How many there are, before anything is touched. A version that was not evaluated here has
    none, and is deployed without."""
    refuse = problem(
        "SayGoldenDamaged",
        f"States.Format('s3://${{ArtifactBucket}}/{{}} is damaged: it holds no golden requests to "
        f"ask of {{}}. Train again, or delete the file to deploy without them', {_KEY}, $.name)",
        error="GoldenDamaged",
        tokens={"ArtifactBucket": storage.artifacts.ref()},
    )
    without = {"asked": 0, "why": "their file is damaged"}
    damaged = choose(
        "MayGoUngolden",
        when(is_rollback(), [put("GoWithout", GOLDEN, without, then=Below("IsGoldenThere"))]),
        otherwise=[refuse],
    )
    requests = f"{_FILE}.requests[*]"
    counted = {
        "asked": requests,
        "bodies": f"{requests}.body",
        "classes": f"{requests}.expected.classes",
        "probabilities": f"{requests}.expected.probabilities",
    }
    whole = all_of(
        *(
            compares(f"{_ROUND}.{name}", "NumericEqualsPath", f"{_ROUND}.asked")
            for name in ("bodies", "classes", "probabilities")
        )
    )
    read = [
        _fetch("ReadGolden", storage, [damaged], EXPLAIN),
        check(
            "IsGolden",
            all_of(
                *(present(f"{_FILE}.{field}") for field in ("contentType", "accept", "requests"))
            ),
            otherwise=damaged.name,
        ),
        put(
            "CountGolden",
            _ROUND,
            {f"{name}.$": f"States.ArrayLength({path})" for name, path in counted.items()},
        ),
        check("IsGoldenWhole", whole, otherwise=damaged.name),
        put("TakeGolden", GOLDEN, {"asked.$": f"{_ROUND}.asked"}),
    ]
    return [
        task(
            "FindGolden",
            "aws-sdk:s3:listObjectsV2",
            {"Bucket": "${ArtifactBucket}", "Prefix.$": _KEY, "MaxKeys": 1},
            # A listing tells what is absent from what is forbidden (GetObject, S3 API Reference)
            grants=list_objects("ListGolden", storage.artifacts, _FOLDER),
            tokens={"ArtifactBucket": storage.artifacts.ref()},
            at=_ROUND,
            select={"count.$": "$.KeyCount"},
        ),
        choose(
            "IsGoldenThere",
            when(compares(f"{_ROUND}.count", "NumericGreaterThan", 0), read),
            otherwise=None,
        ),
    ]


def _fetch(name: str, storage: Storage, damaged: Way, failed: Way) -> Step:
    return task(
        name,
        "aws-sdk:s3:getObject",
        {"Bucket": "${ArtifactBucket}", "Key.$": _KEY, "Range": _FIRST_BYTES},
        grants=[
            *read_objects(
                "ReadGolden", version_objects(storage.artifacts, _FOLDER, "/golden.json")
            ),
            *use_key("DecryptObjects", storage.key, "s3", kms.Decrypt),
        ],
        tokens={"ArtifactBucket": storage.artifacts.ref()},
        at=_ROUND,
        select={"document.$": "States.StringToJson($.Body)"},
        caught=[catch(damaged, error="States.IntrinsicFailure"), catch(failed)],
    )


def ask_golden(settings: DeploymentSettings, storage: Storage) -> list[Step]:
    """A round, once the endpoint was looked at: when the new version serves alone, and before that
    while it is being updated.

    The first wrong answer ends it and lies at WRONG; of others nobody asks any more. During an
    update it becomes a metric, whose alarm makes SageMaker roll the update back.
    """
    unread = choose(
        "MayGoUnread",
        # There is a round to come; and a rollback is the repair of what serves, whose file is old
        when(any_of(equals(_ALONE, False), is_rollback()), "CountRound"),
        otherwise=[
            put(
                "SayGoldenUnread",
                WRONG,
                {
                    "Error": WRONG_ANSWERS,
                    "Cause": "The golden requests could not be read again, so nobody knows whether "
                    "it answers rightly",
                },
                then="CountRound",
            )
        ],
    )
    warn = task(
        "WarnSageMaker",
        "aws-sdk:cloudwatch:putMetricData",
        {
            "Namespace": NAMESPACE,
            "MetricData": [{"MetricName": WRONG_ANSWERS, "Value": 1, "Unit": "Count"}],
        },
        grants=put_metrics(Sub(NAMESPACE)),
        tokens={"ProjectName": Ref("ProjectName")},
        at=_ROUND,
        # Then it is seen when the update is over
        caught=[catch(None, at=_ROUND)],
    )
    may_ask = compares(_ROUNDS, "NumericLessThan", MOST_ROUNDS)
    counted = {"alone.$": _ALONE, "rounds.$": f"States.MathAdd({_ROUNDS}, 1)"}
    return [
        choose(
            "IsTimeToAsk",
            when(
                all_of(
                    _has_requests(),
                    {"Not": present(WRONG)},
                    any_of(equals(_ALONE, True), all_of(_serves_too(), may_ask)),
                ),
                [
                    _fetch("FetchGolden", storage, [unread], unread.name),
                    _ask_each(settings, warn),
                    put("CountRound", "$.asking", counted),
                ],
            ),
            otherwise=None,
        )
    ]


def _serves_too() -> ChoiceRule:
    """An update is going on, and some of the requests go to the new version."""
    stages = (equals(_STAGE, stage) for stage in _STAGES)
    return all_of(endpoint_is("Updating"), present(_STAGE), any_of(*stages))


def ask_once_more() -> list[Step]:
    """From where the new version is known to serve: once more around, and to be judged whatever
    its answers say of their version."""
    return [put("ServesAlone", "$.asking", {"alone": True, "rounds": 0}, then="IsTimeToAsk")]


def has_to_be_asked() -> ChoiceRule:
    return all_of(_has_requests(), equals(_ALONE, False))


def _has_requests() -> ChoiceRule:
    return all_of(present(_ASKED), compares(_ASKED, "NumericGreaterThan", 0))


def _ask_each(settings: DeploymentSettings, warn: Step) -> Step:
    may_warn = choose("MayWarn", when(endpoint_is("Updating"), [warn]), otherwise=None)
    return each(
        "AskGolden",
        f"{_FILE}.requests[*]",
        {
            "number.$": "States.MathAdd($$.Map.Item.Index, 1)",
            "request.$": "$$.Map.Item.Value",
            "contentType.$": f"{_FILE}.contentType",
            "accept.$": f"{_FILE}.accept",
            "seconds.$": settings.golden_seconds.path,
            "version.$": "States.Format('version={}', $.name)",
            "alone.$": _ALONE,
            "kind.$": settings.kind.path,
            "starts": {"number": 0},
        },
        ask_one(),
        at=_ROUND,
        caught=[catch([may_warn], at=WRONG)],
        one_by_one=True,
    )
