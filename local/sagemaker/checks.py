"""What CreateTrainingJob refuses for what the request says: mistakes, and what is not done here."""

import re
from typing import Any

from local.refusals import unsupported
from local.sagemaker.records import invalid
from local.sagemaker.watch import DAY

MAX_INSTANCES = 20  # all are processes of one machine; on AWS a quota of the account


def check(request: dict[str, Any]) -> None:
    """Raises AwsError."""
    _check_instances(request["ResourceConfig"])
    _check_spot(request.get("EnableManagedSpotTraining", False), request["StoppingCondition"])
    algorithm, channels = request["AlgorithmSpecification"], request.get("InputDataConfig", [])
    if not algorithm.get("TrainingImage"):
        raise invalid(unsupported("AlgorithmName", "TrainingImage"))
    modes = [channel.get("InputMode") for channel in channels]
    if "Pipe" in [algorithm["TrainingInputMode"], *modes]:
        raise invalid(unsupported("InputMode Pipe", "File", "FastFile"))
    for channel in channels:
        _check_channel(channel)
    checkpoints = request.get("CheckpointConfig", {})
    if checkpoints.get("LocalPath", "/opt/ml/checkpoints").rstrip("/") != "/opt/ml/checkpoints":
        raise invalid(unsupported("Another LocalPath of checkpoints", "/opt/ml/checkpoints"))


def _check_instances(resources: dict[str, Any]) -> None:
    if resources.get("InstanceGroups"):
        raise invalid(unsupported("InstanceGroups", "InstanceType", "InstanceCount"))
    count = resources.get("InstanceCount", 1)
    if not 1 <= count <= MAX_INSTANCES:
        raise invalid(
            unsupported(
                f"InstanceCount {count}", f"1 to {MAX_INSTANCES}, each a process of this machine"
            )
        )


def _check_spot(spot: bool, limits: dict[str, int]) -> None:
    """The first message as seen in public (github.com/Kenza-AI/sagify, issue 111); the rule of the
    second in API reference, StoppingCondition."""
    wait, runtime = limits.get("MaxWaitTimeInSeconds"), limits.get("MaxRuntimeInSeconds", DAY)
    if wait is not None and not spot:
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is "
            "set to true"
        )
    if spot and (wait is None or wait < runtime):
        raise invalid(
            "Invalid MaxWaitTimeInSeconds. It must be present and equal to or greater than "
            f"MaxRuntimeInSeconds ({runtime}) when EnableManagedSpotTraining is set to true"
        )


def _check_channel(channel: dict[str, Any]) -> None:
    name = channel["ChannelName"]
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
        raise invalid(f"'{name}' is no ChannelName")
    source = channel["DataSource"].get("S3DataSource")
    if source is None or source["S3DataType"] != "S3Prefix":
        raise invalid(
            unsupported(f"The source of channel {name}", "S3DataSource with S3DataType S3Prefix")
        )
