"""What Step Functions looks at when a machine is made: whether its role may do what the service
does with it, besides the calls of its states."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from local.authorization import hold
from local.authorization.ask import Ask
from local.context import current
from local.refusals import TurnedAway

# A job that `.sync` waits for is followed by a rule (Developer Guide, "How Step Functions generates
# IAM policies for integrated services"), by the integration that starts it
_RULES = {
    "sagemaker:createHyperParameterTuningJob": "StepFunctionsGetEventsForSageMakerTuningJobsRule",
    "sagemaker:createProcessingJob": "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    "sagemaker:createTrainingJob": "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    "sagemaker:createTransformJob": "StepFunctionsGetEventsForSageMakerTransformJobsRule",
    "states:startExecution": "StepFunctionsGetEventsForStepFunctionsExecutionRule",
}
_DELIVERY = (  # "Using CloudWatch Logs to log execution history in Step Functions"
    *("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery"),
    *("ListLogDeliveries", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"),
)


def check_role(role: str, definition: str, logging: Mapping[str, Any]) -> None:
    """Raises TurnedAway, in the words of public reports (github.com/nasa/cumulus, pull 2693)."""
    rules = {_RULES[name] for name in _followed(json.loads(definition)) if name in _RULES}
    asked = [
        Ask(f"events:{action}", current().arn("events", f"rule/{rule}"))
        for rule in sorted(rules)
        for action in ("PutTargets", "PutRule", "DescribeRule")
    ]
    if not hold.may(role, *asked):
        raise _denied(f"'{role}' is not authorized to create managed-rule.")
    deliver = [Ask(f"logs:{action}") for action in _DELIVERY]
    if logging.get("level", "OFF") != "OFF" and not hold.may(role, *deliver):
        raise _denied("The state machine IAM Role is not authorized to access the Log Destination")


def _followed(inside: Any) -> Iterator[str]:
    """The integrations that are waited for, in whatever state they stand."""
    if isinstance(inside, dict):
        name, _, pattern = str(inside.get("Resource", "")).partition(":::")[2].partition(".")
        if pattern.startswith("sync"):
            yield name
    for each in inside.values() if isinstance(inside, dict) else inside:
        if isinstance(each, dict | list):
            yield from _followed(each)


def _denied(text: str) -> TurnedAway:
    return TurnedAway("400 Bad Request", "AccessDeniedException", text)
