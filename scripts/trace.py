"""From what serves back to who wrote it: version, evaluation, training, data, images, commit, and
who decided. A link that is missing is told, and what lies behind it is still looked for."""

if __name__ == "__main__":
    from scripts.lib.entry import begin

    begin("scripts.trace")

import argparse
import json
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

from scripts.lib import chain, packages, stacks
from scripts.lib.chain import Link
from scripts.lib.console import Console
from scripts.lib.guard import guarded
from scripts.lib.session import add_session_arguments, connect

WHAT, SOURCE = 16, 14  # columns


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.trace", description=__doc__)
    add_session_arguments(parser)
    parser.add_argument("--version", default="", help="a number, a commit, a name (what serves)")
    parser.add_argument("--json", action="store_true", help="all of it, for programs")
    args = parser.parse_args(argv)

    def work() -> int:
        clients, console = connect(args.region, args.profile), Console()
        known = stacks.required_outputs(clients.cloudformation, args.stack)
        found = chain.Chain(clients, known)
        if args.version:
            found.of_version(packages.find(clients, known, args.version, args.stack))
        else:
            found.of_endpoint()
        if args.json:
            print(as_json(found.links))
        else:
            console.line(f"Stack {args.stack}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "bold")
            show(found.links, console)
        return 0

    return guarded(work, "Nothing was changed.")


def as_json(links: Sequence[Link]) -> str:
    """Each link by the name that it has in the table."""
    whole = {}
    for one in links:
        found = {"value": one.value, "from": one.source}
        whole[one.what] = {"missing": one.missing} if one.missing else found
    return json.dumps(whole, indent=2, ensure_ascii=False)


def show(links: Sequence[Link], console: Console) -> None:
    """A row for each link: what, its value in as many lines as it takes, and from where."""
    room = console.width - 2 - WHAT - SOURCE - 2
    for one in links:
        if one.missing:
            first, *more = cut(one.missing, console.width - 2 - WHAT)
            console.line(f"  {one.what:<{WHAT}}{first}", "yellow")
            for line in more:
                console.line(f"  {'':<{WHAT}}{line}", "yellow")
            continue
        first, *more = cut(one.value, room)
        source = console.paint(one.source, "dim")
        console.line(f"  {one.what:<{WHAT}}{first:<{room}}  {source}")
        for line in more:
            console.line(f"  {'':<{WHAT}}{line}")


def cut(text: str, room: int) -> list[str]:
    """Lines of at most so many columns: an address is cut where it must be, and nowhere else."""
    return textwrap.wrap(text, room, break_on_hyphens=False) or [""]
