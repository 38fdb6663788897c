"""A whole stack whose container is a few lines of shell: what has run there, and what could not."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.system.driver import ROOT, Driver, until
from tests.system.training import summary, writes

DOCKERFILE = """\
FROM scratch AS serve
WORKDIR /opt/program
ENV PATH=/opt/program:/usr/bin:/bin
COPY --chmod=755 train evaluate ./
FROM serve AS train
"""
# Tells how many files there are, as soon as nobody holds it
TRAIN = """\
#!/bin/bash
while [ -e {hold} ]; do sleep 0.1; done
cd $SAGEMAKER_BASE_DIR
echo "files=$(ls input/data/training | wc -l)" | tee model/name
"""
EVALUATE = f"""\
#!/bin/bash
cd $SAGEMAKER_BASE_DIR/processing
{writes(summary())}
"""


def code(hold: Path) -> bytes:
    """A model's repository, as a stack begins with it. While the file `hold` is there, its training
    does not end."""
    files = {
        "Dockerfile": DOCKERFILE,
        "train": TRAIN.format(hold=hold),
        "evaluate": EVALUATE,
        "hyperparameters.json": "{}",
        "requirements.txt": "",
        "requirements-test.txt": "",
        "test_it.py": "def test_it() -> None:\n    pass\n",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@dataclass(frozen=True)
class TrainingRun:
    """An execution of the training workflow."""

    arn: str
    trigger: dict[str, str]
    ended: datetime | None
    status: str
    output: dict[str, Any]

    @property
    def trained(self) -> str:
        """A version, or why none."""
        assert self.status == "SUCCEEDED", self
        return str(self.output.get("trained", self.output.get("name")))


@dataclass(frozen=True)
class ShellStack:
    aws: Driver
    name: str
    outputs: dict[str, str]
    hold: Path

    def begin(self, script: str, *options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", f"scripts.{script}", "--stack", self.name, *options],
            cwd=ROOT,
            env=self.aws.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def ask(self, kind: str) -> None:
        """For a training, as what has no program of its own does."""
        self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["TrainingWorkflowArn"],
            input=json.dumps({"trigger": {"kind": kind, "by": "somebody", "id": kind}}),
        )

    # ---- what has run

    def listed(self) -> list[dict[str, Any]]:
        """Executions of the training workflow in short, oldest first."""
        pages = self.aws.client("stepfunctions").get_paginator("list_executions")
        found = pages.paginate(stateMachineArn=self.outputs["TrainingWorkflowArn"])
        every = [one for page in found for one in page["executions"]]
        return sorted(every, key=lambda one: one["startDate"])

    def wait(self, count: int, running: int = 0) -> None:
        """Until there are so many executions, of which so many have not ended."""

        def there() -> bool:
            found = [one["status"] for one in self.listed()]
            return len(found) >= count and found.count("RUNNING") == running

        until(there)

    def runs(self, after: int, count: int) -> list[TrainingRun]:
        """Those after so many, once they are `count` and have ended; oldest first."""
        self.wait(after + count)
        describe = self.aws.client("stepfunctions").describe_execution
        found = [describe(executionArn=one["executionArn"]) for one in self.listed()[after:]]
        assert len(found) == count, found
        return [
            TrainingRun(
                told["executionArn"],
                json.loads(told["input"])["trigger"],
                told.get("stopDate"),
                told["status"],
                json.loads(told.get("output", "{}")),
            )
            for told in found
        ]

    def jobs(self) -> list[dict[str, Any]]:
        """Training jobs in short, oldest first."""
        pages = self.aws.client("sagemaker").get_paginator("list_training_jobs")
        found = pages.paginate(SortBy="CreationTime", SortOrder="Ascending")
        return [one for page in found for one in page["TrainingJobSummaries"]]

    def files(self, run: TrainingRun) -> str:
        """What the job of a run has said of its data."""
        found = self.aws.client("logs").filter_log_events(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=run.trained
        )
        (said,) = [one["message"] for one in found["events"] if "files=" in one["message"]]
        return str(said)

    # ---- what could not be started

    def deny_starts(self, title: str) -> None:
        """Let this role of the stack start nothing."""
        deny = {"Effect": "Deny", "Action": "states:StartExecution", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        self.aws.client("iam").put_role_policy(
            RoleName=self._physical(title), PolicyName="DenyStarts", PolicyDocument=document
        )

    def undelivered(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Code and body of so many messages in the queue."""
        sqs, url = self.aws.client("sqs"), self._physical("UndeliveredEvents")
        found: list[tuple[str, dict[str, Any]]] = []

        def more() -> bool:
            asked = {"QueueUrl": url, "MessageAttributeNames": ["All"], "MaxNumberOfMessages": 10}
            for one in sqs.receive_message(**asked).get("Messages", []):
                why = one["MessageAttributes"]["ERROR_CODE"]["StringValue"]
                found.append((why, json.loads(one["Body"])))
            return len(found) >= count

        until(more)
        return found

    def failed_invocations(self, rule: str) -> float:
        """Of a rule, in the last minutes."""
        now = datetime.now(UTC)
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Events",
            MetricName="FailedInvocations",
            Dimensions=[{"Name": "RuleName", "Value": rule}],
            StartTime=now - timedelta(minutes=30),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(one["Sum"] for one in found["Datapoints"])

    def rings(self, alarm: str) -> bool:
        cloudwatch = self.aws.client("cloudwatch")
        (found,) = cloudwatch.describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
        return bool(found["StateValue"] == "ALARM")

    def _physical(self, title: str) -> str:
        found = self.aws.client("cloudformation").describe_stack_resource(
            StackName=self.name, LogicalResourceId=title
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])
