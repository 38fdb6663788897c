"""What a stack with these parameters costs: while nothing happens, for a training, for a
deployment; and beside it, what the other ways would cost. Each line says how it was reckoned.

What nobody can know before is assumed, below, and the line says so. Free allowances, taxes and
traffic are left out, and what comes to less than a cent a month: notifications, events, logs of an
idle stack, requests to the key.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scripts.lib.prices import Price, Prices

HOURS = 730  # of a month, as AWS reckons
# What the template has, whatever is chosen; one alarm looks at three metrics, and each is billed
KEYS, ALARM_METRICS, SCALING_ALARMS = 1, 8, 2
# Both images of a commit, compressed (docs/image.md)
IMAGES_GB = 0.6
NOTEBOOK_GB = 20
# ---- assumed
OBJECTS_GB = 1.0  # data, models, evaluations
EVALUATION_MINUTES = 10
LOOK_GB = 50  # its disk (templates/workflows/drift/compare.py)
LOOK_MINUTES, LOOK_TRANSITIONS = 5, 50  # what the drift job runs for, and its workflow's steps
BUILD_MINUTES = 13  # Test and Build
TRANSITIONS = 200  # of all workflows, from a training's begin to the end of its deployment
START_MINUTES = 8  # until a new fleet answers
ANSWER_SECONDS = 0.1
SPOT_LEAST = 0.1  # "up to 90% over on-demand" (Managed Spot Training, SageMaker Developer Guide)


@dataclass(frozen=True)
class Line:
    """What it is, how its amount was reckoned, and the amount where the price is known."""

    what: str
    words: str
    amount: float | None


@dataclass(frozen=True)
class Section:
    title: str
    lines: tuple[Line, ...]
    summed: bool = True

    @property
    def total(self) -> float:
        """Of what is known."""
        return sum(one.amount or 0 for one in self.lines)

    @property
    def complete(self) -> bool:
        return all(one.amount is not None for one in self.lines)


def bill(chosen: Mapping[str, str], prices: Prices) -> list[Section]:
    """All of it; `chosen` has every parameter of the template."""
    return [
        Section("Idle, a month", tuple(_idle(chosen, prices))),
        Section("A training that a push starts, at most", tuple(_training(chosen, prices))),
        Section("A deployment", tuple(_deployment(chosen, prices))),
        Section("A look at what was captured", tuple(_look(chosen, prices))),
        Section("Beside that", tuple(_beside(chosen, prices)), summed=False),
    ]


def _idle(chosen: Mapping[str, str], prices: Prices) -> list[Line]:
    lines = [_endpoint(chosen, prices)]
    key = f"{KEYS} key (each of its first two yearly rotations adds as much)"
    lines.append(_line("key", key, KEYS, prices, "key"))
    metrics = ALARM_METRICS + (SCALING_ALARMS if _scales(chosen) else 0)
    lines.append(
        _line("alarms", f"{metrics} metrics that alarms look at", metrics, prices, "alarm")
    )
    lines.append(_dashboard(prices))
    kept = int(chosen["KeepVersions"])
    images = f"{kept} x {IMAGES_GB} GB, assumed: 100 commits are kept, and share most layers"
    lines.append(_line("images", images, kept * IMAGES_GB, prices, "image"))
    objects = f"{OBJECTS_GB:g} GB of data and models, assumed"
    lines.append(_line("objects", objects, OBJECTS_GB, prices, "object"))
    if chosen["NotebookEnabled"] == "true":
        disk = f"{NOTEBOOK_GB} GB; the notebook stops by itself when idle"
        lines.append(_line("notebook", disk, NOTEBOOK_GB, prices, "volume"))
    return lines


def _dashboard(prices: Prices) -> Line:
    """Of small ones, which this is, an account has three for nothing."""
    price = prices.of("dashboard")
    then = f", then {told(price, prices)}" if price else ""
    return Line("dashboard", f"an account's first three are free{then}", 0.0)


def _endpoint(chosen: Mapping[str, str], prices: Prices) -> Line:
    if chosen["EndpointKind"] == "Serverless":
        return Line("endpoint", "serverless: nothing runs while nobody asks", 0.0)
    count, kind = int(chosen["EndpointInstanceCount"]), chosen["EndpointInstanceType"]
    most = chosen["EndpointMaxInstanceCount"]
    more = f" (with scaling up to {most} of them)" if _scales(chosen) else ""
    words = f"{count} x {kind} x {HOURS} h{more}"
    return _line("endpoint", words, count * HOURS, prices, kind, "Host")


def _training(chosen: Mapping[str, str], prices: Prices) -> list[Line]:
    seconds = int(chosen["TrainingMaxRuntimeSeconds"])
    jobs = max(1, int(chosen["TuningJobs"]))
    count, kind = int(chosen["TrainingInstanceCount"]), chosen["TrainingInstanceType"]
    hours = jobs * count * seconds / 3600
    many = f"{jobs} trainings x " if jobs > 1 else ""
    words = f"{many}{count} x {kind} x {seconds:,} s, the longest run"
    disk = int(chosen["TrainingVolumeGB"])
    disks = f"{disk} GB for {hours:g} h of {HOURS}"
    rounds = math.ceil(jobs / int(chosen["TuningParallelJobs"]))
    minutes = BUILD_MINUTES + rounds * seconds / 60 + EVALUATION_MINUTES
    # Which the pipeline waits for, but for a person's approval
    minutes += deploying(chosen) if chosen["Approval"] == "Automatic" else 0
    waits = f"{minutes:g} min of builds and waiting, but for others in the queue"
    scored = f"1 x {chosen['EvaluationInstanceType']} x {EVALUATION_MINUTES} min, assumed"
    return [
        _line("training", words, hours, prices, kind, "Train"),
        _line("disk", disks, disk * hours / HOURS, prices, "volume"),
        _line(
            *("evaluation", scored, EVALUATION_MINUTES / 60, prices),
            *(chosen["EvaluationInstanceType"], "Processing"),
        ),
        _line("builds", f"{BUILD_MINUTES} min, assumed", BUILD_MINUTES, prices, "build"),
        _line("pipeline", waits, minutes, prices, "action"),
        _line("workflows", f"{TRANSITIONS} transitions, assumed", TRANSITIONS, prices, "workflow"),
    ]


def _deployment(chosen: Mapping[str, str], prices: Prices) -> list[Line]:
    if chosen["EndpointKind"] == "Serverless":
        return [Line("second fleet", "serverless: there are no instances to double", 0.0)]
    count, kind = int(chosen["EndpointInstanceCount"]), chosen["EndpointInstanceType"]
    bakes, bake = watches(chosen), chosen["RolloutBakeSeconds"]
    minutes = deploying(chosen)
    words = (
        f"{count} x {kind} more for {minutes:g} min ({START_MINUTES} until it answers, assumed, "
        f"and {bakes} x {bake} s of watching)"
    )
    return [_line("second fleet", words, count * minutes / 60, prices, kind, "Host")]


def deploying(chosen: Mapping[str, str]) -> float:
    """Minutes until what is new has taken over."""
    if chosen["EndpointKind"] == "Serverless":
        return START_MINUTES
    return START_MINUTES + watches(chosen) * int(chosen["RolloutBakeSeconds"]) / 60


def _look(chosen: Mapping[str, str], prices: Prices) -> list[Line]:
    """For drift; where nothing was captured the workflow ends before it has begun a job."""
    kind = chosen["EvaluationInstanceType"]
    words = f"1 x {kind} x {LOOK_MINUTES} min, assumed"
    steps = f"{LOOK_TRANSITIONS} transitions, assumed"
    disk = f"{LOOK_GB} GB for {LOOK_MINUTES} min of {HOURS} h"
    return [
        _line("drift", words, LOOK_MINUTES / 60, prices, kind, "Processing"),
        _line("its disk", disk, LOOK_GB * LOOK_MINUTES / 60 / HOURS, prices, "volume"),
        _line("workflow", steps, LOOK_TRANSITIONS, prices, "workflow"),
    ]


def watches(chosen: Mapping[str, str]) -> int:
    """How often an update is watched for RolloutBakeSeconds: after each step of the traffic, and
    one instance has no part to begin with (templates/workflows/deployment/rollout.py)."""
    count = int(chosen["EndpointInstanceCount"])
    if chosen["Rollout"] == "AllAtOnce" or count < 2:
        return 1
    if chosen["Rollout"] == "Canary":
        return 2
    return min(count, math.ceil(100 / int(chosen["RolloutPercent"])))


def _beside(chosen: Mapping[str, str], prices: Prices) -> list[Line]:
    memory = int(chosen["ServerlessMemoryMB"]) / 1024
    seconds = 1000 * ANSWER_SECONDS
    words = f"1,000 answers of {ANSWER_SECONDS:g} s with {memory:g} GB"
    answers = _line("serverless", words, seconds * memory, prices, "serverless")
    steady = _endpoint({**chosen, "EndpointKind": "RealTime"}, prices)
    if steady.amount and answers.amount:
        even = 1000 * steady.amount / answers.amount
        words = f"{answers.words}; from {even:,.0f} a month on the instances cost less"
        answers = Line(answers.what, words, answers.amount)
    training = _training(chosen, prices)[0]
    least = None if training.amount is None else training.amount * SPOT_LEAST
    words = "the training, as the market is: up to 90 % less than on demand"
    instances = [Line("instances", steady.words, steady.amount)]
    return [
        answers,
        *(instances if chosen["EndpointKind"] == "Serverless" else []),
        Line("spot, from", words, least),
    ]


def _line(what: str, words: str, quantity: float, prices: Prices, item: str, use: str = "") -> Line:
    price = prices.of(item, use)
    if price is None:
        return Line(what, f"{words}: no price of {item} is known", None)
    return Line(what, f"{words} x {told(price, prices)}", quantity * price.amount)


def told(price: Price, prices: Prices) -> str:
    """A price, and of which region where that is another one."""
    where = "" if price.region == prices.region else f" ({price.region})"
    return f"{prices.currency}{figure(price.amount)}/{price.unit}{where}"


def figure(amount: float) -> str:
    """Cents, or as many digits as say something."""
    return f"{amount:,.2f}" if round(amount, 2) == amount else f"{amount:,.6f}".rstrip("0")


def _scales(chosen: Mapping[str, str]) -> bool:
    return int(chosen["EndpointMaxInstanceCount"]) > int(chosen["EndpointInstanceCount"]) and (
        chosen["EndpointKind"] != "Serverless"
    )
