"""Take the endpoint back to a version that has served well: the last one before what serves now, or
the one that is named. One that is not kept any more is deployed anew, if it was approved."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.rollback")

import argparse
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.lib import stacks, workflow
from scripts.lib.approval import execution
from scripts.lib.console import Console, Pace, ago, clock, shorten
from scripts.lib.going_back import Wish, back_to, chosen, made_anew
from scripts.lib.guard import guarded
from scripts.lib.inventory import ServingEndpoint, endpoint
from scripts.lib.kept import NOTHING, ROLLBACK, UNCHECKED, WITHDRAWN, kept, left_for
from scripts.lib.packages import Package
from scripts.lib.problems import FAILED, INTERRUPTED, Problem, error_code, make
from scripts.lib.serving import ServedModel, served
from scripts.lib.session import Clients, add_session_arguments, connect

NO_REASON = "no reason was given"
LONGEST = 1000  # characters of a reason
# What is said of a version that has served, and not well
DOUBTS = {
    WITHDRAWN: "It was withdrawn: it answered wrongly, or the endpoint was taken back from it.",
    UNCHECKED: "It is unchecked: its deployment was broken off while it served already.",
}
NOT_UNDONE = (
    "It does not undo: data, parameters of the stack, code that was pushed. The version comes with "
    "the instance type, the number of instances and the capture that it had; scaling goes on."
)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.rollback", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--to", default="", help="a number, a commit, a name (the last good one)")
    parser.add_argument("--reason", default="", help="why; it stays with the execution")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    args = parser.parse_args(argv)

    def work() -> int:
        reason = cleaned(args.reason)
        clients, console = connect(args.region, args.profile), Console()
        known = outputs(clients, args.stack)
        return rollback(clients, known, args.to, reason, console, args.stack, yes=args.yes)

    look = make("status", args.stack)
    return guarded(work, f"A rollback that was started goes on in AWS: {look} shows how far it is.")


def cleaned(reason: str) -> str:
    """A reason on one line."""
    found = " ".join(reason.split())
    if len(found) > LONGEST:
        raise Problem(f"REASON= has {len(found)} characters: {LONGEST} fit")
    return found or NO_REASON


def outputs(clients: Clients, stack: str) -> dict[str, str]:
    """Of a stack whose deployment workflow can take something back."""
    known = stacks.required_outputs(clients.cloudformation, stack)
    found = stacks.describe(clients.cloudformation, stack)
    if found and "Rollout" not in stacks.parameters(found):
        raise Problem(
            f"stack {stack} was deployed before a model could be taken back: "
            f"{make('deploy', stack)} first"
        )
    return known


def rollback(
    clients: Clients,
    known: Mapping[str, str],
    to: str,
    reason: str,
    console: Console,
    stack: str,
    *,
    yes: bool = False,
) -> int:
    """Show what is meant, ask, start it once, and follow it to its verdict."""
    serving, found = served(clients, known["EndpointName"]), kept(clients, known["VersionPrefix"])
    by = clients.sts.get_caller_identity()["Arn"]
    request = {"by": by, "reason": reason}
    if not to:
        # The workflow leaves only what this choice was made from. Who names a version wants it
        # whatever serves when its turn comes
        request["from"] = serving.name if serving else NOTHING
    others = deploying(clients, known["DeploymentWorkflowArn"])
    if others and not to:
        keep = f", such as TO={serving.name}, which serves now" if serving else ""
        raise Problem(
            f"{others[0]} deploys, so that another version may serve when this one's turn comes: "
            f"pass the one that is wanted then as TO={keep}; or wait, "
            f"{make('status', stack)} shows how far it is",
            FAILED,
        )
    one = chosen(clients, known, found, serving, to, stack)
    if isinstance(one, Package):
        wish = made_anew(clients, known, one, stack)
    else:
        # What serves now is wanted back where another is about to take its place
        at_work = None if others else serving
        wish = back_to(clients, known, one, found, at_work, request, stack)
    tell(clients, known, wish, serving, others, console)
    if not yes:
        try:
            answer = console.ask("Type yes to take it back: ", "--yes (make: YES=1)")
        except KeyboardInterrupt:
            console.line("\nNothing was changed.")
            return INTERRUPTED
        if answer.lower() not in ("y", "yes"):
            console.line("Nothing was changed.")
            return FAILED
    started = start(clients, known["DeploymentWorkflowArn"], wish)
    console.line(f"Started {started.rsplit(':', 1)[1]}", "bold")
    return follow(clients, known, wish, started, console, stack)


def tell(
    clients: Clients,
    known: Mapping[str, str],
    wish: Wish,
    serving: ServedModel | None,
    others: Sequence[str],
    console: Console,
) -> None:
    name, now = known["EndpointName"], datetime.now(UTC)
    found = endpoint(clients, name)
    console.paragraph(
        f"Now endpoint {name} serves {serving.name}."
        if serving
        else f"Endpoint {name} {unknown(found)}."
    )
    one, label = wish.package, wish.package.label if wish.package else "of no registered version"
    console.line(f"To serve: {wish.name} ({label})", "bold")
    if one and one.accuracy is not None:
        console.line(f"  Its accuracy when it was evaluated: {one.accuracy:.1%}")
    if one:
        console.paragraph(one.description)
    if wish.kept:
        console.line(f"  Made {ago(wish.kept.created, now)} ago.")
        if wish.kept.served in DOUBTS:
            console.line(f"  {DOUBTS[wish.kept.served]}", "yellow")
        console.paragraph(NOT_UNDONE)
    else:
        console.paragraph(
            "It is not kept any more, so it is deployed anew, with today's parameters of the stack."
        )
    for other in others:
        console.paragraph(f"{other} deploys now: this waits for its turn behind it.")


def deploying(clients: Clients, machine: str) -> list[str]:
    """Deployments that came before, the oldest first."""
    found = clients.stepfunctions.list_executions(
        stateMachineArn=machine, statusFilter="RUNNING", maxResults=20
    )
    return [one["name"] for one in reversed(found["executions"])]


# ---- from the wish to the verdict


def start(clients: Clients, machine: str, wish: Wish) -> str:
    """Start it under a name of its own. A call whose answer was lost is made again by botocore with
    the same name, which starts nothing more (StartExecution, Step Functions API Reference)."""
    name = f"{ROLLBACK}{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    try:
        clients.stepfunctions.start_execution(
            stateMachineArn=machine, name=name, input=json.dumps(wish.input)
        )
    except ClientError as error:
        if error_code(error) != "ExecutionAlreadyExists":
            raise
    return execution(machine, name)


def follow(
    clients: Clients,
    known: Mapping[str, str],
    wish: Wish,
    started: str,
    console: Console,
    stack: str,
) -> int:
    """Until it has ended. Its version answers as soon as the new fleet has the requests."""
    pace, before, answers = Pace(), "", False
    while True:
        answer = workflow.describe(clients.stepfunctions, started)
        if answer["status"] != "RUNNING":
            break
        if not answers and (answers := bakes(clients, known, wish)):
            console.line(
                f"  {clock(console.elapsed)}  {wish.name} answers now; it is watched for a while",
                "green",
            )
        state = workflow.current_state(workflow.latest(clients.stepfunctions, started))
        now = doing(clients, known, state, started)
        console.live(now)
        pace.wait(news=now != before)
        before = now
    if answer["status"] == "SUCCEEDED":
        output = workflow.parsed(answer.get("output", ""))
        return told(clients, known, wish, output, console, stack)
    console.line(f"It ended as {answer['status']}:", "red")
    console.paragraph(str(workflow.failure(clients.stepfunctions, started)))
    serving = served(clients, known["EndpointName"])
    now = f"serves {serving.name}" if serving else unknown(endpoint(clients, known["EndpointName"]))
    console.line(f"The endpoint {now}.")
    return FAILED


def unknown(found: ServingEndpoint | None) -> str:
    """What is said where no model is found behind the endpoint."""
    if found and found.status == "InService":
        return "serves a model that SageMaker does not know any more"
    return "serves nothing"


def bakes(clients: Clients, known: Mapping[str, str], wish: Wish) -> bool:
    """Whether the version has the requests, while SageMaker still watches it (Baking:
    ProductionVariantStatus, SageMaker API Reference)."""
    try:
        found: Any = clients.sagemaker.describe_endpoint(EndpointName=known["EndpointName"])
    except ClientError:
        return False
    pending = found.get("PendingDeploymentSummary") or {}
    stages = [
        stage["Status"]
        for variant in pending.get("ProductionVariants") or []
        for stage in variant.get("VariantStatus") or []
    ]
    return pending.get("EndpointConfigName") == wish.name and "Baking" in stages


def doing(clients: Clients, known: Mapping[str, str], state: str, started: str) -> str:
    """The state, and in the queue who is first."""
    if "Turn" not in state and state != "DescribeFirst":
        return state
    others = [
        one
        for one in deploying(clients, known["DeploymentWorkflowArn"])
        if one != started.rsplit(":", 1)[1]
    ]
    return f"waits for its turn behind {others[0]}" if others else state


def told(
    clients: Clients,
    known: Mapping[str, str],
    wish: Wish,
    output: Mapping[str, Any],
    console: Console,
    stack: str,
) -> int:
    """A run that ended well: what serves, how it came, and what was asked of it."""
    serves = str(output.get("serves", ""))
    name = known["EndpointName"]
    rollout = output.get("rollout")
    if serves != wish.name:
        console.paragraph(f"Endpoint {name} serves {serves}: another one was asked for later.")
        return FAILED
    if rollout is None:
        console.line(f"Endpoint {name} served it already when its turn came.", "green")
        return 0
    console.line(f"Endpoint {name} serves {wish.name}.", "green")
    why = f"{rollout.get('type', '')} ({rollout.get('why', '')})"
    asked = output.get("golden")
    known_answers = asked if isinstance(asked, dict) else {}
    number = known_answers.get("asked") or "none"
    because = f" ({known_answers['why']})" if "why" in known_answers else ""
    told = f"It came {why}; golden requests that it answered: {number}{because}."
    console.paragraph(shorten(told, 300))
    if wish.kept:
        if left := left_for(clients, wish.name):
            became = "is kept, and not withdrawn"
            if left.tags.get("served") == WITHDRAWN:
                became = "is withdrawn: the next ordinary deployment removes it"
            console.paragraph(f"{left.name}, which was left, {became}.")
        console.paragraph(
            f"The next model is held against {wish.name}. {make('trace', stack)} shows what serves."
        )
    return 0
