"""The approval workflow of the template itself, of a project of its own. A workflow of a single
state stands in the place of the one that deploys."""

import json
import time
from dataclasses import dataclass
from typing import Any

from local.tests.aws import Aws, Mailbox, unique, wait
from tests.system.deployments import archive
from tests.system.training import DEPLOYED, stand_in
from tests.system.workflows import create_alert, create_machine, template
from tests.templates.reading import of_type

COMMIT, DAYS = "0123456789abcdef", 2
A_DAY = '"Seconds": 86400'


@dataclass
class Approvals:
    """`name` is the project's, which begins its versions' names too; `heard` counts the notices
    that were asked for."""

    aws: Aws
    name: str
    machine: str
    deployment: str
    bucket: str
    mailbox: Mailbox
    heard: int = 0

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

    # ---- in the registry

    def register(self, without: str = "") -> tuple[str, str]:
        """A version that waits for a decision, and the ARN of its package."""
        sagemaker, version = self.aws.client("sagemaker"), self.version()
        fields = self.fields(version)
        fields.pop(without, None)
        made = sagemaker.create_model_package(ModelPackageGroupName=self.name, **fields)
        return version, str(made["ModelPackageArn"])

    def describe(self, package: str) -> dict[str, Any]:
        described = self.aws.client("sagemaker").describe_model_package(ModelPackageName=package)
        return dict(described)

    def decide_in_registry(self, package: str, status: str, why: str = "") -> None:
        self.aws.client("sagemaker").update_model_package(
            ModelPackageArn=package, ModelApprovalStatus=status, ApprovalDescription=why
        )

    def event(self, package: str) -> dict[str, Any]:
        """The detail of the event that the package's last update has sent."""
        described = self.describe(package)
        return {
            "ModelPackageGroupName": self.name,
            "ModelPackageArn": package,
            "ModelApprovalStatus": described["ModelApprovalStatus"],
            "LastModifiedTime": described["LastModifiedTime"].isoformat(),
            "UpdatedModelPackageFields": ["ModelApprovalStatus"],
        }

    def create_trigger(self) -> None:
        """The rule of the template that hears of decisions in the registry."""
        rule = of_type(template(), "AWS::Events::Rule")["DecisionTrigger"]
        pattern = rule["EventPattern"]
        pattern["detail"]["ModelPackageGroupName"] = [self.name]
        (target,) = rule["Targets"]
        del target["DeadLetterConfig"]  # tests/system/test_by_itself.py has a queue
        events, name = self.aws.client("events"), f"{self.name}-decision"
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        arns = {"Arn": self.machine, "RoleArn": self.aws.role("events")}
        events.put_targets(Rule=name, Targets=[{**target, **arns}])

    def serve(self, version: str, image: str) -> None:
        """The project's endpoint serves this version."""
        sagemaker, s3 = self.aws.client("sagemaker"), self.aws.client("s3")
        s3.put_object(Bucket=self.bucket, Key="models/model.tar.gz", Body=archive(version))
        url = f"s3://{self.bucket}/models/model.tar.gz"
        sagemaker.create_model(
            ModelName=version,
            ExecutionRoleArn=self.aws.role("sagemaker"),
            PrimaryContainer={"Image": image, "ModelDataUrl": url},
        )
        variant = {"VariantName": "AllTraffic", "ModelName": version}
        instances = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(
            EndpointConfigName=version, ProductionVariants=[{**variant, **instances}]
        )
        sagemaker.create_endpoint(EndpointName=self.name, EndpointConfigName=version)
        ask = sagemaker.describe_endpoint
        wait(lambda: ask(EndpointName=self.name)["EndpointStatus"] == "InService")

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

    def executions(self) -> list[str]:
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.machine)["executions"]
        return [str(each["executionArn"]) for each in listed]

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

    def deployed(self, version: str) -> list[dict[str, Any]]:
        """What the workflow that deploys was given of a version, newest first."""
        states = self.aws.client("stepfunctions")
        listed = states.list_executions(stateMachineArn=self.deployment)["executions"]
        found = [states.describe_execution(executionArn=each["executionArn"]) for each in listed]
        given = [{"execution": each["name"], **json.loads(each["input"])} for each in found]
        return [each for each in given if each["name"] == version]

    def decisions(self, version: str) -> list[dict[str, Any]]:
        prefix = f"decisions/{version}/"
        listed = self.aws.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [self.read(each["Key"]) for each in listed.get("Contents", [])]

    def told(self, count: int = 1) -> list[str]:
        """The notices since it was last asked; whatever else there is would have come by now."""
        self.mailbox.read(self.heard + count)
        time.sleep(1)
        found = self.mailbox.read(self.heard + count)[self.heard :]
        assert len(found) == count, found
        self.heard += count
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
    aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=name)
    return Approvals(aws, name, machine, deployment, bucket, mailbox)
