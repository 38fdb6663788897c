"""The course of a training job: its statuses, as DescribeTrainingJob and EventBridge tell them."""

import json
from datetime import UTC, datetime
from typing import Any

from local.events import emit
from local.sagemaker.records import LOCK, Record
from local.stepfunctions.shapes import epoch_ms

MESSAGES = {
    "Starting": "Starting the training job",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "The managed spot training instances were interrupted",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}


class Course(Record):
    """A record whose description has a status, a secondary status and their history."""

    def enter(self, secondary: str, **fields: Any) -> None:
        """Go on to another secondary status, with these fields of the description changed."""
        now = datetime.now(UTC)
        with LOCK:
            transitions = self.description.setdefault("SecondaryStatusTransitions", [])
            if transitions:
                transitions[-1]["EndTime"] = now
            message = MESSAGES[secondary]
            transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
            self.update(SecondaryStatus=secondary, LastModifiedTime=now, **fields)
        self._announce()

    def end(self, secondary: str, **fields: Any) -> None:
        """The last status, which stands under Stopped where it tells which limit was reached."""
        status = "Stopped" if secondary.endswith("Exceeded") else secondary
        now = datetime.now(UTC)
        with LOCK:
            self.enter(secondary, TrainingJobStatus=status, TrainingEndTime=now, **fields)
            self.description["SecondaryStatusTransitions"][-1]["EndTime"] = now

    def _announce(self) -> None:
        """The event of Developer Guide, "Events that SageMaker AI sends to EventBridge"."""
        detail = json.loads(json.dumps(self.snapshot(), default=epoch_ms))
        arn = self.description["TrainingJobArn"]
        emit("aws.sagemaker", "SageMaker Training Job State Change", [arn], detail)
