"""Following one execution of the pipeline to its verdict."""

from dataclasses import dataclass

from scripts import reasons
from scripts.clients import Clients
from scripts.console import Console, Pace, clock
from scripts.pipeline import ENDED, Step, steps


@dataclass(frozen=True)
class Verdict:
    """How an execution ended; `reason` holds the lines that explain a failure."""

    status: str
    reason: list[str]

    @property
    def succeeded(self) -> bool:
        return self.status == "Succeeded"


def follow_pipeline(
    clients: Clients, pipeline: str, execution: str, machine: str, console: Console
) -> Verdict:
    """Print each step as it ends until the execution does; `machine` is the training workflow."""
    pace, told, now = Pace(), set[Step](), ""
    while True:
        # Asked before the steps: once it says that all is over, the steps are complete
        answer = clients.codepipeline.get_pipeline_execution(
            pipelineName=pipeline, pipelineExecutionId=execution
        )["pipelineExecution"]
        found = steps(clients.codepipeline, pipeline, execution)
        ended = [one for one in found if one.status != "InProgress"]
        news = [one for one in ended if one not in told]
        for step in news:
            told.add(step)
            console.line(ended_line(step, console))
        status = answer.get("status", "InProgress")
        if status in ENDED:
            failed = [one for one in ended if one.status not in ("Succeeded", "Abandoned")]
            lines = [line for one in failed for line in reasons.reason(clients, one, machine)]
            summary = answer.get("statusSummary", "")
            return Verdict(status, lines or ([summary] if summary else []))
        running = [one for one in found if one.status == "InProgress"]
        before, now = now, "; ".join(line_of(clients, one, machine) for one in running)
        if now:
            console.live(now)
        pace.wait(news=bool(news) or now != before)


def line_of(clients: Clients, step: Step, machine: str) -> str:
    """A running step and what it is at."""
    at = reasons.doing(clients, step, machine)
    return f"{step.stage}" + (f": {at}" if at else "")


def ended_line(step: Step, console: Console) -> str:
    """A finished step: when, its status, how long it took."""
    took = clock((step.updated - step.started).total_seconds())
    name = step.stage if step.action == step.stage else f"{step.stage}/{step.action}"
    return f"  {clock(console.elapsed)}  {console.status(step.status, 10)} {name}  ({took})"
