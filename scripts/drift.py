"""Show what the last looks at drift have found, and fetch the report of the last one that compared.

With --run it looks now, and follows that to its end.
"""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.drift")

import argparse
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from scripts.lib import stacks, workflow
from scripts.lib.console import Console, ago
from scripts.lib.guard import guarded
from scripts.lib.looks import compared, found
from scripts.lib.problems import FAILED, Problem, make
from scripts.lib.session import Clients, add_session_arguments, connect
from scripts.report import REPORTS, fetch_page, show

SHOWN = 10


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.drift", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--run", action="store_true", help="look now")
    args = parser.parse_args(argv)

    def work() -> int:
        clients, console = connect(args.region, args.profile), Console()
        known = outputs(clients, args.stack)
        if args.run and (failed := look(clients, known, console)):
            return failed
        return drift(clients, known, args.stack, console, datetime.now(UTC))

    return guarded(work, f"A look that was begun goes on in AWS; see {make('drift', args.stack)}.")


def outputs(clients: Clients, stack: str) -> dict[str, str]:
    """Of a stack that looks for drift."""
    known = stacks.required_outputs(clients.cloudformation, stack)
    if "DriftWorkflowArn" not in known:
        raise Problem(
            f"stack {stack} was deployed before it could look for drift: {make('deploy', stack)} "
            "first"
        )
    return known


def look(clients: Clients, known: Mapping[str, str], console: Console) -> int:
    """Start one look and follow it; answers the exit code."""
    by, event = clients.sts.get_caller_identity()["Arn"], str(uuid.uuid4())
    asked = {"trigger": {"kind": "person", "by": by, "id": event}}
    started = clients.stepfunctions.start_execution(
        stateMachineArn=known["DriftWorkflowArn"], name=event, input=json.dumps(asked)
    )["executionArn"]
    answer = workflow.follow(clients, started, lambda now, _: console.live(now))
    if answer["status"] == "SUCCEEDED":
        return 0
    console.line(f"It ended as {answer['status']}:", "red")
    console.paragraph(str(workflow.failure(clients.stepfunctions, started)))
    return FAILED


def drift(
    clients: Clients, known: Mapping[str, str], stack: str, console: Console, now: datetime
) -> int:
    """The last looks, the newest first, and where the last comparison is shown."""
    listed = clients.stepfunctions.list_executions(
        stateMachineArn=known["DriftWorkflowArn"], maxResults=SHOWN
    )["executions"]
    if not listed:
        described = stacks.describe(clients.cloudformation, stack)
        when = stacks.parameters(described).get("DriftSchedule") if described else ""
        by_itself = make("deploy", stack, 'PARAMS="CapturePercent=20 DriftSchedule=…"')
        first = f"The first look comes by {when}" if when else f"{by_itself} looks by itself"
        console.paragraph(
            f"Nobody has looked for drift yet. {first}, {make('drift', stack, 'RUN=1')} now."
        )
        return 0
    for one in listed:
        console.line(f"  {console.status(one['status'], 10)} {ago(one['startDate'], now):>8}")
        console.paragraph(found(clients, one["executionArn"], one["status"]), 4)
    last = compared(clients, known["ArtifactBucket"])
    place = str(last.get("uri", "")).removeprefix(f"s3://{known['ArtifactBucket']}/").strip("/")
    if not re.fullmatch(r"drift/[A-Za-z0-9-]+/[A-Za-z0-9-]+", place):
        return 0
    path = REPORTS.joinpath(*place.split("/"), "report.html")
    try:
        page = fetch_page(clients.s3, known["ArtifactBucket"], f"{place}/report.html", path)
    except Problem as problem:  # it goes after 90 days (templates/parts/storage.py)
        console.paragraph(f"Its page cannot be shown: {problem}.", 4)
    else:
        show(page, console)
    return 0
