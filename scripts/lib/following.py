"""Following an execution of the pipeline to its end, and telling how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.lib import packages, pipeline, workflow
from scripts.lib.approval import tell_undeployed, tell_waiting
from scripts.lib.console import Console, Pace, clock
from scripts.lib.inventory import endpoint, served_version
from scripts.lib.pipeline import ENDED, PipelineStep
from scripts.lib.problems import FAILED, make
from scripts.lib.session import Clients


@dataclass(frozen=True)
class Verdict:
    """How an execution ended; `reason` holds the lines that explain a failure, or why a model that
    is good enough was not deployed, and `waits` the version that was left to a person."""

    status: str
    reason: list[str]
    waits: str = ""

    @property
    def succeeded(self) -> bool:
        return self.status == "Succeeded"


def follow(
    clients: Clients, known: Mapping[str, str], execution: str, console: Console, stack: str = ""
) -> int:
    """Follow an execution and tell its verdict; `known` are the stack's outputs."""
    ending = follow_steps(clients, known, execution, console)
    return tell(clients, known, ending, console, stack)


def follow_steps(
    clients: Clients, known: Mapping[str, str], execution: str, console: Console
) -> Verdict:
    """Print each step as it ends until the execution does."""
    name, machine = known["PipelineName"], known["TrainingWorkflowArn"]
    pace, told, now = Pace(), set[PipelineStep](), ""
    while True:
        # Asked before the steps: once it says that all is over, the steps are complete
        answer = clients.codepipeline.get_pipeline_execution(
            pipelineName=name, pipelineExecutionId=execution
        )["pipelineExecution"]
        found = pipeline.steps(clients.codepipeline, name, execution)
        ended = [one for one in found if one.status != "InProgress"]
        news = [one for one in ended if one not in told]
        for step in news:
            told.add(step)
            console.line(ended_line(step, console))
        status = answer.get("status", "InProgress")
        if status in ENDED:
            return verdict(clients, status, found, machine, answer.get("statusSummary", ""))
        before, now = now, state(clients, found, machine) or waits_for(clients, known, execution)
        if now:
            console.live(now)
        pace.wait(news=bool(news) or now != before)


def verdict(
    clients: Clients, status: str, found: Sequence[PipelineStep], machine: str, summary: str
) -> Verdict:
    """How an execution ended, with the reasons of the steps that failed, else its summary."""
    if status == "Succeeded":
        looked = [pipeline.undeployed(clients, one, machine) for one in found]
        undone = [one for one in looked if one]
        waits = next((one.waits for one in undone if one.waits), "")
        return Verdict(status, [one.why for one in undone if not one.waits], waits)
    fine = ("Succeeded", "Abandoned", "InProgress")
    failed = [one for one in found if one.status not in fine]
    lines = [line for one in failed for line in pipeline.reason(clients, one, machine)]
    return Verdict(status, lines or ([summary] if summary else []))


def tell(
    clients: Clients, known: Mapping[str, str], ending: Verdict, console: Console, stack: str = ""
) -> int:
    """Say how an execution ended and what is served now, and what to do with that where the stack
    is named; answers the exit code."""
    if ending.succeeded:
        for line in ending.reason:
            console.paragraph(line)
        if not ending.reason and not ending.waits:
            console.line(f"The model is served by endpoint {known['EndpointName']}.", "green")
        if ending.waits:
            one = packages.read(clients, known, ending.waits)
            tell_undeployed(clients, known, one, console, 2)
            if one and one.status == packages.PENDING:
                tell_waiting(clients, known, one, stack, console)
        elif stack:
            console.line(f"Ask it: {make('predict', stack, 'IMAGE=<a PNG or JPEG file>')}")
        return 0
    console.line(f"It ended as {ending.status}:", "red")
    for line in ending.reason:
        console.paragraph(line)
    serving = endpoint(clients, known["EndpointName"])
    if serving and serving.status == "InService":
        version = served_version(serving.config, known["VersionPrefix"])
        console.line(f"The endpoint serves version {version}.")
    return FAILED


def tell_training(
    clients: Clients, known: Mapping[str, str], execution: str, console: Console, stack: str
) -> int:
    """Say how an execution of the training workflow ended that has no run of the pipeline; answers
    the exit code."""
    answer = clients.stepfunctions.describe_execution(executionArn=execution)
    if answer["status"] != "SUCCEEDED":
        why = str(workflow.failure(clients.stepfunctions, execution))
        return tell(clients, known, Verdict("Failed", [why]), console, stack)
    undone = workflow.undeployed(clients.stepfunctions, execution)
    said = [undone.why] if undone and not undone.waits else []
    ending = Verdict("Succeeded", said, undone.waits if undone else "")
    return tell(clients, known, ending, console, stack)


def state(clients: Clients, found: Sequence[PipelineStep], machine: str) -> str:
    """The running steps and what they are at, or an empty text."""
    running = [one for one in found if one.status == "InProgress"]
    return "; ".join(pipeline.doing(clients, one, machine) for one in running)


def waits_for(clients: Clients, known: Mapping[str, str], execution: str) -> str:
    """The earlier run that an execution which is at no step waits for, or an empty text: runs take
    turns."""
    name, found = known["PipelineName"], False
    for run in pipeline.runs(clients.codepipeline, name):  # the newest first
        if found and run.status == "InProgress":
            steps = pipeline.steps(clients.codepipeline, name, run.id)
            at = state(clients, steps, known["TrainingWorkflowArn"]) or "between two steps"
            return f"waiting for an earlier run to end: {run.commit} {run.message}, {at}"
        found = found or run.id == execution
    return ""


def ended_line(step: PipelineStep, console: Console) -> str:
    """A finished step: when, its status, how long it took."""
    took = clock((step.updated - step.started).total_seconds())
    name = step.stage if step.action == step.stage else f"{step.stage}/{step.action}"
    return f"  {clock(console.elapsed)}  {console.status(step.status, 10)} {name}  ({took})"
