"""What of a project runs, of whatever kind, and how it is stopped."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from scripts.lib.inventory import JOBS, StackRecord, ours
from scripts.lib.problems import error_code, is_gone
from scripts.lib.session import Clients

Found = TypeVar("Found")
# AWS: StopPipelineExecution, Errors
OVER = ("PipelineExecutionNotStoppableException", "DuplicatedStopRequestException")


@dataclass(frozen=True)
class Work:
    """Something that runs, in the words of its service, and the call that stops it."""

    kind: str
    name: str
    stop: Callable[[], object] = field(compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def end(self) -> None:
        """Stop it; it may have ended by itself since it was seen, or be stopped by another."""
        try:
            self.stop()
        except ClientError as error:
            over = error_code(error) in OVER or "in status" in str(error)  # SageMaker's words
            if not over and not is_gone(error):
                raise


def running(clients: Clients, record: StackRecord) -> list[Work]:
    """Everything of a stack that runs; of a deleted one its jobs, which have names of their own.

    What starts other things comes before what it starts.
    """
    found: list[Iterator[Work]] = []
    if record.alive:
        for pipeline in record.physical("AWS::CodePipeline::Pipeline"):
            found.append(executions(clients, pipeline))
        for project in record.physical("AWS::CodeBuild::Project"):
            found.append(builds(clients, project))
        # A state machine's physical ID is its ARN
        for machine in record.physical("AWS::StepFunctions::StateMachine"):
            found.append(workflows(clients, machine))
    found += [jobs(clients, kind, record.prefix) for kind in JOBS]
    return [one for each in found for one in while_there(each)]


def while_there(found: Iterable[Found]) -> Iterator[Found]:
    """What a listing has; nothing more once that which it is a listing of is gone."""
    try:
        yield from found
    except ClientError as error:
        if not is_gone(error):
            raise


def executions(clients: Clients, pipeline: str) -> Iterator[Work]:
    """The pipeline's executions that run or wait, newest first: one that is stopped lets none in.

    They are abandoned: waiting for their actions is done here, where these are stopped too.
    """

    pages = clients.codepipeline.get_paginator("list_pipeline_executions")
    for page in pages.paginate(pipelineName=pipeline):
        for run in page["pipelineExecutionSummaries"]:
            if run.get("status") in ("InProgress", "Stopping"):
                stop = partial(
                    clients.codepipeline.stop_pipeline_execution,
                    pipelineName=pipeline,
                    pipelineExecutionId=run["pipelineExecutionId"],
                    abandon=True,
                    reason="the project is being destroyed",
                )
                yield Work("pipeline execution", run["pipelineExecutionId"], stop)


def builds(clients: Clients, project: str) -> Iterator[Work]:
    """The project's builds that have not ended."""
    pages = clients.codebuild.get_paginator("list_builds_for_project")
    for page in pages.paginate(projectName=project):
        ids = page.get("ids")
        if not ids:  # a question about none is refused
            continue
        for build in clients.codebuild.batch_get_builds(ids=ids)["builds"]:
            if build.get("buildStatus") == "IN_PROGRESS":
                stop = partial(clients.codebuild.stop_build, id=build["id"])
                yield Work("build", build["id"], stop)


def workflows(clients: Clients, machine: str) -> Iterator[Work]:
    """The state machine's running executions."""
    pages = clients.stepfunctions.get_paginator("list_executions")
    for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING"):
        for one in page["executions"]:
            stop = partial(clients.stepfunctions.stop_execution, executionArn=one["executionArn"])
            yield Work("workflow execution", one["name"], stop)


def jobs(clients: Clients, kind: str, prefix: str) -> Iterator[Work]:
    """The project's SageMaker jobs of one kind that have not ended."""
    sagemaker: Any = clients.sagemaker  # its operations are named by the kind
    pages = sagemaker.get_paginator(f"list_{kind.lower()}_jobs")
    for status in ("InProgress", "Stopping"):
        for page in pages.paginate(NameContains=prefix, StatusEquals=status):
            names = (one[f"{kind}JobName"] for one in page[f"{kind}JobSummaries"])
            for name in ours(names, prefix):
                call = getattr(sagemaker, f"stop_{kind.lower()}_job")
                yield Work(f"{kind.lower()} job", name, partial(call, **{f"{kind}JobName": name}))
