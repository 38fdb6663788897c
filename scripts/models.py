"""The versions of the model: how good each is, what became of it, and which one serves."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.models")

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice

from scripts.lib import packages, stacks
from scripts.lib.approval import begun, execution, waits_until
from scripts.lib.console import Console, ago, shorten
from scripts.lib.guard import guarded
from scripts.lib.kept import WITHDRAWN, kept, taken_back
from scripts.lib.packages import APPROVED, PENDING, REJECTED, Package
from scripts.lib.problems import make
from scripts.lib.serving import ServedModel, served, which
from scripts.lib.session import Clients, add_session_arguments, connect

SHOWN = 20


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.models", description=__doc__)
    add_session_arguments(parser)
    args = parser.parse_args(argv)

    def work() -> int:
        clients, now = connect(args.region, args.profile), datetime.now(UTC)
        return models(clients, args.stack, Console(), now)

    return guarded(work, "Nothing was changed.")


def models(clients: Clients, stack: str, console: Console, now: datetime) -> int:
    """One line for each version, the newest first; of a rejected one the reason below."""
    known = stacks.required_outputs(clients.cloudformation, stack)
    found = list(islice(packages.registered(clients, known), SHOWN + 1))
    serving = served(clients, known["EndpointName"])
    if not found:
        console.line("No version of the model is registered yet: each training registers one.")
        console.line(f"{make('train', stack)} trains.")
    else:
        console.line(
            f"  {'version':<21}{'accuracy':>8} {'change':>7}  {'status':<22} {'by':<8}{'when':>7}",
            "bold",
        )
    at_work = which(serving, found)
    keeps = kept(clients, known["VersionPrefix"]) if found else []
    withdrawn = [one for one in keeps if one.served == WITHDRAWN]
    for one in found[:SHOWN]:
        status = "serves" if one is at_work else standing(clients, known, one)
        if any(each.model.is_of(one) for each in withdrawn) and one is not at_work:
            status = WITHDRAWN
        style = {"serves": "green", REJECTED.lower(): "dim"}.get(status)
        console.line(line(one, status, now), style or ("yellow" if one.status == PENDING else None))
        if one.status == REJECTED:
            console.paragraph(shorten(one.reason or one.description, 300), 8)
    if len(found) > SHOWN:
        console.line(f"  and older ones, which {make('trace', stack, 'VERSION=<number>')} shows")
    tell_what_serves(serving, at_work, known["EndpointName"], console)
    return 0


def line(one: Package, status: str, now: datetime) -> str:
    """A version, its accuracy, how much that is above its champion's, and what asked for it."""
    head = f"{one.number:<4} {one.commit or 'of no name'}" if one.number else one.tail
    accuracy = "" if one.accuracy is None else f"{one.accuracy:.1%}"
    change = packages.number(one.metadata.get("difference"))
    told = "" if change is None else f"{change:+.1%}"
    kind, who = (one.metadata.get(name, "") for name in ("trigger", "triggered-by"))
    # What the pipeline's creation has started is known by whom (buildspec/image.yml)
    by = "creation" if kind == "other" and who != "unknown" else shorten(kind, 8)
    when = ago(one.created, now)
    return f"  {head:<21}{accuracy:>8} {told:>7}  {status:<22} {by:<8}{when:>7}".rstrip()


def standing(clients: Clients, known: Mapping[str, str], one: Package) -> str:
    """What was decided about a version, or until when it waits for that."""
    if one.status == PENDING:
        until = waits_until(clients, known, one)
        return f"waits until {until:%Y-%m-%d}" if until else "waits for approval"
    if one.status == APPROVED:
        under_way = begun(clients, execution(known["DeploymentWorkflowArn"], one.name))
        became = under_way[0] if under_way else ""
        return {"RUNNING": "is being deployed", "SUCCEEDED": "approved", "": "approved"}.get(
            became, "deployment failed"
        )
    return {REJECTED: "rejected"}.get(one.status, one.status)


def tell_what_serves(
    serving: ServedModel | None, at_work: Package | None, endpoint: str, console: Console
) -> None:
    """The one that serves, also where it is none of those above."""
    console.line()
    if serving is None:
        console.line(f"Endpoint {endpoint} serves none yet.")
    elif at_work:
        console.line(f"Endpoint {endpoint} serves version {at_work.label}.")
    else:
        console.paragraph(
            f"Endpoint {endpoint} serves model {serving.name}, which is none of these versions.", 0
        )
    if said := taken_back(serving):
        console.paragraph(f"It was {said}.", 0)
