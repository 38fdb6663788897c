"""What each kind of action does, with the pipeline's role (CodePipeline User Guide, "Action
structure reference"). It calls the APIs, but for a commit's files, which no API hands out."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local import artifacts
from local.artifacts import Handover
from local.authorization.ask import Ask
from local.authorization.hold import require
from local.codecommit.records import find_repository
from local.codepipeline.records import ActionFailure, ActionRun, Execution, PipelineRecords
from local.context import current
from local.credentials import Credentials
from local.events import listening
from local.service import now

POLL = 0.25
APPROVAL_MINUTES = 7 * 24 * 60


@dataclass
class ActionWork:
    """One action at work."""

    state: PipelineRecords
    execution: Execution
    run: ActionRun
    credentials: Credentials

    def client(self, service: str) -> Any:
        return self.credentials.client(service)

    def wait(self, heard: threading.Event | None = None) -> bool:
        """Sleep for a poll, or until there is something to see; False once the action was
        abandoned, which may be a poll ago."""
        if heard:
            heard.wait(POLL)
            heard.clear()
        else:
            with self.state.changed:
                self.state.changed.wait(POLL)
        return self.run.status == "InProgress"


def _source(work: ActionWork) -> dict[str, str]:
    """The tip of the branch, or the commit that the start asked for, as one zip."""
    run, codecommit = work.run, work.client("codecommit")
    repository, branch = run.configuration["RepositoryName"], run.configuration["BranchName"]
    commit = (
        work.execution.wanted_revisions.get(run.name)
        or codecommit.get_branch(repositoryName=repository, branchName=branch)["branch"]["commitId"]
    )
    found = codecommit.get_commit(repositoryName=repository, commitId=commit)["commit"]
    arn = current().arn("codecommit", repository)
    uploads = ("UploadArchive", "GetUploadArchiveStatus")
    require(work.credentials, "UploadArchive", *(Ask(f"codecommit:{one}", arn) for one in uploads))
    data = find_repository(repository).git.archive(commit)
    artifacts.upload(work.credentials, run.outputs[0], data)
    run.external_id, run.summary = commit, found["message"].strip()
    work.execution.revisions[run.outputs[0].name] = {
        "actionName": run.name,
        "revisionId": commit,
        "revisionSummary": run.summary,
        "created": now(),
    }
    return {
        "RepositoryName": repository,
        "BranchName": branch,
        "CommitId": commit,
        "CommitMessage": run.summary,
        "AuthorDate": _date(found["author"]["date"]),
        "CommitterDate": _date(found["committer"]["date"]),
    }


def _date(text: str) -> str:
    return datetime.fromtimestamp(int(text.split()[0]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _build(work: ActionWork) -> dict[str, str]:
    run, codebuild = work.run, work.client("codebuild")
    primary = run.configuration.get("PrimarySource", run.inputs[0].name)
    inputs = sorted(run.inputs, key=lambda location: location.name != primary)
    revision = work.execution.revisions.get(primary, {}).get("revisionId")
    name = work.execution.definition["name"]
    try:
        environment = json.loads(run.configuration.get("EnvironmentVariables", "[]"))
    except ValueError as error:  # the list was one until a variable's value stood in it
        raise ActionFailure("ConfigurationError", f"EnvironmentVariables: {error}") from None
    token = str(uuid.uuid4())
    artifacts.offer(token, Handover(name, tuple(inputs), tuple(run.outputs), revision))
    try:
        build = codebuild.start_build(
            projectName=run.configuration["ProjectName"],
            idempotencyToken=token,
            environmentVariablesOverride=environment,
        )["build"]
    finally:
        artifacts.take(token)
    run.external_id = build["id"]
    with listening(build["arn"]) as heard:
        while not build["buildComplete"]:
            if not work.wait(heard):
                return {}
            (build,) = codebuild.batch_get_builds(ids=[build["id"]])["builds"]
    if build["buildStatus"] != "SUCCEEDED":
        raise ActionFailure("JobFailed", _build_message(build))
    return {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}


def _build_message(build: Mapping[str, Any]) -> str:
    text = f"Build terminated with state: {build['buildStatus']}."
    for phase in build["phases"]:
        for each in phase.get("contexts", []):
            if each["statusCode"]:
                return (
                    f"{text} Phase: {phase['phaseType']}, Code: {each['statusCode']}, "
                    f"Message: {each['message']}"
                )
    return text


def _workflow(work: ActionWork) -> dict[str, str]:
    run, configuration = work.run, work.run.configuration
    machine = configuration["StateMachineArn"]
    text = configuration.get("Input", "{}")
    if configuration.get("InputType") == "FilePath":
        data = artifacts.download(work.credentials, run.inputs[0])
        try:
            text = artifacts.read(data, text).decode()
        except ValueError as error:
            raise ActionFailure("ConfigurationError", f"input file {text}: {error}") from None
    prefix = configuration.get("ExecutionNamePrefix")
    states = work.client("stepfunctions")
    states.describe_state_machine(stateMachineArn=machine)
    arn = states.start_execution(
        stateMachineArn=machine, input=text, name=f"{prefix}-{run.id}" if prefix else run.id
    )["executionArn"]
    run.external_id = arn
    with listening(arn) as heard:
        while (found := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
            if not work.wait(heard):
                return {}
    if found["status"] != "SUCCEEDED":
        raise ActionFailure(
            "JobFailed",
            f"The state machine execution ended with status {found['status']}. "
            f"Error: {found.get('error', '')} Cause: {found.get('cause', '')}",
        )
    return {"StateMachineArn": machine, "ExecutionArn": arn}


def _approval(work: ActionWork) -> dict[str, str]:
    run = work.run
    minutes = run.declaration.get("timeoutInMinutes", APPROVAL_MINUTES)
    deadline = time.monotonic() + 60 * minutes
    topic = run.configuration.get("NotificationArn")
    run.token = str(uuid.uuid4())
    if topic:
        message = {
            "approval": {
                "pipelineName": work.execution.definition["name"],
                "stageName": run.stage,
                "actionName": run.name,
                "token": run.token,
                "customData": run.configuration.get("CustomData", ""),
            }
        }
        work.client("sns").publish(
            TopicArn=topic,
            Message=json.dumps(message),
            Subject=f"APPROVAL NEEDED: {run.name}"[:100],
        )
    while not run.approval:
        if not work.wait():
            return {}
        if time.monotonic() > deadline:
            raise ActionFailure("TimeoutError", f"no answer within {minutes} minutes")
    run.summary = run.approval["summary"]
    if run.approval["status"] != "Approved":
        raise ActionFailure("JobFailed", f"Rejected: {run.summary}")
    return {}


PROVIDERS: dict[str, Callable[[ActionWork], dict[str, str]]] = {
    "CodeCommit": _source,
    "CodeBuild": _build,
    "StepFunctions": _workflow,
    "Manual": _approval,
}
