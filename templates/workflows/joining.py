"""From a story to the definition of a state machine. What does not join is refused, in words that
say which step and what to do.

The definition is JSON text with named substitutions, the only form in which cfn-lint checks states.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from awacs.aws import Statement
from troposphere import encode_to_dict
from troposphere.iam import Role

from templates.kit.render import pretty
from templates.workflows.language import Below, State, Step, Way

_TOKEN = re.compile(r"\$\{(\w+)\}")
# Where a call and the permission for it have different names (Actions, resources, and condition
# keys for Amazon S3, Service Authorization Reference; the same of Amazon SageMaker)
_SCALING = ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy")
_PERMISSIONS = {
    **{f"applicationautoscaling:{name}": {f"application-autoscaling:{name}"} for name in _SCALING},
    "sagemakerruntime:InvokeEndpoint": {"sagemaker:InvokeEndpoint"},
    "s3:ListObjectsV2": {"s3:ListBucket"},
    "s3:HeadObject": {"s3:GetObject"},
    "s3:CopyObject": {"s3:GetObject", "s3:PutObject"},
    "sfn:DescribeExecution": {"states:DescribeExecution"},
    "sfn:StopExecution": {"states:StopExecution"},
}
# What `.sync` learns the end of a job by (IAM policies for integrated services, Step Functions)
_FOLLOWING = {"events:PutTargets", "events:PutRule", "events:DescribeRule"}


@dataclass(frozen=True)
class Workflow:
    """A joined story: its definition as text, its tokens' values, and the sum of what its steps
    carry."""

    definition: str
    substitutions: dict[str, Any]
    grants: list[Statement]
    roles: list[Role]


def join(comment: str, story: Sequence[Step]) -> Workflow:
    """The workflow that begins at the story's first step. Raises ValueError for a step that leads
    nowhere, is never reached, has the name of another, or lives on what another brought."""
    steps = list(_all_steps(story))
    _refuse_one_name_for_two_jobs(steps)
    document = {"Comment": comment, **_level(story)}
    substitutions: dict[str, Any] = {}
    for step in steps:
        for token, value in step.tokens.items():
            known = substitutions.setdefault(token, value)
            if known is not value and encode_to_dict(known) != encode_to_dict(value):
                raise ValueError(
                    f"{step.name} gives ${{{token}}} another value than a step before it: rename "
                    "one of the two tokens"
                )
    return Workflow(
        definition=pretty(document) + "\n",
        substitutions=substitutions,
        # A call that may be made again brings its grants twice, and two jobs may have one role
        grants=list({id(grant): grant for step in steps for grant in step.grants}.values()),
        roles=list({id(role): role for step in steps for role in step.roles}.values()),
    )


def _refuse_one_name_for_two_jobs(steps: Iterable[Step]) -> None:
    """The first argument of a job is its name. The second job of a run would be refused."""
    jobs: dict[tuple[str, str], str] = {}
    for step in steps:
        if step.calls.startswith("sagemaker:create") and ".sync" in step.calls:
            name = str(next(iter(step.state["Parameters"].values())))
            other = jobs.setdefault((step.calls, name), step.name)
            if other != step.name:
                raise ValueError(
                    f"{step.name} calls its job as {other} calls its own: give it a `job_name`"
                )


def _all_steps(story: Iterable[Step]) -> Iterator[Step]:
    """Every step in the order of the definition, those beside a step and inside an `each` too."""
    for step in story:
        yield step
        yield from _all_steps(_inside(step))
        for side in _sides(step):
            yield from _all_steps(side)


def _inside(step: Step) -> Sequence[Step]:
    inside: Sequence[Step] = step.state.get("ItemProcessor", {}).get("Story", ())
    return inside


def _sides(step: Step) -> Iterator[Sequence[Step]]:
    for way in _ways(step.state):
        if way and not isinstance(way, str | Below):
            yield way


def _ways(state: State) -> Iterator[Way]:
    for key, value in state.items():
        if key in ("Next", "Default"):
            yield value
        elif key in ("Choices", "Catch"):
            yield from (rule["Next"] for rule in value)


def _level(story: Sequence[Step]) -> State:
    """`StartAt` and `States` of a story, or of the inside of an `each`."""
    states: dict[str, State] = {}
    below = dict(_below(story, None))
    for step in _lay_out(story):
        state = _named(step, below)
        if inside := _inside(step):
            processor = dict(state["ItemProcessor"])
            del processor["Story"]
            state["ItemProcessor"] = {**processor, **_level(inside)}
        if step.name in states:
            raise ValueError(
                f"two steps are called {step.name}: rename one (those of a job by its `noun`)"
            )
        _refuse_borrowing(step, state)
        states[step.name] = state
    _refuse_lost_ways(states)
    _refuse_endless(states)
    return {"StartAt": story[0].name, "States": states}


def _lay_out(story: Sequence[Step]) -> Iterator[Step]:
    """Each step, and behind it what stands beside it."""
    for step in story:
        yield step
        for side in _sides(step):
            yield from _lay_out(side)


def _below(story: Sequence[Step], after: str | None) -> Iterator[tuple[str, str | None]]:
    """The name of each step, and of the one below it; a side way comes back to `after`."""
    for step, following in zip_longest(story, story[1:]):
        below = following.name if following else after
        yield step.name, below
        for side in _sides(step):
            yield from _below(side, below)


def _named(step: Step, below: Mapping[str, str | None]) -> State:
    """The state, with the name of a step for each way on."""

    def name(way: Way) -> str:
        if isinstance(way, str):
            return way
        if way and not isinstance(way, Below):
            return way[0].name
        above = way.name if isinstance(way, Below) else step.name
        found = below.get(above)
        if found is None:
            raise ValueError(
                f"{step.name} goes on to the step below {above}, and there is none: give it "
                "`then=`, or put end(…) or fail(…) there"
            )
        return found

    state = dict(step.state)
    for key in state:
        if key in ("Next", "Default"):
            state[key] = name(state[key])
        elif key in ("Choices", "Catch"):
            state[key] = [{**rule, "Next": name(rule["Next"])} for rule in state[key]]
    return state


def _refuse_lost_ways(states: dict[str, State]) -> None:
    for name, state in states.items():
        for way in _ways(state):
            if way not in states:
                raise ValueError(
                    f"{name} leads to {way}, which does not exist: correct the name, or put the "
                    "step into the same story"
                )
    reached: set[str] = set()
    ahead = [next(iter(states))]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += [way for way in _ways(states[name]) if isinstance(way, str)]
    for above, name in zip(["", *states], states, strict=False):
        if name not in reached:
            raise ValueError(
                f"no step leads to {name}: {above} above it goes another way (name {name} where it "
                "is left from, or let the step above name no way on)"
            )


def _refuse_endless(states: dict[str, State]) -> None:
    """From every step, some way leads to an end."""
    ends = {name for name, state in states.items() if state["Type"] in ("Succeed", "Fail")}
    while more := {n for n, state in states.items() if n not in ends and ends & {*_ways(state)}}:
        ends |= more
    if endless := sorted(states.keys() - ends):
        raise ValueError(
            f"no way leads from {endless[0]} to an end: let one of its ways lead out of the circle"
        )


def _refuse_borrowing(step: Step, state: State) -> None:
    """A step has the actions and tokens that it uses from itself, so that it may move, and none is
    left behind when it goes. Whether a grant's resources are enough is not seen here."""
    own = {key: value for key, value in state.items() if key != "ItemProcessor"}
    used, brought = set(_TOKEN.findall(json.dumps(own))), set(step.tokens)
    if missing := sorted(used - brought):
        raise ValueError(
            f"{step.name} uses ${{{missing[0]}}} and brings no value for it: add `tokens`"
        )
    if idle := sorted(brought - used):
        raise ValueError(f"{step.name} brings ${{{idle[0]}}} and does not use it: remove the token")
    granted = {str(action.JSONrepr()) for grant in step.grants for action in grant.Action}
    if missing := sorted(needed(step.calls) - granted):
        raise ValueError(f"{step.name} needs {missing[0]} for its call: add it to its `grants`")


def needed(calls: str) -> set[str]:
    """The permissions without which a call is refused: `aws-sdk:s3:listObjectsV2` needs
    s3:ListBucket."""
    if not calls:
        return set()
    service, action = calls.removeprefix("aws-sdk:").split(":")[:2]
    name, _, waits = action.partition(".")
    permission = f"{service}:{name[0].upper()}{name[1:]}"
    return _PERMISSIONS.get(permission, {permission}) | (_FOLLOWING if waits else set())
