"""Deployment: how an update comes to the endpoint, and what takes it back.

While an update is watched, both versions run, and SageMaker goes back to the old one by itself when
an alarm of the stack rings (Deployment guardrails, SageMaker Developer Guide). What is decided here
is decided from what runs now: the number of instances that scaling has made, and the alarms that
ring already, since an update among those would go back at once.
"""

from templates.parts.alarms import Alarms
from templates.workflows.deployment.endpoint import SEEN
from templates.workflows.failure import problem
from templates.workflows.language import (
    COUNT,
    FIRST_LOOK,
    Below,
    ChoiceRule,
    State,
    Step,
    Way,
    all_of,
    any_of,
    choose,
    compares,
    equals,
    present,
    put,
    task,
    wait_until,
    when,
)
from templates.workflows.settings import DeploymentSettings

ROLLOUT = "$.rollout"
CONFIG, RETAIN = f"{ROLLOUT}.config", "$.retain"
# What a story begins with: who goes back from a first version has planned no update
UNPLANNED = {RETAIN.removeprefix("$."): {"instances": False}}
# UpdateEndpoint, DeploymentConfig, SageMaker API Reference: the longest that an update may take
LONGEST_SECONDS = 28_800
# Looks after 1, 2, 3 … seconds, about eight minutes: where there are few datapoints, an alarm looks
# further back than it evaluates (Configuring how CloudWatch alarms treat missing data)
_LOOKS_FOR_SILENCE = 30
_RINGING, _BEFORE = "$.ringing", "$.before"
_BARE = "Serverless"
_INSTANCES = f"{RETAIN}.count"


def is_rollback() -> ChoiceRule:
    return present("$$.Execution.Input.rollback")


def plan_rollout(settings: DeploymentSettings, alarms: Alarms) -> list[Step]:
    """Lay the DeploymentConfig of the update at CONFIG, or nothing, for an update that is not
    watched; and why, where it is not what the stack's parameters say."""
    serverless = equals(settings.kind.path, _BARE)
    unwatched = any_of(equals(settings.bake_seconds.path, 0), serverless)
    count = settings.instance_count.path
    scaling = all_of(
        compares(settings.max_instance_count.path, "NumericGreaterThanPath", count),
        {"Not": serverless},
    )
    now = f"{SEEN}.ProductionVariants[0].CurrentInstanceCount"
    kept = put("KeepCount", RETAIN, {"instances": True, "count.$": now}, then=Below("SetCount"))
    return [
        # The wait for silence counts anew; that for the endpoint may go on after it
        put("RememberCount", _BEFORE, COUNT),
        choose("IsScaling", when(scaling, [kept]), otherwise=None),
        put("SetCount", RETAIN, {"instances": False, "count.$": count}),
        choose(
            "IsWatched",
            when(unwatched, [_unwatched("NotWatched", "the stack says so")]),
            otherwise=None,
        ),
        *_await_silence(alarms),
        *_choose_kind(settings, alarms),
        put("RestoreCount", COUNT, _BEFORE),
    ]


def look_at_alarms(name: str, alarms: Alarms, at: str, caught: list[State] | None = None) -> Step:
    """The names of those that ring."""
    return task(
        name,
        "aws-sdk:cloudwatch:describeAlarms",
        {"AlarmNames": alarms.names},
        grants=alarms.watch(),
        tokens={"ProjectName": alarms.project},
        at=at,
        select={"names.$": "$.MetricAlarms[?(@.StateValue == 'ALARM')].AlarmName"},
        caught=caught,
    )


def _await_silence(alarms: Alarms) -> list[Step]:
    """An update that failed a minute ago still rings: that passes. A rollback is the repair of what
    rings, and does not wait."""
    any_rings = present(f"{_RINGING}.names[0]")
    anyway = any_of(is_rollback(), present("$$.Execution.Input.unguarded"))
    refuse = problem(
        "AlarmsRinging",
        "States.Format('Alarms ring already, so the update would go back at once: {}. Nothing was "
        "changed. If what serves is at fault, take it back: make rollback. To deploy this version "
        "all the same, not watched: make rollback TO={}', States.JsonToString("
        f"{_RINGING}.names), $.name)",
    )
    return [
        put("CountFromOne", COUNT, FIRST_LOOK),
        *wait_until(
            look_at_alarms("FindRinging", alarms, _RINGING),
            "AreAlarmsSilent",
            when({"Not": any_rings}),
            when(anyway, [_unwatched("NotWatchedNow", "alarms rang already")]),
            wait_name="WaitForSilence",
            count_name="CountSilence",
            busy=any_rings,
            too_long=[refuse],
            otherwise=refuse.name,
            looks=_LOOKS_FOR_SILENCE,
        ),
    ]


def _unwatched(name: str, why: str) -> Step:
    return put(
        name,
        ROLLOUT,
        {"type": "AllAtOnce, not watched", "why": why},
        then=Below("PlanLinear"),
    )


def _choose_kind(settings: DeploymentSettings, alarms: Alarms) -> list[Step]:
    """A part of the instances first, or all: a part takes two instances."""
    small = any_of(
        *(
            all_of(
                equals(settings.rollout_percent.path, percent),
                compares(_INSTANCES, "NumericLessThan", 100 // percent),
            )
            for percent in (10, 20, 25, 50)
        )
    )
    one = compares(_INSTANCES, "NumericLessThan", 2)
    share = {"Type": "CAPACITY_PERCENT", "Value.$": settings.rollout_percent.path}
    single = {"Type": "INSTANCE_COUNT", "Value": 1}
    as_set = "as the stack says"
    too_few = "the share is less than one instance, so it is one"

    def plan(name: str, kind: str, why: str, size: State, then: Way) -> Step:
        return _plan(name, settings, alarms, kind, why, size, then)

    end = Below("PlanLinear")
    canary, linear = "Canary", "Linear"
    return [
        choose(
            "HowToRollOut",
            when(is_rollback(), [plan("PlanBack", "AllAtOnce", "a rollback", {}, end)]),
            when(
                equals(settings.rollout.path, "AllAtOnce"),
                [plan("PlanAllAtOnce", "AllAtOnce", as_set, {}, end)],
            ),
            when(
                one,
                [plan("PlanForOne", "AllAtOnce", "one instance runs, which has no part", {}, end)],
            ),
            when(
                all_of(equals(settings.rollout.path, canary), small),
                [plan("PlanSmallCanary", canary, too_few, {"CanarySize": single}, end)],
            ),
            when(
                equals(settings.rollout.path, canary),
                [plan("PlanCanary", canary, as_set, {"CanarySize": share}, end)],
            ),
            when(
                small,
                [plan("PlanSmallLinear", linear, too_few, {"LinearStepSize": single}, end)],
            ),
            otherwise=None,
        ),
        plan("PlanLinear", linear, as_set, {"LinearStepSize": share}, None),
    ]


def _plan(
    name: str,
    settings: DeploymentSettings,
    alarms: Alarms,
    kind: str,
    why: str,
    size: State,
    then: Way,
) -> Step:
    """All at once has no steps to wait between; its watch is the wait before the old fleet ends."""
    bake = settings.bake_seconds.path
    wait = {"WaitIntervalInSeconds.$": bake} if size else {"WaitIntervalInSeconds": 0}
    types = {"AllAtOnce": "ALL_AT_ONCE", "Canary": "CANARY", "Linear": "LINEAR"}
    return put(
        name,
        ROLLOUT,
        {
            "type": kind,
            "why": why,
            "config": {
                "BlueGreenUpdatePolicy": {
                    "TrafficRoutingConfiguration": {"Type": types[kind], **wait, **size},
                    "TerminationWaitInSeconds.$": bake,
                    "MaximumExecutionTimeoutInSeconds": LONGEST_SECONDS,
                },
                "AutoRollbackConfiguration": {
                    "Alarms": [{"AlarmName": each} for each in alarms.names]
                },
            },
        },
        then=then,
        tokens={"ProjectName": alarms.project},
    )
