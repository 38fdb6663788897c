"""The words that a workflow is told with.

A story is a list of steps, and the list's order is what happens: **a step that names no way on goes
to the step below it**. A side way (refuse, fall back) is a list of steps too, written where it
leaves. It stands beside the step that it leaves from, and its last step comes back to the step
below that one, unless it names another way on (`then`). So a step is inserted by one line.

A step carries all that it needs: the grants of its own call, the values of its `${tokens}`, and the
roles that it hands on. `joining.py` makes a definition of a story and refuses what is missing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from awacs.aws import Statement
from troposphere import Sub
from troposphere.iam import Role

from templates.workflows.transient import PASSING, Transient, retry, transient

State: TypeAlias = dict[str, Any]
ChoiceRule: TypeAlias = dict[str, Any]

# Where a run that failed goes: with an error that was caught, or with one of our own (failure.py)
EXPLAIN, NOTIFY = "HasCause", "Notify"

# A poll looks again after 1, 2, 3 … seconds: quick at first, gentle later; 60 looks are about half
# an hour
LOOKS = 60
# Nine hours: as long as an update may take that is watched, and SageMaker's time to give up a
# container that never answers
LONG = 255
COUNT, _LOOK = "$.attempt", "$.attempt.number"
FIRST_LOOK = {"number": 1}


@dataclass(frozen=True)
class Step:
    """A named state, and what its runner needs to do it.

    `state` is Amazon States Language, but for each way on (Next, Default), which may be a `Way`.
    `calls` is the integration of a task.
    """

    name: str
    state: State
    grants: Sequence[Statement] = ()
    tokens: Mapping[str, Any] = field(default_factory=dict)
    roles: Sequence[Role] = ()
    calls: str = ""


@dataclass(frozen=True)
class Below:
    """The step below one of that name, for a side way that comes back further down."""

    name: str


# The step below; the step of that name; the step below the one of that name; or a side way
Way: TypeAlias = str | Below | Sequence[Step] | None


# ---- values


def put(
    name: str,
    at: str | None,
    value: State | str,
    *,
    then: Way = None,
    tokens: Mapping[str, Any] | None = None,
    comment: str = "",
) -> Step:
    """Lay a value at a path, or, `at` none, in the place of everything: an object, or what lies at
    another path (`$.servingImage`)."""
    state = {
        "Type": "Pass",
        **({"Comment": comment} if comment else {}),
        **({"InputPath": value} if isinstance(value, str) else {"Parameters": value}),
        **({"ResultPath": at} if at else {}),
        "Next": then,
    }
    return Step(name, state, tokens=tokens or {})


# ---- choices


def choose(
    name: str,
    *ways: ChoiceRule,
    otherwise: Way,
    tokens: Mapping[str, Any] | None = None,
    comment: str = "",
) -> Step:
    """Go the first of `ways` whose rule holds (`when`)."""
    state: State = {
        "Type": "Choice",
        **({"Comment": comment} if comment else {}),
        "Choices": list(ways),
        "Default": otherwise,
    }
    return Step(name, state, tokens=tokens or {})


def check(
    name: str,
    rule: ChoiceRule,
    *,
    otherwise: Way,
    tokens: Mapping[str, Any] | None = None,
    comment: str = "",
) -> Step:
    """Go on to the step below only if the rule holds."""
    return choose(name, when(rule), otherwise=otherwise, tokens=tokens, comment=comment)


def when(rule: ChoiceRule, way: Way = None) -> ChoiceRule:
    return {**rule, "Next": way}


def equals(path: str, value: str | bool | float) -> ChoiceRule:
    kind = {str: "String", bool: "Boolean"}.get(type(value), "Numeric")
    return {"Variable": path, f"{kind}Equals": value}


def compares(path: str, operator: str, value: Any) -> ChoiceRule:
    """`operator` is a comparison of Amazon States Language, such as NumericLessThanEquals."""
    return {"Variable": path, operator: value}


def matches(path: str, pattern: str) -> ChoiceRule:
    return compares(path, "StringMatches", pattern)


def present(path: str) -> ChoiceRule:
    return compares(path, "IsPresent", True)


def all_of(*rules: ChoiceRule) -> ChoiceRule:
    return {"And": list(rules)}


def any_of(*rules: ChoiceRule) -> ChoiceRule:
    return {"Or": list(rules)}


# ---- calls


def task(
    name: str,
    calls: str,
    arguments: State,
    *,
    grants: Sequence[Statement],
    at: str | None,
    tokens: Mapping[str, Any] | None = None,
    roles: Sequence[Role] = (),
    select: State | None = None,
    caught: Sequence[State] | None = None,
    retried: Sequence[str] = (),
    also: Sequence[str] = (),
    passing: Sequence[str] = (),
    seconds: int | str = 60,
    then: Way = None,
) -> Step:
    """Call a service, such as `sagemaker:createTrainingJob.sync`, and keep its answer, or `select`
    of it, at a path; with `at` none it takes the place of all that the story carries.

    The whole ARN is one token: a literal `arn:aws:` deploys in China and fails at the first
    execution, and cfn-lint accepts no other partition (E3601). `seconds` is a number, or the path
    of one. What may pass by itself is tried again (transient.py), `also` errors of these names, and
    what has a cause that matches one of `passing`; or only the errors `retried`. Any other goes to
    `caught`, which is EXPLAIN unless it is given.
    """
    integration, _, action = calls.removesuffix(":2").rpartition(":")
    # A call that is waited for and the same one that is not are two
    token = "".join(part[0].upper() + part[1:] for part in action.split("."))
    may_pass = None if retried else transient(integration, also)
    state = {
        "Type": "Task",
        "Resource": f"${{{token}}}",
        "Parameters": arguments,
        "TimeoutSecondsPath" if isinstance(seconds, str) else "TimeoutSeconds": seconds,
        **({"ResultSelector": select} if select else {}),
        **({"ResultPath": at} if at else {}),
        "Retry": [retry(may_pass.named if may_pass else retried)],
        "Catch": [catch(EXPLAIN)] if caught is None else list(caught),
        "Next": then,
    }
    resource = Sub(f"arn:${{AWS::Partition}}:states:::{calls}")
    step = Step(name, state, grants, {token: resource, **(tokens or {})}, roles, calls)
    return _again(step, may_pass, (*PASSING, *passing)) if may_pass else step


def _again(step: Step, errors: Transient, passing: Sequence[str]) -> Step:
    """The step, and beside it the same call once more, for an error that may pass but has no name.

    Only a name can be retried (Error handling, Step Functions Developer Guide), so the cause is
    read by a choice, and the retries are those of a second state. A job has another name there.
    """
    first, general, named = step.state, errors.general, errors.named
    last = next(each for each in first["Catch"] if {general, "States.ALL"} & {*each["ErrorEquals"]})
    others = [each for each in first["Catch"] if each["ErrorEquals"] != [general]]
    cause = f"{last['ResultPath']}.Cause"
    text = json.dumps(first["Parameters"])
    counted = text.replace("$$.State.RetryCount", "States.MathAdd($$.State.RetryCount, 10)")
    again = {
        **first,
        "Parameters": json.loads(counted),
        "Retry": [retry([general, *named])],
        "Catch": [{**each, "Next": _first(each["Next"], step)} for each in first["Catch"]],
        "Next": _first(first["Next"], step) if first["Next"] else None,
    }
    may_pass = choose(
        f"May{step.name}Pass",
        when(
            all_of(present(cause), any_of(*(matches(cause, each) for each in passing))),
            [replace(step, name=f"{step.name}Again", state=again, roles=())],
        ),
        otherwise=last["Next"] if last not in others else _first(last["Next"], step),
    )
    read = {**last, "ErrorEquals": [general], "Next": [may_pass]}
    return replace(step, state={**first, "Catch": [read, *others]})


def _first(way: Way, step: Step) -> Way:
    """The same way from a state beside the step, since a side way is laid out only once."""
    if isinstance(way, str | Below):
        return way
    return way[0].name if way else Below(step.name)


def catch(way: Way, *, error: str = "States.ALL", at: str = "$.error") -> State:
    """Keep what went wrong beside the state's input, and go that way."""
    return {"ErrorEquals": [error], "ResultPath": at, "Next": way}


# ---- many, and again


def each(
    name: str,
    items: str,
    item: State,
    steps: Sequence[Step],
    *,
    at: str,
    caught: Sequence[State] | None = None,
    one_by_one: bool = False,
    then: Way = None,
    tokens: Mapping[str, Any] | None = None,
    comment: str = "",
) -> Step:
    """Tell a story of its own for each item of a list. What ends one of them by `fail` goes to
    `caught`, which is EXPLAIN unless it is given."""
    caught = [catch(EXPLAIN)] if caught is None else caught
    state = {
        "Type": "Map",
        **({"Comment": comment} if comment else {}),
        "ItemsPath": items,
        "ItemSelector": item,
        **({"MaxConcurrency": 1} if one_by_one else {}),
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "Story": list(steps)},
        "ResultPath": at,
        **({"Catch": list(caught)} if caught else {}),
        "Next": then,
    }
    return Step(name, state, tokens=tokens or {})


def wait_until(
    look: Step,
    verdict_name: str,
    *ways: ChoiceRule,
    wait_name: str,
    count_name: str,
    start_name: str = "",
    busy: ChoiceRule,
    too_long: Way,
    otherwise: Way,
    looks: int = LOOKS,
    comment: str = "",
) -> list[Step]:
    """Look at something until one of `ways` holds: while it is `busy`, wait, count, look again.

    The count is the seconds of the next wait, and bounds the waits. With `start_name` it begins
    anew, with a wait; without, the first look is at once, and FIRST_LOOK was put at COUNT before.
    """
    pause = [
        Step(wait_name, {"Type": "Wait", "SecondsPath": _LOOK, "Next": None}),
        put(count_name, COUNT, {"number.$": f"States.MathAdd({_LOOK}, 1)"}, then=look.name),
    ]
    verdict = choose(
        verdict_name,
        *ways,
        when(all_of(busy, may_look(looks)), wait_name if start_name else pause),
        when(busy, too_long),
        otherwise=otherwise,
        comment=comment,
    )
    if not start_name:
        return [look, verdict]
    return [put(start_name, COUNT, FIRST_LOOK), *pause, look, verdict]


def may_look(looks: int = LOOKS) -> ChoiceRule:
    """There are looks left."""
    return compares(_LOOK, "NumericLessThanEquals", looks)


# ---- ends


def end(name: str) -> Step:
    """The end of a run, or of one of many, that is well."""
    return Step(name, {"Type": "Succeed"})


def fail(name: str) -> Step:
    """The end of a failed run: the error that was caught, as it was."""
    return Step(name, {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"})
