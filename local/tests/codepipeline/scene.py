"""Pipelines for tests, declared in a few words and run for real."""

import json
from typing import Any

from local.tests.aws import Aws, settled, unique, wait
from local.tests.builds import project

BUILD = """\
version: 0.2
env: {exported-variables: [WORD]}
phases:
  build:
    commands:
      - test -f train && ! test -x train
      - export WORD="built-${CODEBUILD_RESOLVED_SOURCE_VERSION:0:4}"
      - echo "initiator=$CODEBUILD_INITIATOR"
      - printf '{"word":"%s"}' "$WORD" > workflow.json
artifacts: {files: [workflow.json]}
"""


def kind(category: str, provider: str) -> dict[str, str]:
    return {"category": category, "owner": "AWS", "provider": provider, "version": "1"}


def action(category: str, provider: str, **more: Any) -> dict[str, Any]:
    return {"name": provider, "actionTypeId": kind(category, provider), **more}


def stage(*actions: dict[str, Any], name: str = "") -> dict[str, Any]:
    return {"name": name or actions[0]["actionTypeId"]["category"], "actions": list(actions)}


class Scene:
    """A repository with one commit, a bucket, a role, and stages to build pipelines from."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.client = aws.client("codepipeline")
        self.bucket = aws.bucket()
        self.role = aws.role("codepipeline")
        self.repository = unique("code")
        codecommit = aws.client("codecommit")
        codecommit.create_repository(repositoryName=self.repository)
        self.commit = codecommit.create_commit(
            repositoryName=self.repository,
            branchName="main",
            commitMessage="first words",
            putFiles=[
                {"filePath": "train", "fileContent": b"#!/bin/sh\n", "fileMode": "EXECUTABLE"}
            ],
        )["commitId"]

    def source(self) -> dict[str, Any]:
        return stage(
            action(
                "Source",
                "CodeCommit",
                namespace="Source",
                outputArtifacts=[{"name": "Code"}],
                configuration={
                    "RepositoryName": self.repository,
                    "BranchName": "main",
                    "PollForSourceChanges": "false",
                },
            )
        )

    def build(self, buildspec: str = BUILD, **more: Any) -> dict[str, Any]:
        name = project(self.aws, buildspec, kind="CODEPIPELINE")
        configuration = {"ProjectName": name, **more.pop("configuration", {})}
        return stage(
            action(
                "Build",
                "CodeBuild",
                **{
                    "inputArtifacts": [{"name": "Code"}],
                    "namespace": "Build",
                    "configuration": configuration,
                    **more,
                },
            )
        )

    def workflow(self, definition: dict[str, Any], **configuration: str) -> dict[str, Any]:
        machine = self.aws.client("stepfunctions").create_state_machine(
            name=unique("machine"),
            roleArn=self.aws.role("states"),
            definition=json.dumps({"StartAt": "Only", "States": {"Only": definition}}),
        )
        more = {}
        if configuration.get("InputType") == "FilePath":
            more["inputArtifacts"] = [{"name": "Output"}]
        return stage(
            action(
                "Invoke",
                "StepFunctions",
                **more,
                configuration={"StateMachineArn": machine["stateMachineArn"], **configuration},
            )
        )

    def approval(self, name: str = "Approval") -> dict[str, Any]:
        return stage(action("Approval", "Manual"), name=name)

    def declare(self, *stages: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {
            "name": unique("line"),
            "roleArn": self.role,
            "pipelineType": "V2",
            "executionMode": "QUEUED",
            "stages": list(stages),
            "artifactStore": {"type": "S3", "location": self.bucket},
            **more,
        }

    def create(self, *stages: dict[str, Any], **more: Any) -> str:
        declared = self.declare(*stages, **more)
        self.client.create_pipeline(pipeline=declared)
        return str(declared["name"])

    def executions(self, name: str) -> list[dict[str, Any]]:
        """Oldest first."""
        rows = self.client.list_pipeline_executions(pipelineName=name)
        return list(reversed(rows["pipelineExecutionSummaries"]))

    def ended(self, name: str, number: int = 0) -> dict[str, Any]:
        """Execution `number` once it has ended."""
        moving = ("InProgress", "Stopping")
        return dict(settled(lambda: self.executions(name)[number], "status", *moving))

    def actions(self, name: str) -> dict[str, dict[str, Any]]:
        rows = self.client.list_action_executions(pipelineName=name)["actionExecutionDetails"]
        return {row["actionName"]: row for row in reversed(rows)}

    def token(self, name: str) -> str:
        """The token of the approval that waits."""

        def find() -> Any:
            for each in self.client.get_pipeline_state(name=name)["stageStates"]:
                for found in each["actionStates"]:
                    if found.get("latestExecution", {}).get("token"):
                        return found["latestExecution"]["token"]
            return None

        return str(wait(find))

    def answer(self, name: str, status: str, where: str = "Approval") -> None:
        self.client.put_approval_result(
            pipelineName=name,
            stageName=where,
            actionName="Manual",
            token=self.token(name),
            result={"summary": "said so", "status": status},
        )
