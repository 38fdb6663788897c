"""Approve a version of the model, which deploys it, or reject it."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.decide")

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from scripts.lib import packages, stacks
from scripts.lib.approval import Status, begun, execution
from scripts.lib.approval import decide as write_decision
from scripts.lib.console import Console
from scripts.lib.going_back import would_be_taken
from scripts.lib.guard import guarded
from scripts.lib.packages import APPROVED, PENDING, REJECTED, Package
from scripts.lib.problems import FAILED, INTERRUPTED, Problem, error_code, make
from scripts.lib.serving import ServedModel, served
from scripts.lib.session import Clients, add_session_arguments, connect
from scripts.lib.workflow import runs

VERDICTS: dict[str, Status] = {"approve": APPROVED, "reject": REJECTED}
NO_REASON = "no reason was given"
REFUSED = "refused"  # what the gate says of a version, in its metadata as `verdict`
LONGEST = 1000  # characters of a reason (AWS: UpdateModelPackage, ApprovalDescription: 1024)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.decide", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("verdict", choices=VERDICTS)
    parser.add_argument("--version", default="", help="default: the only one that waits")
    parser.add_argument("--reason", default="", help="why; it stays with the version")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    args = parser.parse_args(argv)

    def work() -> int:
        reason = cleaned(args.verdict, args.reason)
        clients, console = connect(args.region, args.profile), Console()
        known = stacks.required_outputs(clients.cloudformation, args.stack)
        one = chosen(clients, known, args.version, args.stack)
        return decide(
            clients, known, one, args.verdict, reason, console, stack=args.stack, yes=args.yes
        )

    return guarded(work, f"{make('models', args.stack)} shows what was decided.")


def cleaned(verdict: str, reason: str) -> str:
    """A reason on one line; a rejection has one."""
    found = " ".join(reason.split())
    if verdict == "reject" and not found:
        raise Problem('a rejection says why, for those who ask later: pass REASON="…"')
    if len(found) > LONGEST:
        raise Problem(f"REASON= has {len(found)} characters: {LONGEST} fit")
    return found or NO_REASON


def chosen(clients: Clients, known: Mapping[str, str], text: str, stack: str) -> Package:
    """The version that is named, or the only one that waits."""
    if text:
        return packages.find(clients, known, text, stack)
    waiting = list(packages.registered(clients, known, PENDING))
    if len(waiting) == 1:
        return waiting[0]
    if not waiting:
        raise Problem(
            "no version waits for a decision; to decide anew about one, pass VERSION=: "
            f"{make('models', stack)} lists them"
        )
    listed = "; ".join(f"{one.label}: {one.description}" for one in waiting)
    raise Problem(f"{len(waiting)} versions wait: pass VERSION=, one of {listed}")


def decide(
    clients: Clients,
    known: Mapping[str, str],
    one: Package,
    verdict: str,
    reason: str,
    console: Console,
    *,
    stack: str,
    yes: bool = False,
) -> int:
    """Show what is decided on, ask, write the decision down, and say what happens now."""
    serving = served(clients, known["EndpointName"])
    check(one, verdict, serving, stack)
    if verdict == "approve":
        check_approval(clients, known, one, reason, stack)
    tell(clients, known, one, verdict, serving, console, stack)
    if not yes:
        try:
            answer = console.ask(f"Type yes to {verdict} it: ", "--yes (make: YES=1)")
        except KeyboardInterrupt:
            console.line("\nNothing was changed.")
            return INTERRUPTED
        if answer.lower() not in ("y", "yes"):
            console.line("Nothing was changed.")
            return FAILED
    try:
        write_decision(clients, known, one, VERDICTS[verdict], reason, datetime.now(UTC))
    except ClientError as error:
        if error_code(error) in ("ConflictException", "ExecutionAlreadyExists"):
            raise Problem(
                f"somebody else decides on version {one.label} at this moment: look at "
                f"{make('models', stack)}, then repeat it if it is still needed",
                FAILED,
            ) from None
        raise
    if verdict == "approve":
        console.line(f"Version {one.label} is approved: its deployment begins by itself.", "green")
        console.line(f"{make('status', stack)} shows how far it is.")
    else:
        console.line(f"Version {one.label} is rejected: it will not be deployed.", "green")
    return 0


def check(one: Package, verdict: str, serving: ServedModel | None, stack: str) -> None:
    """Refuse what would decide nothing."""
    done = VERDICTS[verdict]
    if serving and serving.is_of(one):
        more = f"rejecting it would not take it away: {make('rollback', stack)} does"
        if done == APPROVED:
            more = "there is nothing to approve"
        raise Problem(f"version {one.label} serves already: {more}", FAILED)
    if one.status == done == REJECTED:
        raise Problem(f"{before(one)}. Nothing was changed.", FAILED)


def check_approval(
    clients: Clients, known: Mapping[str, str], one: Package, reason: str, stack: str
) -> None:
    """What was approved is approved again only where that has begun no deployment: a deployment has
    the version's name, which is used once. What the gate refused is wanted for a reason."""
    if one.metadata.get("verdict") == REFUSED and reason == NO_REASON:
        raise Problem(
            f"version {one.label} was refused ({one.description}): who wants it all the same says "
            'why, for those who ask later: pass REASON="…"'
        )
    if one.status != APPROVED:
        return
    deployment = begun(clients, execution(known["DeploymentWorkflowArn"], one.name))
    if deployment is None:
        return
    way = ""
    if deployment[0] != "RUNNING" and would_be_taken(clients, known, one):
        way = f", and {make('rollback', stack, f'TO={one.short}')} brings it to the endpoint"
    raise Problem(
        f"{before(one)}. Its deployment has begun, so nothing was changed. "
        f"{make('status', stack)} tells what came of it{way}",
        FAILED,
    )


def before(one: Package) -> str:
    """Who has decided so before, and why."""
    by, why = one.metadata.get("decided-by", "the workflow"), one.reason or one.description
    return f"version {one.label} was {one.status.lower()} before by {by}: {why}"


def tell(
    clients: Clients,
    known: Mapping[str, str],
    one: Package,
    verdict: str,
    serving: ServedModel | None,
    console: Console,
    stack: str,
) -> None:
    """The figures, what serves now, and what a person may not expect."""
    console.line(f"Version {one.label}, {one.name}", "bold")
    console.paragraph(one.description)
    console.paragraph(
        f"Now endpoint {known['EndpointName']} serves {serving.name}."
        if serving
        else f"Endpoint {known['EndpointName']} serves none yet."
    )
    if one.status == APPROVED and verdict == "approve":
        console.paragraph("It was approved before, and no deployment began; this repeats it.")
    elif one.status != PENDING:
        why = f" ({one.reason})" if one.reason else ""
        console.paragraph(f"It was {one.status.lower()} before{why}; this decides anew.")
    if verdict == "approve" and one.metadata.get("verdict") == REFUSED:
        console.line("  The gate refused it: it is deployed by your decision alone.", "yellow")
    if verdict == "approve" and runs(clients.stepfunctions, known["TrainingWorkflowArn"]):
        # Deployments are ordered by when each was asked for: a training's when it began
        # (templates/workflows/deployment/order.py), this one's now
        found = stacks.describe(clients.cloudformation, stack)
        manual = found is not None and stacks.parameters(found).get("Approval") == "Manual"
        then = "its model will wait for a decision too" if manual else "it will not replace this"
        console.paragraph(f"A training runs that began before this decision: {then}.")
