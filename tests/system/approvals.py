"""The approval workflow of the template itself, of a project of its own. A workflow of a single
state stands in the place of the one that deploys."""

import json
import time
from dataclasses import dataclass
from typing import Any

from local.tests.aws import Aws, Mailbox, unique, wait
from tests.system.training import DEPLOYED, stand_in
from tests.system.workflows import create_alert, create_machine

COMMIT, DAYS = "0123456789abcdef", 2
A_DAY = '"Seconds": 86400'


@dataclass(frozen=True)
class Approvals:
    """`name` is the project's, which begins its versions' names too."""

    aws: Aws
    name: str
    machine: str
    deployment: str
    bucket: str
    mailbox: Mailbox

    def version(self) -> str:
        return f"{self.name}-{unique('v')}"

    def fields(self, version: str, **more: Any) -> dict[str, Any]:
        """What a package and a record have of a version."""
        container = {
            "Image": f"{version}@sha256:{'0' * 64}",
            "ModelDataUrl": f"s3://{self.bucket}/models/{version}/output/model.tar.gz",
        }
        return {
            "InferenceSpecification": {"Containers": [container]},
            "ModelApprovalStatus": "PendingManualApproval",
            "MetadataProperties": {"CommitId": COMMIT},
            "CustomerMetadataProperties": {"version": version, "verdict": "accepted"},
            **more,
        }

    # ---- without a registry

    def keep_record(self, version: str, **more: Any) -> str:
        key, record = f"registry/{version}.json", self.fields(version, **more)
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=json.dumps(record))
        return key

    def read(self, key: str) -> dict[str, Any]:
        body = self.aws.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return dict(json.loads(body))

    def decide(self, record: str, status: str = "Approved", at: str = "") -> str:
        return self.start(
            {
                "record": record,
                "ModelApprovalStatus": status,
                "LastModifiedTime": at or f"2026-11-28T10:00:00.{time.time_ns()}Z",
                "by": "arn:aws:iam::111122223333:user/ann",
                "reason": "she looked at it",
            }
        )

    # ---- executions

    def start(self, given: dict[str, Any], **more: Any) -> str:
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, input=json.dumps(given), **more
        )
        return str(started["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        ask = self.aws.client("stepfunctions").describe_execution

        def over() -> Any:
            told = ask(executionArn=execution)
            return told["status"] != "RUNNING" and told

        return dict(wait(over))

    def end(self, execution: str) -> str:
        """The name of the state in which it ended."""
        self.ended(execution)
        events = self.aws.client("stepfunctions").get_paginator("get_execution_history")
        entered = [
            event["stateEnteredEventDetails"]["name"]
            for page in events.paginate(executionArn=execution)
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]
        return str(entered[-1])

    def deployed(self) -> list[dict[str, Any]]:
        """What the workflow that deploys was given, newest first."""
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.deployment)["executions"]
        found = [states.describe_execution(executionArn=each["executionArn"]) for each in listed]
        return [{"execution": each["name"], **json.loads(each["input"])} for each in found]

    def decisions(self, version: str) -> list[dict[str, Any]]:
        prefix = f"decisions/{version}/"
        listed = self.aws.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [self.read(each["Key"]) for each in listed.get("Contents", [])]

    def told(self, count: int = 1) -> list[str]:
        """The only notices; whatever else there is would have come by now."""
        if count:
            self.mailbox.read(count)
        time.sleep(1)
        found = list(self.mailbox.messages)
        assert len(found) == count, found
        return found


def made(aws: Aws, deploys: dict[str, Any] = DEPLOYED, **changed: str) -> Approvals:
    name, bucket, mailbox = unique("project"), aws.bucket(), aws.mailbox()
    deployment = stand_in(aws, deploys)
    values = {
        "ProjectName": name,
        "VersionPrefix": name,
        "ArtifactBucket": bucket,
        "ApprovalDays": str(DAYS),
        "DeploymentWorkflow": deployment,
        "Deployments": deployment.replace(":stateMachine:", ":execution:") + ":",
        "Topic": mailbox.topic,
    }
    sooner = {A_DAY: '"Seconds": 1', **changed}
    machine = create_machine(aws, "ApprovalWorkflow", f"{name}-approval", values, **sooner)
    create_alert(
        aws, name, {"ApprovalWorkflow": machine, "DeploymentWorkflow": deployment}, mailbox.topic
    )
    return Approvals(aws, name, machine, deployment, bucket, mailbox)
