"""What of a project runs, of whatever kind, and how it is stopped."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from scripts.lib.inventory import JOBS, StackRecord, ours
from scripts.lib.problems import error_code, is_gone
from scripts.lib.session import Clients

Found = TypeVar("Found")
# Listings begin with the newest and go back a year: what began before these times has ended. A
# build waits for 8 hours and runs for 36 at most (CodeBuild API Reference, CreateProject). An
# action of a pipeline lasts for 60 days at most (Quotas in AWS CodePipeline, manual approval), an
# execution has several: as long as a page holds one that runs, the next may hold one too
LONGEST_BUILD, LONGEST_RUN = timedelta(days=2), timedelta(days=61)
WORDS = {"HyperParameterTuning": "tuning"}
# AWS: StopPipelineExecution, Errors
OVER = ("PipelineExecutionNotStoppableException", "DuplicatedStopRequestException")


@dataclass(frozen=True)
class Work:
    """Something that runs, in the words of its service, and the call that stops it."""

    kind: str
    name: str
    stop: Callable[[str], object] = field(compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    def end(self) -> None:
        """Stop it; it may have ended by itself since it was seen, or be stopped by another."""
        try:
            self.stop(self.name)
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
    for kind in JOBS:
        prefix = record.digits if kind == "HyperParameterTuning" else record.prefix
        found.append(jobs(clients, kind, prefix))
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

    They are abandoned: their actions are stopped, and waited for, here.
    """

    def stop(name: str) -> object:
        return clients.codepipeline.stop_pipeline_execution(
            pipelineName=pipeline,
            pipelineExecutionId=name,
            abandon=True,
            reason="the project is being destroyed",
        )

    pages = clients.codepipeline.get_paginator("list_pipeline_executions")
    for page in pages.paginate(pipelineName=pipeline):
        found = page["pipelineExecutionSummaries"]
        live = [run for run in found if run.get("status") in ("InProgress", "Stopping")]
        for run in live:
            yield Work("pipeline execution", run["pipelineExecutionId"], stop)
        if not live and is_past(found[-1].get("startTime") if found else None, LONGEST_RUN):
            return


def builds(clients: Clients, project: str) -> Iterator[Work]:
    """The project's builds that have not ended."""
    pages = clients.codebuild.get_paginator("list_builds_for_project")
    for page in pages.paginate(projectName=project):
        ids = page.get("ids")
        if not ids:  # a question about none is refused
            continue
        found = clients.codebuild.batch_get_builds(ids=ids)["builds"]
        for build in found:
            if build.get("buildStatus") == "IN_PROGRESS":
                yield Work("build", build["id"], lambda name: clients.codebuild.stop_build(id=name))
        begun = [build["startTime"] for build in found if "startTime" in build]
        if is_past(min(begun, default=None), LONGEST_BUILD):
            return


def is_past(begun: datetime | None, longest: timedelta) -> bool:
    """Whether what began at a time has ended by now, and so whatever began before it."""
    return begun is not None and datetime.now(UTC) - begun > longest


def workflows(clients: Clients, machine: str) -> Iterator[Work]:
    """The state machine's running executions."""
    first = machine.replace(":stateMachine:", ":execution:")

    def stop(name: str) -> object:
        return clients.stepfunctions.stop_execution(executionArn=f"{first}:{name}")

    pages = clients.stepfunctions.get_paginator("list_executions")
    for page in pages.paginate(stateMachineArn=machine, statusFilter="RUNNING"):
        for one in page["executions"]:
            yield Work("workflow execution", one["name"], stop)


def jobs(clients: Clients, kind: str, prefix: str) -> Iterator[Work]:
    """The project's SageMaker jobs of one kind that have not ended. Those that a tuning job trains
    are stopped with it (StopHyperParameterTuningJob, SageMaker API Reference)."""
    sagemaker = clients.sagemaker
    listings: dict[str, Any] = {
        "HyperParameterTuning": sagemaker.get_paginator("list_hyper_parameter_tuning_jobs"),
        "Training": sagemaker.get_paginator("list_training_jobs"),
        "Processing": sagemaker.get_paginator("list_processing_jobs"),
        "Transform": sagemaker.get_paginator("list_transform_jobs"),
    }
    stops: dict[str, Callable[[str], object]] = {
        "HyperParameterTuning": lambda name: sagemaker.stop_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name
        ),
        "Training": lambda name: sagemaker.stop_training_job(TrainingJobName=name),
        "Processing": lambda name: sagemaker.stop_processing_job(ProcessingJobName=name),
        "Transform": lambda name: sagemaker.stop_transform_job(TransformJobName=name),
    }
    for status in ("InProgress", "Stopping"):
        for page in listings[kind].paginate(NameContains=prefix, StatusEquals=status):
            names = (one[f"{kind}JobName"] for one in page[f"{kind}JobSummaries"])
            for name in ours(names, prefix):
                yield Work(f"{WORDS.get(kind, kind.lower())} job", name, stops[kind])
