"""What runs, waits, serves and drifts: the stack, its pipeline, trainings, versions, endpoint."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.status")

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice

from scripts.lib import jobs, operations, packages, pipeline, stacks, watched, workflow
from scripts.lib.approval import tell_undeployed, tell_waiting
from scripts.lib.console import Console, ago, shorten
from scripts.lib.guard import guarded
from scripts.lib.inventory import endpoint, served_version, take
from scripts.lib.jobs import BegunJob
from scripts.lib.kept import ROLLBACK, taken_back
from scripts.lib.problems import FAILED, make
from scripts.lib.serving import served
from scripts.lib.session import Clients, add_session_arguments, connect
from scripts.lib.trainings import TrainingRun, jobs_by_turn, trainings

WAITING = 5  # versions that wait, the newest first, are told of
SHOWN = 5  # trainings


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.status", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--exit-code", action="store_true", help="exit 1 if the last run failed")
    args = parser.parse_args(argv)

    def work() -> int:
        clients, now = connect(args.region, args.profile), datetime.now(UTC)
        failed = status(clients, args.stack, Console(), now)
        return FAILED if failed and args.exit_code else 0

    return guarded(work, "Nothing was changed.")


def status(clients: Clients, stack: str, console: Console, now: datetime) -> bool:
    """Print the state of everything; answers whether the last run failed."""
    found = stacks.describe(clients.cloudformation, stack)
    if found is None:
        nothing_here(clients, stack, console)
        return False
    console.line(f"Stack {stack}  {found['StackStatus']}  {clients.region}", "bold")
    known = stacks.outputs(found)
    if not known:
        console.line(f"  It has no outputs: {no_outputs(stack, found['StackStatus'])}")
        return False
    failed = show_pipeline(clients, known, console, now)
    show_workflow(clients, known, console, now, told=failed)
    show_versions(clients, known, stack, console, now)
    show_endpoint(clients, known, console, now)
    watched.show_alarms(clients, stack, console, now)
    watched.show_drift(clients, known, found, console, now)
    watched.show_schedules(found, console)
    if failed:
        console.line()
        console.line(f"Next: {make('logs', stack)} shows the log. Mend it and push, or try")
        console.line(f"again with {make('train', stack)}.")
    return failed


def no_outputs(stack: str, status: str) -> str:
    """What to do about a stack that is not complete."""
    if status == "DELETE_IN_PROGRESS":
        return "it is being deleted"
    if status == "DELETE_FAILED":
        return f"{make('destroy', stack)} goes on with its deletion"
    if status in operations.DEAD:
        return f"{make('deploy', stack)} removes this failed try, asking first, and begins anew"
    return f"{make('create-stack', stack)} follows what is done to it"


def nothing_here(clients: Clients, stack: str, console: Console) -> None:
    """Say that there is no stack, and what an earlier one left.

    The bucket that `deploy` begins with is not left from anything: only the rest may be in the way.
    """
    console.line(f"Nothing here: there is no stack {stack} in {clients.region}.")
    found = take(clients, stack)
    begun = [one for one in found.records if one.alive]
    buckets = [name for one in begun for name in one.physical("AWS::S3::Bucket")]
    found.stacks = []
    found.data = [one for one in found.data if one.physical not in buckets]
    for line in found.lines():
        console.line(f"  left from earlier: {line}", "yellow")
    if found.lines():
        console.line(f"{make('destroy', stack)} removes it, with all that it holds.")
        console.line(f"Then {make('deploy', stack)} creates a new stack.")
    else:
        console.line(f"{make('deploy', stack)} creates it.")


def show_pipeline(clients: Clients, known: dict[str, str], console: Console, now: datetime) -> bool:
    """Each stage's last state, and why the last run failed if it did."""
    name = known["PipelineName"]
    runs = {one.id: one for one in pipeline.runs(clients.codepipeline, name)}
    console.line()
    console.line(f"Pipeline {name}", "bold")
    for stage in clients.codepipeline.get_pipeline_state(name=name)["stageStates"]:
        last = stage.get("latestExecution")
        if not last:
            console.line(f"  {stage['stageName']:<8} not reached yet")
            continue
        changes = [one.get("latestExecution", {}) for one in stage.get("actionStates", [])]
        times = [one["lastStatusChange"] for one in changes if "lastStatusChange" in one]
        run = runs.get(last["pipelineExecutionId"])
        what = f"{run.commit} {run.message}" if run else ""
        head = f"  {stage['stageName']:<8} {console.status(last['status'], 11)}"
        console.line(
            f"{head} {ago(max(times, default=None), now):>8}  {shorten(what, 45)}".rstrip()
        )
    newest = next(iter(runs.values()), None)
    if newest is None:
        console.line("  It has not run yet.")
        return False
    # An earlier run may still train while the newest one waits for its turn
    running = [one for one in runs.values() if one.status == "InProgress"]
    for run in dict.fromkeys([*reversed(running), newest]):
        show_steps(clients, known, run, console)
    return newest.status == "Failed"


def show_steps(
    clients: Clients, known: dict[str, str], run: pipeline.PipelineRun, console: Console
) -> None:
    """What one run is at, or why it failed."""
    for step in pipeline.steps(clients.codepipeline, known["PipelineName"], run.id):
        if step.status == "InProgress":
            at = pipeline.doing(clients, step, known["TrainingWorkflowArn"])
            console.line(f"  Now: {at}", "cyan")
        elif step.status == "Failed" and run.status != "InProgress":
            console.line(f"  {step.stage} failed:", "red")
            for line in pipeline.reason(clients, step, known["TrainingWorkflowArn"]):
                console.paragraph(line, 4)


def show_workflow(
    clients: Clients, known: dict[str, str], console: Console, now: datetime, *, told: bool
) -> None:
    """The last trainings, what came of each, and what was asked for beside them; the newest one's
    failure in words unless `told`."""
    console.line()
    console.line("Training workflow", "bold")
    found = trainings(clients, known["TrainingWorkflowArn"])
    made = jobs_by_turn(found, jobs.trainings(clients, known["VersionPrefix"]) if found else [])
    seen, needless = list[TrainingRun](), list[TrainingRun]()
    for run in found:
        (needless if run.nothing else seen).append(run)
        if run.nothing:
            continue
        what = f"{run.commit} {measured(clients, made[run.arn])}".strip()
        asked = f"for {run.asked}" if run.asked else ""
        line = f"{console.status(run.status, 10)} {ago(run.started, now):>8}"
        console.line(f"  {line}  {shorten(', '.join(filter(None, (what, asked))), 57)}".rstrip())
        show_outcome(clients, known, run, console, told=told or len(seen) > 1)
        if len(seen) == SHOWN:
            break
    if needless:
        words = f"{len(needless)} more asked, and had nothing trained"
        last = needless[0]
        console.paragraph(
            f"{words}; the last {ago(last.started, now)} ago, for {last.asked}: {last.nothing}."
        )
    if not found:
        console.line("  It has not run yet.")


def show_outcome(
    clients: Clients, known: dict[str, str], run: TrainingRun, console: Console, *, told: bool
) -> None:
    """Where one is that has no run of the pipeline; why the newest has failed, or has deployed
    nothing."""
    if run.status == "RUNNING":
        if run.is_asked:
            console.paragraph(f"Now: {workflow.where(clients, run.arn)}", 4)
    elif told:
        pass
    elif run.status != "SUCCEEDED":
        console.paragraph(str(workflow.failure(clients.stepfunctions, run.arn)), 4)
    elif undone := workflow.undeployed(clients.stepfunctions, run.arn):
        if undone.waits:
            left = packages.read(clients, known, undone.waits)
            tell_undeployed(clients, known, left, console, 4)
        else:
            console.paragraph(undone.why, 4)


def measured(clients: Clients, made: Sequence[BegunJob]) -> str:
    """What the last training job of a run measured and ran on, or an empty text."""
    names = [one.name for one in made]
    if not names:
        return ""
    job = clients.sagemaker.describe_training_job(TrainingJobName=names[0])
    metrics, words = jobs.metrics(job), jobs.capacity(job)
    if "eval:accuracy" in metrics:
        words.insert(0, f"accuracy {metrics['eval:accuracy']:.1%}")
    if jobs.fell_back(names[0], names):
        words.append("on demand after spot")
    return ", ".join(words)


def show_versions(
    clients: Clients, known: dict[str, str], stack: str, console: Console, now: datetime
) -> None:
    """The newest version's verdict, what waits for a person's, and what a decision has come to."""
    console.line()
    console.line("Versions", "bold")
    one = packages.newest(clients, known)
    if one is None:
        console.line("  None is registered yet.")
    elif one.status != packages.PENDING:
        made = f"{ago(one.created, now)} ago"
        console.line(f"  Newest: version {one.label}, {one.status.lower()}, {made}")
        console.paragraph(one.description, 4)
    for waiting in islice(packages.registered(clients, known, packages.PENDING), WAITING):
        tell_waiting(clients, known, waiting, stack, console)
    if "ApprovalWorkflowArn" in known:
        show_decision(clients, known["ApprovalWorkflowArn"], console, now)


def show_decision(clients: Clients, machine: str, console: Console, now: datetime) -> None:
    """How far the last decision is, or why it has come to nothing. Those that only wait for one are
    no decisions."""
    found = clients.stepfunctions.list_executions(stateMachineArn=machine, maxResults=50)
    decisions = [one for one in found["executions"] if not one["name"].startswith("wait-")]
    if not decisions or decisions[0]["status"] == "SUCCEEDED":
        return
    last, when = decisions[0]["executionArn"], ago(decisions[0]["startDate"], now)
    about = decided_about(clients, last)
    if decisions[0]["status"] == "RUNNING":
        console.line(f"  Decided {when} ago{about}: {workflow.where(clients, last)}", "cyan")
    else:
        console.line(f"  A decision of {when} ago{about} was not carried out:", "red")
        console.paragraph(str(workflow.failure(clients.stepfunctions, last)), 4)


def decided_about(clients: Clients, execution: str) -> str:
    """Which version a decision is about, where the registry's event or a person has named it."""
    answer = clients.stepfunctions.describe_execution(executionArn=execution)
    given = workflow.parsed(answer.get("input", ""))
    number, name = given.get("ModelPackageVersion"), given.get("name")
    return f" about version {number or name}" if number or name else ""


def show_endpoint(clients: Clients, known: dict[str, str], console: Console, now: datetime) -> None:
    """The endpoint's status and the version that it serves."""
    console.line()
    console.line(f"Endpoint {known['EndpointName']}", "bold")
    found = endpoint(clients, known["EndpointName"])
    if found is None:
        console.line("  There is none yet: the first model that passes the gate makes it.")
        return
    version = served_version(found.config, known["VersionPrefix"])
    since = ago(found.changed, now)
    console.line(f"  {console.status(found.status)}  version {version}  changed {since} ago")
    serving = served(clients, known["EndpointName"]) if found.status == "InService" else None
    if said := taken_back(serving):
        console.paragraph(said)
    if found.reason:
        console.line(f"  {found.reason}", "red")
    if "DeploymentWorkflowArn" in known:
        show_rollback(clients, known["DeploymentWorkflowArn"], console)


def show_rollback(clients: Clients, machine: str, console: Console) -> None:
    """How far one is that is under way, or why the last deployment, if it was one, has failed."""
    found = clients.stepfunctions.list_executions(stateMachineArn=machine, maxResults=20)
    ours = [one for one in found["executions"] if one["name"].startswith(ROLLBACK)]
    for one in ours:
        if one["status"] == "RUNNING":
            at = workflow.where(clients, one["executionArn"])
            console.line(f"  Now: {one['name']}, {at}", "cyan")
    newest = next(iter(found["executions"]), None)
    if newest in ours and newest and newest["status"] not in ("RUNNING", "SUCCEEDED"):
        console.line(f"  {newest['name']} failed:", "red")
        why = workflow.failure(clients.stepfunctions, newest["executionArn"])
        console.paragraph(str(why), 4)
