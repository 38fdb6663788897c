"""Training: on which capacity a job runs. Spot first, where it is wanted; then once on demand.

Managed spot training restarts an interrupted job by itself. One that lacked capacity for too long
ends as Stopped, MaxWaitTimeExceeded (Managed Spot Training Lifecycle, SageMaker Developer Guide).
"""

from templates.asl import State, Step

# What training/job.py writes to output/failure
LOST_WORKER = "another worker of the job was lost"

_RUN, _WAIT = "$.settings.maxRuntimeSeconds", "$.settings.spotWaitSeconds"
_BOTH = f"States.MathAdd({_RUN}, {_WAIT})"


def choose_capacity() -> list[Step]:
    """From ChooseCapacity to Train."""
    wanted = {"Variable": "$.settings.useSpot", "BooleanEquals": True, "Next": "UseSpot"}
    spot = {"MaxRuntimeInSeconds.$": _RUN, "MaxWaitTimeInSeconds.$": _BOTH}
    return [
        Step("ChooseCapacity", {"Type": "Choice", "Choices": [wanted], "Default": "UseOnDemand"}),
        _capacity(
            "UseSpot",
            {
                "spot": True,
                "job.$": "States.Format('{}-spot', $.name)",
                "note": "",
                "stopping": spot,
                "timeoutSeconds.$": f"States.MathAdd({_BOTH}, 3600)",
            },
        ),
        _capacity("UseOnDemand", {**_on_demand(), "note": ""}),
    ]


def fall_back() -> list[Step]:
    """Entered at MayFallBack with a job that did not complete in $.training: ends at Train, at
    TrainingFailed or at TrainingIncomplete.

    A job on demand does not fall back again, and a job that a person stopped (SecondaryStatus
    Stopped) not at all. The lifecycle of spot jobs knows no failure for lack of capacity; that of
    jobs does, as seen in public (github.com/DIAGNijmegen/rse-grand-challenge, issue 2631).
    """
    reason = "$.training.FailureReason"
    told = {"Variable": reason, "IsPresent": True}
    lost = [
        {"Variable": "$.training.SecondaryStatus", "StringEquals": "MaxWaitTimeExceeded"},
        {"And": [told, {"Variable": reason, "StringMatches": "CapacityError*"}]},
        # One of several machines was taken away, and the program of another said so
        {"And": [told, {"Variable": reason, "StringMatches": f"*{LOST_WORKER}*"}]},
    ]
    spot = {"Variable": "$.capacity.spot", "BooleanEquals": True}
    note = (
        "States.Format(' (on demand, after {} ended as {})', "
        "$.training.TrainingJobName, $.training.SecondaryStatus)"
    )
    return [
        Step(
            "MayFallBack",
            {
                "Type": "Choice",
                "Choices": [
                    {"And": [spot, {"Or": lost}], "Next": "FallBack"},
                    {**told, "Next": "TrainingFailed"},
                ],
                "Default": "TrainingIncomplete",
            },
        ),
        _capacity("FallBack", {**_on_demand(), "note.$": note}),
    ]


def _on_demand() -> State:
    return {
        "spot": False,
        "job.$": "$.name",
        "stopping": {"MaxRuntimeInSeconds.$": _RUN},
        "timeoutSeconds.$": f"States.MathAdd({_RUN}, 3600)",
    }


def _capacity(name: str, values: State) -> Step:
    return Step(
        name, {"Type": "Pass", "Parameters": values, "ResultPath": "$.capacity", "Next": "Train"}
    )
