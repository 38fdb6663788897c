"""The ranges that a tuning job searches, and values out of them, drawn at random.

Sources: SageMaker Developer Guide, "Define Hyperparameter Ranges", "Hyperparameter Scaling"; API
reference, IntegerParameterRange, ContinuousParameterRange.
"""

import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

Ranges = Mapping[str, list[dict[str, Any]]]
ORDERS = 100  # "Auto" is logarithmic from here on: AWS says of several orders of magnitude


def faults(ranges: Ranges, static: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the ranges, each as a sentence."""
    named = [each["Name"] for kind in ranges.values() for each in kind]
    if not named:
        yield "ParameterRanges must have at least one range"
    for name in sorted({name for name in named if named.count(name) > 1}):
        yield f"ParameterRanges has more than one range of {name}"
    for name in sorted(static.keys() & set(named)):
        yield f"{name} stands in StaticHyperParameters and in ParameterRanges"
    for each in ranges.get("IntegerParameterRanges", []):
        yield from _faults(each, whole=True)
    for each in ranges.get("ContinuousParameterRanges", []):
        yield from _faults(each, whole=False)


def draw(ranges: Ranges, source: random.Random) -> dict[str, str]:
    """A value of each hyperparameter, as text."""
    whole = {
        each["Name"]: str(round(_between(each, source, margin=0.5)))
        for each in ranges.get("IntegerParameterRanges", [])
    }
    real = {
        each["Name"]: repr(_between(each, source))
        for each in ranges.get("ContinuousParameterRanges", [])
    }
    chosen = {
        each["Name"]: source.choice(each["Values"])
        for each in ranges.get("CategoricalParameterRanges", [])
    }
    return whole | real | chosen


def _between(each: dict[str, Any], source: random.Random, margin: float = 0.0) -> float:
    """A value as likely as any other on the range's scale; what lies in the margin is an end."""
    low, high = float(each["MinValue"]), float(each["MaxValue"])
    scale = each.get("ScalingType", "Auto")
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high / low >= ORDERS else "Linear"
    begin, end = low - margin, high + margin
    if scale == "Linear":
        value = source.uniform(begin, end)
    elif scale == "Logarithmic":
        value = math.exp(source.uniform(math.log(begin), math.log(end)))
    else:  # close to 1 is where it is searched most
        value = 1 - math.exp(source.uniform(math.log(1 - end), math.log(1 - begin)))
    return min(max(value, low), high)


def _faults(each: dict[str, Any], *, whole: bool) -> Iterator[str]:
    name, scale = each["Name"], each.get("ScalingType", "Auto")
    try:
        low, high = (
            int(value) if whole else float(value) for value in (each["MinValue"], each["MaxValue"])
        )
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high)):
        kind = "a whole number" if whole else "a number"
        yield f"MinValue and MaxValue of {name} must be {kind}"
    elif low > high:
        yield f"MinValue of {name} must not be more than its MaxValue"
    elif scale == "Logarithmic" and low <= 0:
        yield f"Logarithmic scaling of {name} needs values greater than 0"
    elif scale == "ReverseLogarithmic" and whole:
        yield f"ReverseLogarithmic scaling of {name} is not supported for integer ranges"
    elif scale == "ReverseLogarithmic" and not 0 <= low <= high < 1:
        yield f"ReverseLogarithmic scaling of {name} needs values from 0 to less than 1"
