"""Follow the log of what is running now: a build, a job, or the endpoint."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.logs")

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from scripts.lib import jobs, pipeline, stacks, workflow
from scripts.lib.console import Console, Pace
from scripts.lib.following import state, tell, tell_training, verdict, waits_for
from scripts.lib.guard import guarded
from scripts.lib.jobs import BegunJob
from scripts.lib.logstreams import ENDPOINT_GROUP, JOB_GROUPS, Tail, streams
from scripts.lib.pipeline import ENDED, PipelineRun, PipelineStep
from scripts.lib.problems import Problem
from scripts.lib.session import Clients, add_session_arguments, connect
from scripts.lib.trainings import TrainingRun, jobs_by_turn, trainings

QUIET_SECONDS = 2.0  # without a new line, before the state is shown instead
FIRST = datetime.min.replace(tzinfo=UTC)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.logs", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--endpoint", action="store_true", help="the endpoint's log instead")
    parser.add_argument("--no-follow", action="store_true", help="print what is there and end")
    args = parser.parse_args(argv)

    def work() -> int:
        clients, console = connect(args.region, args.profile), Console()
        known = stacks.required_outputs(clients.cloudformation, args.stack)
        if args.endpoint:
            follow_endpoint(clients, known["EndpointName"], console, args.no_follow)
            return 0
        run = pipeline.latest(clients.codepipeline, known["PipelineName"])
        asked = last_asked(clients, known["TrainingWorkflowArn"])
        if asked and is_later(asked, run):
            return follow_asked(clients, known, asked, console, args.no_follow, args.stack)
        return follow_run(clients, known, run, console, args.no_follow, args.stack)

    return guarded(work, "The pipeline and the endpoint go on in AWS.")


@dataclass(frozen=True)
class LogSource:
    """A log of one step: a title, its group, and how to list its streams as they appear."""

    title: str
    group: str
    streams: Callable[[], list[str]]


def sources(clients: Clients, known: dict[str, str], step: PipelineStep) -> list[LogSource]:
    """The logs of one step: the build's, and those of SageMaker's jobs since it began."""
    found: list[LogSource] = []
    # In China a build waits for the training, and tells only that: unless it fails, the jobs' logs
    # would be cut in pieces by it
    waits = step.stage == "Train" and step.status != "Failed"
    build = None if waits else pipeline.build_of(clients, step)
    where = build.get("logs", {}) if build else {}
    if where.get("groupName") and where.get("streamName"):
        stream = where["streamName"]
        found.append(LogSource(f"{step.stage}: build", where["groupName"], lambda: [stream]))
    if step.stage == "Train":
        found += job_sources(clients, jobs_of(clients, known, step))
    return found


def jobs_of(clients: Clients, known: dict[str, str], step: PipelineStep) -> list[BegunJob]:
    """The jobs that a step's workflow started, oldest first."""
    machine = known["TrainingWorkflowArn"]
    if execution := pipeline.execution_of(clients, step, machine):
        return jobs_of_run(clients, known, execution)
    end = step.updated if step.status != "InProgress" else None
    return jobs.created(begun(clients, known["VersionPrefix"]), step.started, end)


def jobs_of_run(clients: Clients, known: dict[str, str], execution: str) -> list[BegunJob]:
    """Not those of the run for whose end it waited."""
    found = trainings(clients, known["TrainingWorkflowArn"])
    made = jobs_by_turn(found, begun(clients, known["VersionPrefix"]))
    return list(made.get(execution, ()))


def begun(clients: Clients, prefix: str) -> list[BegunJob]:
    """All jobs of the project that are not long ago, oldest first."""
    every = [
        *jobs.trainings(clients, prefix),
        *jobs.trainings(clients, jobs.digits(prefix)),
        *jobs.processings(clients, prefix),
    ]
    return sorted(every, key=lambda one: one.created)


def job_sources(clients: Clients, made: Sequence[BegunJob]) -> list[LogSource]:
    return [job_source(clients, one, [each.name for each in made]) for one in made]


def job_source(clients: Clients, job: BegunJob, others: Sequence[str]) -> LogSource:
    """A job's log: one stream for each machine, `<job>/algo-<n>-<time>`."""
    back = job.kind == "Training" and jobs.fell_back(job.name, others)
    note = ", on demand as there was no spot capacity" if back else ""
    group = JOB_GROUPS + f"{job.kind}Jobs"
    return LogSource(
        f"Train: job {job.name}{note}",
        group,
        lambda: streams(clients.logs, group, f"{job.name}/"),
    )


class Follower:
    """Prints what its sources say, each under its title."""

    def __init__(self, clients: Clients, console: Console) -> None:
        self._clients, self._console = clients, console
        self._tails: dict[tuple[str, str], Tail] = {}
        self._title = ""

    def look(self, found: Sequence[LogSource]) -> bool:
        """Print the new lines; answers whether there were any."""
        news = False
        for source in found:
            for stream in source.streams():
                key = (source.group, stream)
                tail = self._tails.setdefault(key, Tail(self._clients.logs, *key))
                for line in tail.more():
                    if source.title != self._title:
                        self._console.line(f"--- {source.title}", "bold")
                        self._title = source.title
                    self._console.line(line)
                    news = True
        return news


def last_asked(clients: Clients, machine: str) -> TrainingRun | None:
    """Of the trainings that did not come by the pipeline the one that runs, not those that wait for
    it; else the last one that has trained."""
    found = trainings(clients, machine)
    running = [one for one in reversed(found) if one.status == "RUNNING"]
    return next((one for one in [*running, *found] if one.is_asked and not one.nothing), None)


def is_later(asked: TrainingRun, run: PipelineRun) -> bool:
    """What runs comes before what is over, and then the later one."""
    runs = (asked.status == "RUNNING", run.status == "InProgress")
    return runs[0] if runs[0] != runs[1] else asked.started > (run.started or FIRST)


def follow_asked(
    clients: Clients,
    known: dict[str, str],
    run: TrainingRun,
    console: Console,
    once: bool,
    stack: str = "",
) -> int:
    """Follow the jobs of a training that has no run of the pipeline until it ends; or show them
    once. Answers the exit code."""
    follower, pace, spoke = Follower(clients, console), Pace(), time.monotonic()
    while True:
        # Asked first, so that a last look follows its end
        answer = clients.stepfunctions.describe_execution(executionArn=run.arn)
        news = follower.look(job_sources(clients, jobs_of_run(clients, known, run.arn)))
        if once or answer["status"] != "RUNNING":
            console.line(f"--- training, for {run.asked}: {answer['status']}", "bold")
        if once:
            return 0
        if answer["status"] != "RUNNING":
            return tell_training(clients, known, run.arn, console, stack)
        spoke = time.monotonic() if news else spoke
        if time.monotonic() - spoke > QUIET_SECONDS:
            console.live(workflow.where(clients, run.arn))
        pace.wait(news=news)


def follow_run(
    clients: Clients,
    known: dict[str, str],
    run: PipelineRun,
    console: Console,
    once: bool,
    stack: str = "",
) -> int:
    """Follow an execution of the pipeline from the step it is at until it ends; or show that step
    once.

    Answers the exit code: a failed execution, followed to its end, is a failure.
    """
    machine, spoke = known["TrainingWorkflowArn"], time.monotonic()
    name, follower, pace = known["PipelineName"], Follower(clients, console), Pace()
    first = pipeline.steps(clients.codepipeline, name, run.id)
    # One that waits for its turn is shown from its first step on
    since = shown_step(first, run).started if first or once else FIRST
    while True:
        # The run's state is asked first, so that a last look follows its end
        answer = clients.codepipeline.get_pipeline_execution(
            pipelineName=name, pipelineExecutionId=run.id
        )["pipelineExecution"]
        status = answer.get("status", "InProgress")
        found = pipeline.steps(clients.codepipeline, name, run.id)
        later = [one for one in found if one.started >= since]
        news = follower.look([one for step in later for one in sources(clients, known, step)])
        if once or status in ENDED:
            console.line(f"--- {name}: {status}", "bold")
        if once:
            return 0
        if status in ENDED:
            summary = answer.get("statusSummary", "")
            ending = verdict(clients, status, found, machine, summary)
            return tell(clients, known, ending, console, stack)
        spoke = time.monotonic() if news else spoke
        if time.monotonic() - spoke > QUIET_SECONDS:
            at, turn = state(clients, found, machine), ""
            if not at:
                turn = waits_for(clients, known, run.id)
            # Elsewhere, what goes on beside a log would be one more line each time that is quiet
            if console.terminal or turn:
                console.live(at or turn or "waiting for the next step")
        pace.wait(news=news)


def shown_step(found: Sequence[PipelineStep], run: PipelineRun) -> PipelineStep:
    """The running step, else the failed one, else the last one."""
    if not found:
        raise Problem(f"execution {run.id} has not begun: look again in a moment")
    for wanted in ("InProgress", "Failed"):
        for step in found:
            if step.status == wanted:
                return step
    return found[-1]


def follow_endpoint(clients: Clients, endpoint: str, console: Console, once: bool) -> None:
    """Print the endpoint's log, and go on until Ctrl-C unless `once`."""
    group, follower, pace = ENDPOINT_GROUP + endpoint, Follower(clients, console), Pace()
    source = LogSource(f"Endpoint {endpoint}", group, lambda: streams(clients.logs, group))
    news = follower.look([source])
    if not news:
        console.line(f"Endpoint {endpoint} has logged nothing yet.")
    while not once:
        pace.wait(news=news)
        news = follower.look([source])
