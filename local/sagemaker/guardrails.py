"""What a deployment configuration asks for: in which steps traffic goes to the new fleet, how long
each is watched, and by which alarms (Developer Guide, "Deployment guardrails for updating models in
production"; the limits: BlueGreenUpdatePolicy and TrafficRoutingConfig, SageMaker API Reference).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.sagemaker.records import invalid

SIZES = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


@dataclass(frozen=True)
class Shift:
    """A step in which so many instances of the new fleet take requests, watched for so long."""

    instances: int
    seconds: int
    setting: str  # which one says how long
    capacity: str  # what of the fleet that is, in the words of the documentation


@dataclass(frozen=True)
class TrafficPlan:
    steps: tuple[Shift, ...]
    alarms: tuple[str, ...]
    seconds: float  # the longest that all of it may take

    def share(self, step: Shift) -> float:
        """Of the traffic: the new fleet has its size when all of it takes requests."""
        return step.instances / self.steps[-1].instances


def plan(config: Mapping[str, Any], count: int) -> TrafficPlan:
    """What is done to replace a fleet by one of `count` instances; all at once if nothing is said.
    Raises AwsError for what AWS does not take."""
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": "ALL_AT_ONCE"})
    way, wait = routing["Type"], routing.get("WaitIntervalInSeconds", 0)
    for other, name in SIZES.items():
        if (name in routing) != (other == way):
            raise invalid(f"{name} has to be given for {other}, and only for it; Type is {way}.")
    steps = [
        Shift(instances, wait, "WaitIntervalInSeconds", way.lower())
        for instances in _before_the_last(way, routing.get(SIZES.get(way, "")), count)
    ]
    final = policy.get("TerminationWaitInSeconds", 0)
    steps.append(Shift(count, final, "TerminationWaitInSeconds", "full"))
    seconds = policy.get("MaximumExecutionTimeoutInSeconds", math.inf)
    waits = sum(each.seconds for each in steps)
    if seconds <= waits:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds ({seconds}) should be larger than the total waiting "
            f"time specified in TerminationWaitInSeconds and WaitIntervalInSeconds ({waits})."
        )
    return TrafficPlan(tuple(steps), alarms(config), seconds)


def alarms(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of those that bring all traffic back."""
    watched = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    return tuple(each["AlarmName"] for each in watched)


def _before_the_last(way: str, size: Mapping[str, Any] | None, count: int) -> range:
    """How many instances take requests in each step but the last, which has all."""
    if size is None:
        return range(0)
    value, percent = size["Value"], size["Type"] == "CAPACITY_PERCENT"
    least = 10 if way == "LINEAR" else 0
    share = value if percent else 100 * value / count
    # A fleet has whole instances: a share of less than one is one, and none is above its half
    instances = max(1, count * value // 100) if percent else value
    if not least <= share <= 50 or 2 * instances > count:
        limits = f"{least}-50%" if least else "less than or equal to 50%"
        raise invalid(
            f"{SIZES[way]} must be {limits} of the variant's total instance count, which is {count}"
        )
    return range(instances, count if way == "LINEAR" else instances + 1, instances)
