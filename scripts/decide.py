"""Approve a version of the model, which deploys it, or reject it."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.decide")

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from scripts.lib import packages, stacks
from scripts.lib.approval import Status
from scripts.lib.approval import decide as write_decision
from scripts.lib.console import Console
from scripts.lib.guard import guarded
from scripts.lib.packages import APPROVED, PENDING, REJECTED, Package
from scripts.lib.problems import FAILED, INTERRUPTED, Problem, error_code, make
from scripts.lib.serving import ServedModel, served
from scripts.lib.session import Clients, add_session_arguments, connect
from scripts.lib.workflow import runs

VERDICTS: dict[str, Status] = {"approve": APPROVED, "reject": REJECTED}
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
    return found or "no reason was given"


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
    tell(clients, known, one, verdict, serving, console)
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
        more = "rejecting it would not take it away: deploy another one"
        if done == APPROVED:
            more = "there is nothing to approve"
        raise Problem(f"version {one.label} serves already: {more}", FAILED)
    if one.status == done:
        by = one.metadata.get("decided-by", "the workflow")
        back = (
            f" {make('status', stack)} tells what came of it, and docs/runbook.md how to go back "
            "to an older model"
        )
        why = one.reason or one.description
        raise Problem(
            f"version {one.label} was {done.lower()} before by {by}: {why}. Nothing was changed."
            f"{back if done == APPROVED else ''}",
            FAILED,
        )


def tell(
    clients: Clients,
    known: Mapping[str, str],
    one: Package,
    verdict: str,
    serving: ServedModel | None,
    console: Console,
) -> None:
    """The figures, what serves now, and what a person may not expect."""
    console.line(f"Version {one.label}, {one.name}", "bold")
    console.paragraph(one.description)
    console.paragraph(
        f"Now endpoint {known['EndpointName']} serves {serving.name}."
        if serving
        else f"Endpoint {known['EndpointName']} serves none yet."
    )
    if one.status != PENDING:
        why = f" ({one.reason})" if one.reason else ""
        console.paragraph(f"It was {one.status.lower()} before{why}; this decides anew.")
    if verdict == "approve" and runs(clients.stepfunctions, known["TrainingWorkflowArn"]):
        console.paragraph("A training runs: its model comes later.")
