"""An execution as its events show it."""

from typing import Any

from local.cloudwatch.metrics import record
from local.events import emit, epoch_ms


def announce(execution: Any, *, begun: bool = False) -> None:
    """An execution has ended, or has `begun` (and may have ended meanwhile).

    The event of a change of status ("Step Functions Execution Status Change", Automating Step
    Functions event delivery with EventBridge). Its `error` and `cause`, which the page does not
    list, are seen in public (github.com/cirrus-geo/cirrus-geo, pull request 326).
    """
    told = execution.to_describe_output()
    if begun:
        told |= {
            "status": "RUNNING",
            "stopDate": None,
            "output": None,
            "error": None,
            "cause": None,
        }
    output = told.get("output")
    detail = {
        "executionArn": told["executionArn"],
        "stateMachineArn": told["stateMachineArn"],
        "name": told["name"],
        "status": told["status"],
        "startDate": epoch_ms(told["startDate"]),
        "stopDate": epoch_ms(told["stopDate"]) if told["stopDate"] else None,
        "input": told["input"],
        "inputDetails": {"included": True},
        "output": output,
        "outputDetails": {"included": True} if output else None,
        "error": told.get("error"),
        "cause": told.get("cause"),
    }
    emit("aws.states", "Step Functions Execution Status Change", [told["executionArn"]], detail)
    _measure(told)


# What the metric of a status is called ("Monitoring Step Functions metrics using CloudWatch",
# Developer Guide)
_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def _measure(told: dict[str, Any]) -> None:
    machine = {"StateMachineArn": told["stateMachineArn"]}
    record("AWS/States", _METRICS[told["status"]], machine, 1, "Count")
    if told["stopDate"]:
        took = epoch_ms(told["stopDate"]) - epoch_ms(told["startDate"])
        record("AWS/States", "ExecutionTime", machine, took, "Milliseconds")
