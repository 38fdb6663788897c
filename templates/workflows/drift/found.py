"""Drift: what a look has found, put into metrics, told and remembered."""

from troposphere import Ref, Sub
from troposphere.kms import Key
from troposphere.sns import Topic

from templates.kit.grants import put_metrics
from templates.parts.alarms import DRIFTED, NAMESPACE, SCORE
from templates.parts.storage import Storage
from templates.workflows.drift.basis import FILES, IS_MORE, LAST, LOOK, TOLD, UNTIL, VERSION, say
from templates.workflows.drift.compare import FAILURES, PLAN
from templates.workflows.drift.marks import LAST_FILE, READ, WRITTEN, read_mark, write_mark
from templates.workflows.failure import FAILED, notify
from templates.workflows.language import (
    EXPLAIN,
    Below,
    State,
    Step,
    all_of,
    any_of,
    catch,
    choose,
    compares,
    equals,
    put,
    task,
    when,
)

FINDINGS = "$.drift"
WORDS = f"{FINDINGS}.words"
# Whether a training was asked for, in a sentence
ASKED = "$.asked"
# In one run, which has less than 3,000 events then, of 25,000 (Quotas, Step Functions Developer
# Guide)
MOST_LOOKS = 20


def read_drift(storage: Storage) -> list[Step]:
    names = ("verdict", "words", "score", "retrain", "why")
    found = {f"{name}.$": f"{READ}.document.{name}" for name in names}
    return [
        read_mark("ReadDrift", {"Key.$": f"{PLAN}.key"}, storage, READ, [catch(EXPLAIN)]),
        put("TakeDrift", FINDINGS, {**found, "uri.$": f"{PLAN}.uri"}),
    ]


def measure() -> list[Step]:
    datum = {"MetricName": SCORE, "Value.$": f"{FINDINGS}.score", "Unit": "None"}
    return [
        put("IsSteady", "$.drifted", {"number": 0}),
        choose(
            "HasDrifted",
            when(
                equals(f"{FINDINGS}.verdict", "drifted"),
                [put("Drifted", "$.drifted", {"number": 1})],
            ),
            otherwise=None,
        ),
        task(
            "PutDrift",
            "aws-sdk:cloudwatch:putMetricData",
            {
                "Namespace": NAMESPACE,
                "MetricData": [
                    datum,
                    {"MetricName": DRIFTED, "Value.$": "$.drifted.number", "Unit": "Count"},
                ],
            },
            grants=put_metrics(Sub(NAMESPACE)),
            tokens={"ProjectName": Ref("ProjectName")},
            at=WRITTEN,
        ),
    ]


def tell(topic: Topic, key: Key) -> Step:
    """When it begins, and not again at each look: the alarm stands until it is over. Of another
    version, the last look has found nothing (basis.py)."""
    told = notify(
        "TellDrift",
        "${ProjectName}: requests are not like what the model was made for",
        f"States.Format('{{}}: {{}}. {{}}', {VERSION}, {WORDS}, {ASKED}.words)",
        topic,
        key,
        then=Below("IsNews"),
        run="make drift",
    )
    news = all_of(
        equals(f"{FINDINGS}.verdict", "drifted"), {"Not": equals(f"{LAST}.verdict", "drifted")}
    )
    return choose("IsNews", when(news, [told]), otherwise=None)


def remember(storage: Storage) -> list[Step]:
    found = {f"{name}.$": f"{FINDINGS}.{name}" for name in ("verdict", "words", "uri")}
    return [
        put(
            "TakeLook",
            LAST,
            {
                "key.$": f"{UNTIL}.key",
                "version.$": VERSION,
                "since.$": f"{LAST}.since",
                **found,
                "at.$": "$$.State.EnteredTime",
            },
        ),
        _remember("RememberLook", storage),
    ]


def pass_over(then: str) -> list[Step]:
    """As many files as one look takes, and too few records in them: with more files behind them
    they would be the next look's too, and all that come after."""
    words = f"'{{}}; more files are there, so that these {{}} are passed over', {WORDS}"
    return [
        put("PassOver", f"{LAST}.key", f"{UNTIL}.key"),
        put(
            "SayPassedOver",
            FINDINGS,
            {"words.$": f"States.Format({words}, {FILES}.count)"},
            then=then,
        ),
    ]


def pass_over_failed(storage: Storage) -> list[Step]:
    """Once it was told: the same files would most likely end the next job too."""
    failed = any_of(*(equals("$.error.Error", name) for name in FAILURES))
    left = [
        put("PassOverFailed", f"{LAST}.key", f"{UNTIL}.key"),
        _remember("RememberFailed", storage, [catch(FAILED, at=WRITTEN)]),
    ]
    return [choose("HasJobFailed", when(failed, left), otherwise=None)]


def _remember(name: str, storage: Storage, caught: list[State] | None = None) -> Step:
    return write_mark(name, {"Key": LAST_FILE, "Body.$": LAST}, storage, caught)


def go_on(first: str) -> Step:
    """With what was captured behind the files of this look, as another look at it."""
    number = f"States.MathAdd({LOOK}.number, 1)"
    again = [
        put(
            "TellAndGoOn",
            TOLD,
            {"words.$": f"States.Format('{{}}{{}}; then ', {TOLD}.words, {WORDS})"},
        ),
        put(
            "TakeNextLook",
            LOOK,
            {
                "number.$": number,
                "id.$": f"States.Format('{{}}-{{}}', $$.Execution.Name, {number})",
            },
            then=first,
        ),
    ]
    behind = "{}; more was captured than one run looks at, and the next goes on there"
    return choose(
        "IsMoreThere",
        when(all_of(IS_MORE, compares(f"{LOOK}.number", "NumericLessThan", MOST_LOOKS)), again),
        when(IS_MORE, say("Behind", behind, WORDS)),
        otherwise=say("Looked", "{}", WORDS),
    )
